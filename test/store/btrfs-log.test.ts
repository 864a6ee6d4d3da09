// Tests moves of directories on btrfs, which writes synced changes to its own log and replays the
// log at the next mount. The log must not contain both names of a moved directory, because such a
// filesystem can no longer be mounted.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { connect, type Client } from "../../src/client/index.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { makeImage, mountImage, unmount } from "../support/filesystem.js";
import { cannotMount, withScratchDir } from "../support/scratch.js";
import {
  collect,
  createGate,
  entriesOf,
  heldBack,
  makeSmallSource,
  packDirectory,
} from "./contents.js";

const exec = promisify(execFile);
/** The number exceeds the names that btrfs keeps in memory before it writes them to the tree. */
const crowd = 700;

test(
  "a disk that is cut off after Create can be mounted, and the snapshot exists",
  { skip: cannotMount("btrfs") },
  () =>
    withScratchDir(async (scratch) => {
      const [image, copy] = [join(scratch, "image"), join(scratch, "copy")];
      const [mounted, again] = [join(scratch, "mounted"), join(scratch, "again")];
      await makeImage("btrfs", image, 256);
      for (const path of [mounted, again]) await mkdir(path);
      const tar = await collect(packDirectory(await makeSmallSource(join(scratch, "small"))));
      await onImage(image, mounted, async (client, root) => {
        await exec("sync", ["--file-system", mounted]);
        const gate = createGate();
        const upload = client.create({ config: { name: "stored" } }, heldBack(tar, gate));
        await eventually("an upload", async () => (await entriesOf(root, "staging")).length > 0);
        await makeCrowd(join(mounted, "crowd"));
        gate.open();
        await upload;
        await exec("cp", ["--sparse=always", image, copy]);
      });
      await onImage(copy, again, async (client) => {
        const { bytes } = await client.restore("stored");
        assert.ok((await collect(bytes)).length > 0);
      });
    }),
);

/** Mounts the image and serves the store in it. */
async function onImage(
  image: string,
  mountPoint: string,
  body: (client: Client, root: string) => Promise<void>,
): Promise<void> {
  await mountImage(image, mountPoint);
  try {
    const root = join(mountPoint, "root");
    await using daemon = await startDaemonProcess(root);
    await using client = connect(daemon.address);
    await body(client, root);
  } finally {
    await unmount(mountPoint);
  }
}

async function makeCrowd(directory: string): Promise<void> {
  await mkdir(directory);
  for (let n = 0; n < crowd; n += 1) await writeFile(join(directory, `${n}`), "");
}
