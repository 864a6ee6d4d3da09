// Tests delta archives with an earlier build: it refuses them, and a client of today notices that
// its daemon cannot make them.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { connect, type Client } from "../../src/client/index.js";
import { packDirectory } from "../store/contents.js";
import { collect } from "../support/chunks.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { buildCommit, cannotBuild } from "../support/earlier-build.js";
import { failsWith } from "../support/errors.js";
import { withScratchDir } from "../support/scratch.js";

/** This is the last commit without delta archives. */
const earlier = "1baede9";

async function storePair(client: Client, directory: string): Promise<void> {
  for (const name of ["parent", "child"]) {
    await mkdir(join(directory, name), { recursive: true });
    const bytes = Buffer.alloc(1024 * 1024, 7);
    if (name === "child") bytes.fill(8, 4096, 8192);
    await writeFile(join(directory, name, "memory"), bytes);
    await client.create({ config: { name } }, packDirectory(join(directory, name)));
  }
}

test(
  "an earlier build refuses a delta archive, and a client refuses what it sends in place of one",
  { skip: cannotBuild(earlier, "any Node") },
  () =>
    withScratchDir(async (directory) => {
      const at = (name: string): string => join(directory, name);
      await using now = await startDaemonProcess(at("now"));
      await using client = connect(now.address);
      await storePair(client, at("vm"));
      await using delta = await client.export({ ref: "child", deltaFrom: "parent" });
      const archive = await collect(delta.bytes);
      assert.ok(archive.length < 64 * 1024);

      const program = pathToFileURL(await buildCommit(earlier, at("build")));
      await using before = await startDaemonProcess(at("before"), {}, undefined, {}, program);
      await using old = connect(before.address);
      await storePair(old, at("vm-old"));
      const { hint, message } = await failsWith(
        old.import({}, once(archive)),
        "ENVELOPE_VERSION_UNSUPPORTED",
      );
      assert.match(message, /expected version 1, found 2/);
      assert.match(hint ?? "", /newer version/);
      assert.equal((await old.list()).snapshots.length, 2);
      await failsWith(old.export({ ref: "child", deltaFrom: "parent" }), "NOT_IMPLEMENTED");
    }),
);

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}
