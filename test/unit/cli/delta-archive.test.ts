// Tests `stasis export --delta-from` and the import of its archive on another node.
import assert from "node:assert/strict";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startDaemonProcess } from "../../support/daemon-process.js";
import { patternBytes, withScratchDir } from "../../support/scratch.js";
import { runStasis } from "./run-stasis.js";

const kib = 1024;

test("an archive of export --delta-from is small, and import makes the whole snapshot of it", () =>
  withScratchDir(async (scratch) => {
    const at = (name: string): string => join(scratch, name);
    const memory = patternBytes(2048 * kib, 1);
    for (const name of ["parent", "child"]) {
      await mkdir(at(name));
      await writeFile(join(at(name), "memory"), memory);
      patternBytes(4 * kib, 2).copy(memory, 512 * kib);
    }
    await using here = await startDaemonProcess(at("here"));
    await using there = await startDaemonProcess(at("there"));
    const done = async (address: string, ...args: string[]): Promise<string> => {
      const { code, stderr, stdout } = await runStasis(["--addr", address, ...args]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    for (const name of ["parent", "child"]) {
      await done(here.address, "create", at(name), "--name", name);
    }
    const archive = at("child.tar");
    await done(here.address, "export", "child", "--delta-from", "parent", "-o", archive);
    assert.ok((await stat(archive)).size < 64 * kib);
    const missing = await runStasis(["--addr", there.address, "import", archive]);
    assert.equal(missing.code, 3, missing.stderr);
    assert.match(missing.stderr, /Pull or import that snapshot first/);
    await done(there.address, "create", at("parent"), "--name", "base");
    for (const args of [[], ["--parent", "base"]]) {
      const id = (await done(there.address, "import", archive, ...args, "--replace")).trim();
      const place = at(id);
      await done(there.address, "restore", id, "--to", place);
      const changed = await readFile(join(at("child"), "memory"));
      assert.ok((await readFile(join(place, "memory"))).equals(changed));
    }
    await mkdir(at("unpacked"));
    const { code, stderr } = await runStasis([
      ...["--addr", there.address, "import"],
      await unpackedFrom(archive, at("unpacked")),
    ]);
    assert.equal(code, 7, stderr);
    assert.match(stderr, /was unpacked from a delta archive/);
  }));

/**
 * Makes the directory that a program leaves if it unpacks the archive and ignores deltas: the
 * envelope, which is the archive's first entry, and a file of zeros. Returns its path.
 */
async function unpackedFrom(archive: string, directory: string): Promise<string> {
  const bytes = await readFile(archive);
  const sizeBytes = parseInt(bytes.subarray(124, 136).toString("latin1"), 8);
  await writeFile(join(directory, "snapshot.json"), bytes.subarray(512, 512 + sizeBytes));
  await writeFile(join(directory, "memory"), Buffer.alloc(2048 * kib));
  return directory;
}

test("export and import refuse options of deltas that contradict each other", async () => {
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await runStasis(args);
    assert.equal(code, 2, stderr);
    return stderr;
  };
  const asked = ["export", "a", "--delta-from", "b"];
  assert.match(await refused(...asked, "--to-dir", "/nowhere"), /--to-dir exclude each other/);
  assert.match(await refused(...asked, "--file", "a"), /--file exclude each other/);
  assert.match(await refused(...asked, "--sparse", "none"), /--sparse exclude each other/);
  assert.match(await refused(...asked, "--force"), /--force exclude each other/);
  assert.match(await refused("export", "a", "--delta-from", ""), /needs an id, name/);
  const onNode = ["import", "/nowhere", "--on-node", "--parent", "a"];
  assert.match(await refused(...onNode), /--parent is for archives/);
  assert.match(await refused("import", "/tmp", "--parent", "a"), /--parent is for archives/);
});
