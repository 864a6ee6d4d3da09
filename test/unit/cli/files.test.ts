// Tests the commands for single files of a snapshot.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { startTestDaemon, type TestDaemon } from "../../support/daemon.js";
import { compareFiles, makeSparseFile, patternBytes } from "../../support/scratch.js";
import { runStasis, type Finished } from "./run-stasis.js";

const mib = 1024 * 1024;

interface Setup extends TestDaemon {
  /** A directory with two small files and a disk of 40 MiB with holes. It is stored as `vm`. */
  readonly source: string;
  /** The id of the snapshot `vm`. */
  readonly id: string;
  /** Runs the program in `scratch`, against the daemon. */
  run(...args: string[]): Promise<Finished>;
}

async function setUp(t: TestContext): Promise<Setup> {
  const daemon = await startTestDaemon(t);
  const source = join(daemon.scratch, "source");
  await mkdir(source);
  await makeSparseFile(join(source, "cow.raw"), 40 * mib, [
    { offset: 10 * mib, bytes: patternBytes(mib, 1) },
    { offset: 39 * mib, bytes: patternBytes(4096, 2) },
  ]);
  await writeFile(join(source, "config.json"), '{"cpus": 2}\n');
  await writeFile(join(source, "state.json"), "{}\n");
  const env = { STASIS_ADDR: daemon.address };
  const run = (...args: string[]) => runStasis(args, { env, cwd: daemon.scratch });
  const { stdout } = await ok(run("create", "source", "--name", "vm"));
  return { ...daemon, source, run, id: stdout.trim() };
}

async function ok(running: Promise<Finished>): Promise<Finished> {
  const finished = await running;
  assert.equal(finished.code, 0, finished.stderr);
  return finished;
}

test("restore --file writes only the named files", async (t) => {
  const { run, source, scratch, id } = await setUp(t);
  const args = ["--file", "state.json", "--file", "cow.raw"];
  const { stderr } = await ok(run("restore", "vm", ...args, "--to", "out"));
  assert.equal(stderr, `restored 2 files of vm (${id}) to out\n`);
  assert.deepEqual((await readdir(join(scratch, "out"))).sort(), ["cow.raw", "state.json"]);
  await compareFiles(join(scratch, "out/cow.raw"), join(source, "cow.raw"));

  const tar = await ok(run("restore", "vm", ...args, "-o", "part.tar", "--sparse", "none"));
  assert.match(tar.stderr, /^39 MiB of holes are written as zeros/);
  assert.match(tar.stderr, /\nrestored 2 files of vm/);
  const listed = execFileSync("tar", ["-tf", join(scratch, "part.tar")], { encoding: "utf8" });
  assert.equal(listed, "cow.raw\nstate.json\n");
});

test("export --file writes an archive or a directory of the named files", async (t) => {
  const { run, scratch, id } = await setUp(t);
  const { stderr } = await ok(run("export", "vm", "--file", "config.json", "-o", "part.tar"));
  assert.match(stderr, new RegExp(`^exported 1 file of vm \\(${id}\\): `));
  const listed = execFileSync("tar", ["-tf", join(scratch, "part.tar")], { encoding: "utf8" });
  assert.equal(listed, "snapshot.json\nconfig.json\n");
  const to = await ok(run("export", "vm", "--file", "config.json", "--to-dir", "out"));
  assert.equal(to.stderr, `exported 1 file of vm (${id}) to out\n`);
  assert.deepEqual((await readdir(join(scratch, "out"))).sort(), ["config.json", "snapshot.json"]);
  const envelope = await readFile(join(scratch, "out/snapshot.json"), "utf8");
  assert.deepEqual(JSON.parse(envelope).stasis.left_out, ["cow.raw", "state.json"]);
  await ok(run("import", "part.tar", "--name", "part"));
  const { stdout } = await ok(run("inspect", "part", "--json"));
  const files = JSON.parse(stdout).snapshot.files as { name: string }[];
  assert.deepEqual(
    files.map(({ name }) => name),
    ["config.json"],
  );
});

test("an unknown file exits with 7 and lists the existing files, and --on-node excludes --file", async (t) => {
  const { run, scratch } = await setUp(t);
  for (const command of [
    ["restore", "--to"],
    ["export", "--to-dir"],
    ["export", "-o"],
  ]) {
    const [name = "", to = ""] = command;
    const refused = await run(name, "vm", "--file", "disk", to, "out");
    assert.equal(refused.code, 7, refused.stderr);
    assert.match(refused.stderr, /\("config\.json", "cow\.raw", "state\.json"\), got "disk"/);
  }
  const args = ["--file", "cow.raw", "--to-dir", join(scratch, "out"), "--on-node"];
  const refused = await run("export", "vm", ...args);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--file and --on-node exclude each other/);
  assert.deepEqual((await readdir(scratch)).sort(), ["root", "source"]);
});

test("cat writes a file or a part of it, and holes as zeros", async (t) => {
  const { run, source, scratch, id } = await setUp(t);
  const disk = await readFile(join(source, "cow.raw"));
  const part = await ok(
    run("cat", "vm", "cow.raw", "--offset", "10239KiB", "--length", "64KiB", "--no-progress"),
  );
  const expected = disk.subarray(10239 * 1024, 10303 * 1024);
  assert.ok(Buffer.from(part.stdout, "latin1").equals(expected), "a part to stdout");
  assert.equal(part.stderr, "");
  await ok(run("cat", "vm", "cow.raw", "-o", "whole"));
  assert.ok((await readFile(join(scratch, "whole"))).equals(disk), "the whole file");
  const refused = await run("cat", "vm", "cow.raw", "-o", "whole");
  assert.match(refused.stderr, /whole exists already/);
  const rest = await ok(run("cat", "vm", "state.json", "--offset", "1"));
  assert.equal(rest.stdout, "}\n");
  const beyond = await ok(run("cat", "vm", "state.json", "--offset", "1GiB"));
  assert.equal(beyond.stdout, "");
  const json = await ok(run("cat", "vm", "config.json", "-o", "config", "--json", "--no-verify"));
  const { crc32: _crc32, ...answer } = JSON.parse(json.stdout) as Record<string, unknown>;
  assert.deepEqual(
    { ...answer, file: undefined },
    { snapshotId: id, file: undefined, dataBytes: "12", totalBytes: "12" },
  );
  const unknown = await run("cat", "vm", "disk");
  assert.equal(unknown.code, 7, unknown.stderr);
  assert.match(unknown.stderr, /got "disk"/);
});
