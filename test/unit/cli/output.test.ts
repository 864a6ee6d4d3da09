// Tests the visible output: tables on terminals and in pipes, colours, summaries and failing
// outputs.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdir, open, readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { test, type TestContext } from "node:test";
import { connect, type ListResponse } from "../../../src/client/index.js";
import { renderTable } from "../../../src/cli/table.js";
import { startTestDaemon } from "../../support/daemon.js";
import { patternBytes } from "../../support/scratch.js";
import {
  finished,
  mainPath,
  runStasis,
  startOnTerminal,
  type Finished,
  type TerminalOptions,
} from "./run-stasis.js";

const longName = `${"long-".repeat(24)}end`;

interface Scene {
  readonly address: string;
  readonly scratch: string;
  readonly root: string;
  run(...args: string[]): Promise<Finished>;
  /** Returns the text on the terminal of the program. */
  show(args: readonly string[], options?: TerminalOptions): Promise<string>;
}

async function setUp(t: TestContext, ...names: string[]): Promise<Scene> {
  const { address, scratch, root } = await startTestDaemon(t);
  const source = join(scratch, "vm");
  await mkdir(source);
  await writeFile(join(source, "memory"), patternBytes(300_000, 1));
  await using client = connect(address);
  for (const name of names) {
    const directory = join(scratch, `copy-${names.indexOf(name)}`);
    await mkdir(directory);
    await writeFile(join(directory, "memory"), patternBytes(300_000, 1));
    await client.createFromDirectory({ directory, config: { name } });
  }
  return {
    address,
    scratch,
    root,
    run: (...args) => runStasis(["--addr", address, ...args], { cwd: scratch }),
    show: async (args, options) => {
      const { code, stdout } = await finished(
        startOnTerminal(["--addr", address, ...args], options),
      );
      assert.equal(code, 0, stdout);
      return Buffer.from(stdout, "latin1").toString().replaceAll("\r\n", "\n");
    },
  };
}

/** Changes three bytes of a file of the snapshot with this name, so that Verify finds damage. */
async function damage({ run, root }: Scene, name: string): Promise<void> {
  const { snapshot } = JSON.parse((await run("inspect", name, "--json")).stdout) as {
    snapshot: { config: { id: string } };
  };
  const files = join(root, "data", snapshot.config.id, "files");
  const [file = ""] = await readdir(files);
  await using handle = await open(join(files, file), "r+");
  await handle.write(Buffer.from([0xff, 0x00, 0xff]), 0, 3, 1000);
}

test("a long name is shortened on a terminal that is too narrow, and complete everywhere else", async (t) => {
  const { run, show } = await setUp(t, longName, "short");
  const narrow = (await show(["ls"], { columns: 80 }))
    .trimEnd()
    .split("\n")
    .map((line) => stripVTControlCharacters(line));
  assert.equal(narrow.length, 3);
  for (const line of narrow) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  assert.match(narrow.join("\n"), /^long-long-\S*… {2}[0-9a-z]{16} {2}293 KiB/m);
  assert.match(
    await show(["ls"], { columns: 300 }),
    new RegExp(`^${longName}  [0-9a-z]{16}  `, "m"),
  );
  assert.match((await run("ls")).stdout, new RegExp(`^${longName}  [0-9a-z]{16}  `, "m"));
  const spaces = (await show(["du"], { columns: 100 }))
    .split("\n")
    .filter((line) => /…/.test(line));
  assert.equal(spaces.length, 1);
  assert.ok((spaces[0]?.length ?? 0) <= 100, spaces[0]);
});

test("columns stay aligned with wide characters and with colours", () => {
  const rows = [
    ["日本語", "x", "1"],
    ["\x1b[31mred\x1b[39m", "y", "2"],
    ["plain", "z", "3"],
  ];
  assert.equal(
    renderTable(["NAME", "B", "C"], rows),
    ["NAME    B  C", "日本語  x  1", "\x1b[31mred\x1b[39m     y  2", "plain   z  3", ""].join("\n"),
  );
  const cut = renderTable(
    ["NAME", "B"],
    [
      ["語".repeat(30), "x"],
      ["y", "z"],
    ],
    {
      cut: "NAME",
      columns: 24,
    },
  );
  assert.match(cut, /^語+…\s+x\ny +z\n$/m);
});

test("damage is red on a terminal, unless NO_COLOR is set", async (t) => {
  const scene = await setUp(t, "good", "bad");
  await damage(scene, "bad");
  const { run, show } = scene;
  assert.equal((await run("verify", "bad")).code, 9);
  const red = "\x1b[31mdamaged\x1b[39m";
  assert.ok((await show(["ls"])).includes(red));
  assert.ok(!(await show(["ls"], { env: { NO_COLOR: "1" } })).includes("\x1b["));
  assert.ok(!(await show(["ls"], { env: { TERM: "dumb" } })).includes("\x1b["));
  const piped = (await run("ls")).stdout;
  assert.match(piped, / damaged$/m);
  assert.ok(!piped.includes("\x1b["));
});

test("ls --damaged lists the damaged snapshots, and health and info report their number", async (t) => {
  const scene = await setUp(t, "good", "bad");
  const { run } = scene;
  assert.equal((await run("ls", "-q", "--damaged")).stdout, "");
  assert.doesNotMatch((await run("info")).stdout, /--damaged/);
  await damage(scene, "bad");
  await run("verify", "--all");
  const listed = JSON.parse((await run("ls", "--damaged", "--json")).stdout) as ListResponse;
  assert.deepEqual(
    listed.snapshots.map(({ config }) => config?.name),
    ["bad"],
  );
  const health = await run("health");
  assert.equal(health.code, 0);
  assert.match(health.stdout, /^1 damaged snapshot: stasis ls --damaged$/m);
  assert.match((await run("info")).stdout, /^Snapshots: +2, 1 damaged \(stasis ls --damaged\)$/m);
});

