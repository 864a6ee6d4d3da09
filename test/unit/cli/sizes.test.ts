// Tests that sizes in errors are written for people, with the words of `ls`, `du` and `gc`.
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { formatBytesApart } from "../../../src/base/sizes.js";
import { connect } from "../../../src/client/index.js";
import { startDaemonProcess } from "../../support/daemon-process.js";
import { failsWith } from "../../support/errors.js";
import { patternBytes, withScratchDir } from "../../support/scratch.js";
import { packDirectory } from "../../store/contents.js";
import { runStasis } from "./run-stasis.js";

const mib = 1024 * 1024;

test("errors about quotas, limits and sizes are for people, and their metadata has exact bytes", () =>
  withScratchDir(async (scratch) => {
    const source = join(scratch, "vm");
    await mkdir(source);
    await writeFile(join(source, "mem"), patternBytes(2 * mib, 1));
    await using small = await startDaemonProcess(join(scratch, "small"), { "max-store": "1MiB" });
    await using client = connect(small.address);
    const error = await failsWith(client.create({}, packDirectory(source)), "STORAGE_FULL");
    assert.match(
      error.message,
      /^the snapshots of the store would be charged 1\.\d+ MiB; at most 1 MiB are allowed/,
    );
    assert.equal(error.metadata["max"], String(mib));
    assert.ok(Number(error.metadata["actual"]) > mib);

    const flags = { "max-upload": "4MiB" };
    await using daemon = await startDaemonProcess(join(scratch, "root"), flags);
    const run = (...args: string[]) => runStasis(["--addr", daemon.address, ...args]);
    await writeFile(join(source, "more"), patternBytes(3 * mib, 2));
    const upload = await run("create", source);
    assert.match(
      upload.stderr,
      /size of the upload: expected at most 4 MiB \(limit max_upload_bytes\)/,
    );
    const config = join(scratch, "config.json");
    await writeFile(config, JSON.stringify({ hypervisor: "firecracker", memory: 3 * mib }));
    const moved = await run("create", source, "--move", "--config", config);
    // The directory has no snapshot.json.
    assert.match(
      moved.stderr,
      /^stasis: mem has 2 MiB, but the configuration says memory of 3 MiB\n/,
    );
  }));

test("two different sizes never look the same", () => {
  assert.deepEqual(formatBytesApart(2 * mib, mib), ["2 MiB", "1 MiB"]);
  assert.deepEqual(formatBytesApart(mib + 1, mib), [
    "1 MiB (1048577 bytes)",
    "1 MiB (1048576 bytes)",
  ]);
});

/**
 * These files and folders report positions in archives and lengths of texts and frames, which must
 * be exact.
 */
const exact = [
  ...["archive", "base/sizes.ts", "client/address.ts", "config/check.ts", "model"],
  ...["files/block-table-codec.ts", "files/verified-read.ts", "remote/format", "replication"],
  ...["transport/codec.ts", "transport/services/frames.ts", "transport/unix-socket.ts"],
];

test("no other message contains a raw number of bytes", async () => {
  const root = fileURLToPath(new URL("../../../../src", import.meta.url));
  const found: string[] = [];
  for (const name of await readdir(root, { recursive: true })) {
    if (!name.endsWith(".ts") || exact.some((each) => name.startsWith(each))) continue;
    const text = await readFile(join(root, name), "utf8");
    for (const [raw] of text.matchAll(/\$\{[^}]*\} (?:reserved )?bytes\b/g)) {
      found.push(`${name}: ${raw}`);
    }
  }
  assert.deepEqual(found, []);
});
