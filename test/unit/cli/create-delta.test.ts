// Tests `stasis create --parent`, which stores a snapshot from its parent and the changes. The
// changes are sent by the client, or read by the daemon on its node.
import assert from "node:assert/strict";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startDaemonProcess } from "../../support/daemon-process.js";
import { patternBytes, withScratchDir } from "../../support/scratch.js";
import { runStasis } from "./run-stasis.js";

const kib = 1024;
const sizeBytes = 600 * kib;
const page = { offset: 300 * kib, bytes: patternBytes(4 * kib, 9) };

test("create --parent stores the parent with the data of the delta files over it", () =>
  withScratchDir(async (scratch) => {
    const [source, delta] = [join(scratch, "vm"), join(scratch, "delta")];
    await mkdir(source);
    await mkdir(delta);
    const memory = patternBytes(sizeBytes, 1);
    await writeFile(join(source, "memory"), memory);
    await writeFile(join(source, "state"), "saved");
    await using changes = await open(join(delta, "memory"), "wx");
    await changes.truncate(sizeBytes);
    await changes.write(page.bytes, 0, page.bytes.length, page.offset);

    await using daemon = await startDaemonProcess(join(scratch, "root"));
    const run = (...args: string[]) => runStasis(["--addr", daemon.address, ...args]);
    const stored = await run("create", source, "--name", "parent");
    assert.equal(stored.code, 0, stored.stderr);
    const over = ["--parent", "parent", "--delta", "memory", "--inherit"];
    const sent = await run("create", delta, ...over, "--name", "sent");
    assert.equal(sent.code, 0, sent.stderr);
    const onNode = await run("create", delta, ...over, "--on-node", "--name", "read");
    assert.equal(onNode.code, 0, onNode.stderr);

    page.bytes.copy(memory, page.offset);
    for (const name of ["sent", "read"]) {
      const place = join(scratch, name);
      const restored = await run("restore", name, "--to", place);
      assert.equal(restored.code, 0, restored.stderr);
      assert.ok((await readFile(join(place, "memory"))).equals(memory), name);
      assert.equal(await readFile(join(place, "state"), "utf8"), "saved");
    }
  }));

test("create refuses options of deltas that contradict each other", async () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await runStasis(["create", "/nowhere", ...args]);
    assert.equal(code, 2, stderr);
    return stderr;
  };
  assert.match(await refused("--delta", "memory"), /--delta needs --parent/);
  assert.match(await refused("--on-node"), /--on-node needs --parent/);
  assert.match(await refused("--parent", "a", "--move"), /--move and --parent exclude each other/);
});