test("verify --all prints the damage with its name, and a summary", async (t) => {
  const scene = await setUp(t, "good", "bad");
  const { run } = scene;
  const whole = await run("verify", "--all");
  assert.deepEqual(
    [whole.code, whole.stdout],
    [0, "2 snapshots with 2 files verified: all intact\n"],
  );
  await damage(scene, "bad");
  const { code, stdout } = await run("verify", "--all");
  assert.equal(code, 9);
  // The column PROBLEM has a sentence, and the columns OFFSET and LENGTH have numbers.
  const lines = [
    "ID +NAME +VERDICT +FILE +PROBLEM",
    "[0-9a-z]{16} +bad +DAMAGED +memory +1 damaged range",
    "",
    "[0-9a-z]{16} memory, in bytes:",
    "OFFSET +LENGTH",
    "0 +262144",
    "",
    "2 snapshots with 2 files verified: 1 damaged",
    "",
  ];
  assert.match(stdout, new RegExp(`^${lines.join("\\n")}$`));
  assert.match(
    (await run("verify", "good")).stdout,
    /intact +memory\n1 snapshot with 1 file verified: all intact\n$/,
  );
  await run("rm", "good", "bad");
  assert.equal((await run("verify", "--all")).stdout, "no snapshots to verify\n");
});

test("a single thing has no plural", async (t) => {
  const { run } = await setUp(t, "only");
  assert.equal((await run("check")).stdout, "1 snapshot, no problems\n");
  const { stdout } = await run("info");
  assert.doesNotMatch(stdout, /\b1 [a-z]+s\b(?! at)/);
});

test("a failing output is reported in one line by every command", async (t) => {
  const { address } = await setUp(t, "web");
  await using full = await open("/dev/full", "w");
  for (const args of [
    ["ls"],
    ["export", "web"],
    ["restore", "web"],
    ["--help"],
    ["ls", "--json"],
  ]) {
    const child = spawn(process.execPath, [mainPath, "--addr", address, ...args], {
      stdio: ["ignore", full.fd, "pipe"],
    });
    const { code, stderr } = await finished(child);
    assert.equal(code, 8, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, /cannot write to stdout: ENOSPC: no space left on device/);
    assert.doesNotMatch(stderr, /fault of the program|^ +at /m);
  }
  for (const args of [["export", "web"], ["ls"], ["--help"]]) {
    const line = `"$0" "$@" | true; exit "\${PIPESTATUS[0]}"`;
    const words = [mainPath, "--addr", address, ...args];
    const child = spawn("bash", ["-c", line, process.execPath, ...words]);
    const { code, stderr } = await finished(child);
    assert.ok(code === 141 || code === 0, `${args.join(" ")}: ${code}`);
    assert.equal(stderr, "");
  }
});

test("for a disk instead of a tar the error suggests the right command, and nothing is uploaded", async (t) => {
  const { run, scratch, address } = await setUp(t);
  await mkdir(join(scratch, "my vm"));
  for (const bytes of [patternBytes(5000, 3), Buffer.alloc(0)]) {
    const disk = join(scratch, "my vm", "cow.raw");
    await writeFile(disk, bytes);
    await truncate(disk, 1_000_000);
    for (const command of ["create", "import"]) {
      const { code, stderr } = await run(command, "my vm/cow.raw");
      assert.equal(code, 7, stderr);
      assert.match(stderr, /^stasis: my vm\/cow\.raw is not a tar, it may be a disk image\n/);
      const typed = /type: (.*)\n$/.exec(stderr)?.[1] ?? "";
      assert.equal(typed, `tar -C '${join(scratch, "my vm")}' -cS cow.raw | stasis create -`);
    }
  }
  const child = runStasis(["--addr", address, "create", "-"], { input: patternBytes(5000, 3) });
  assert.match(
    (await child).stderr,
    /^stasis: stdin is not a tar\nhint: Pipe a tar .*tar -C DIR -cS/,
  );
  assert.equal((await run("ls", "-q")).stdout, "");
  // The suggested command works.
  const tar = execFileSync("tar", ["-C", join(scratch, "my vm"), "-cS", "cow.raw"]);
  const stored = await runStasis(["--addr", address, "create", "-", "--name", "disk"], {
    input: tar,
  });
  assert.equal(stored.code, 0, stored.stderr);
});

test("a tar whose first block arrives in pieces is accepted, with old and with signed checksums", async (t) => {
  const { requireTar } = await import("../../../src/cli/tar-start.js");
  const { scratch } = await setUp(t);
  await writeFile(join(scratch, "f"), "x");
  for (const format of ["v7", "ustar", "gnu", "pax"]) {
    const tar = execFileSync("tar", ["-C", scratch, `--format=${format}`, "-c", "f"]);
    const found: Buffer[] = [];
    const pieces = async function* () {
      for (let at = 0; at < 1024; at += 100)
        yield await Promise.resolve(tar.subarray(at, at + 100));
      yield tar.subarray(1100);
    };
    const source = { path: undefined, sizeBytes: undefined };
    for await (const piece of requireTar(pieces(), source)) found.push(Buffer.from(piece));
    assert.deepEqual(Buffer.concat(found), tar, format);
  }
});
