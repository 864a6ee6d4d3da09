// Tests the program as people and scripts run it, against a real daemon.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { constants } from "node:fs";
import { mkdir, open, readFile, readdir, stat, writeFile, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { writeTar } from "../../../src/archive/tar-writer.js";
import { startTestDaemon, type TestDaemon } from "../../support/daemon.js";
import { compareFiles, makeSparseFile, patternBytes } from "../../support/scratch.js";
import { finished, mainPath, runStasis, startStasis, type Finished } from "./run-stasis.js";
import { chunkOf, collect } from "../../support/chunks.js";
import { openPastMode } from "../../support/tamper.js";

const mib = 1024 * 1024;

interface Setup extends TestDaemon {
  /** A directory with a sparse disk of 100 MiB and a small file. */
  readonly source: string;
  /** Runs the program in `scratch`, against the daemon. */
  run(...args: string[]): Promise<Finished>;
  runWith(input: string | Uint8Array, ...args: string[]): Promise<Finished>;
}

async function setUp(t: TestContext): Promise<Setup> {
  const daemon = await startTestDaemon(t);
  const source = join(daemon.scratch, "source");
  await mkdir(source);
  await makeSparseFile(join(source, "cow.raw"), 100 * mib, [
    { offset: 10 * mib, bytes: patternBytes(2 * mib, 1) },
    { offset: 99 * mib, bytes: patternBytes(4096, 2) },
  ]);
  await writeFile(join(source, "state.json"), "{}\n");
  const env = { STASIS_ADDR: daemon.address };
  const options = { env, cwd: daemon.scratch };
  return {
    ...daemon,
    source,
    run: (...args) => runStasis(args, options),
    runWith: (input, ...args) => runStasis(args, { ...options, input }),
  };
}

async function ok(running: Promise<Finished>): Promise<string> {
  const { code, stdout, stderr } = await running;
  assert.equal(code, 0, stderr);
  return stdout;
}

async function okJson(running: Promise<Finished>): Promise<Record<string, unknown>> {
  return JSON.parse(await ok(running)) as Record<string, unknown>;
}

test("create, ls, inspect, update and rm work together", async (t) => {
  const { run, scratch } = await setUp(t);
  await writeFile(join(scratch, "vm.json"), '{"hypervisor": "firecracker", "cpu": 2}');
  const args = ["--name", "web", "--label", "a=1", "--label", "b=x=y", "--config", "vm.json"];
  const created = await run("create", "source", ...args, "--description", "the web");
  assert.equal(created.code, 0, created.stderr);
  const id = created.stdout.trim();
  assert.match(id, /^[0-9a-z]{16}$/);
  assert.equal(created.stderr, `stored web (${id}): 100 MiB, 2.01 MiB on disk\n`);

  const listed = await ok(run("ls", "--label", "b=x=y", "--hypervisor", "firecracker"));
  assert.match(listed, /^NAME +ID +SIZE +ON-DISK +CREATED +NOTE\nweb +[0-9a-z]{16} +100 MiB /);
  assert.equal(await ok(run("ls", "-q")), `${id}\n`);
  assert.equal(await ok(run("ls", "-q", "--label", "a=2")), "");

  const updated = await okJson(
    run(
      "update",
      "web",
      "--name",
      "web2",
      "--label",
      "c=3",
      "--remove-label",
      "a",
      "--protect",
      "--json",
    ),
  );
  const snapshot = updated["snapshot"] as { config: Record<string, unknown>; protected: boolean };
  assert.deepEqual(snapshot.config["labels"], { b: "x=y", c: "3" });
  assert.equal(snapshot.protected, true);
  assert.equal(snapshot.config["description"], "the web");
  const text = await ok(run("inspect", "web2"));
  assert.match(text, /^Name: +web2\nID: +/);
  assert.match(text, /100 MiB +2 MiB +0600 +cow\.raw\n/);

  assert.equal(await ok(run("rm", "web2")), `${id}\n`);
  assert.equal(await ok(run("rm", "web2", "--allow-missing")), "");
});

test("--json prints one document whose keys are always present", async (t) => {
  const { run } = await setUp(t);
  const created = await run("create", "source", "--json");
  assert.equal(created.stderr, "");
  const snapshot = JSON.parse(created.stdout).snapshot as Record<string, unknown>;
  const config = snapshot["config"] as Record<string, unknown>;
  assert.deepEqual(
    [config["name"], config["imageBlobIds"], config["labels"], config["windows"]],
    ["", [], {}, false],
  );
  assert.equal(snapshot["sizeBytes"], String(100 * mib + 3));
  const id = String(config["id"]);

  const listed = await okJson(run("ls", "--json"));
  assert.deepEqual(Object.keys(listed), ["snapshots", "nextPageToken", "totalSize"]);
  const inspected = await okJson(run("--json", "inspect", id.slice(0, 6)));
  assert.equal((inspected["snapshot"] as { config: { id: string } }).config.id, id);
  assert.equal((await okJson(run("info", "--json")))["storeType"], "localfile");
  const health = await okJson(run("health", "--json"));
  assert.equal(health["status"], "SERVING");
  assert.equal(
    (health["services"] as Record<string, string>)["stasis.v1.SnapshotService/writes"],
    "SERVING",
  );
  assert.deepEqual(await okJson(run("health", "", "--json")), { status: "SERVING" });
  const restored = await okJson(run("restore", id, "--to", "restored", "--json"));
  const header = ["snapshot", "dataBytes", "warnings", "files", "parentDigest"];
  assert.deepEqual(Object.keys(restored), header);
  const exported = await okJson(run("export", id, "-o", "a.tar", "--json"));
  assert.deepEqual(Object.keys(exported), [...header, "totalBytes", "crc32", "zeroBytes"]);
  assert.deepEqual(await okJson(run("rm", id, "--json")), { deletedIds: [id] });
});

test("ls shows everything in each form, and reports what --limit omitted", async (t) => {
  const { run, daemon, scratch } = await setUp(t);
  for (let index = 0; index < 53; index += 1) {
    const directory = join(scratch, `small-${index}`);
    await mkdir(directory);
    await writeFile(join(directory, "f"), "x");
    await ok(index === 0 ? run("create", directory, "--move", "-q") : Promise.resolve(noOutput));
    if (index > 0) await moveIn(daemon, directory);
  }
  const lines = (text: string): number => text.trimEnd().split("\n").length;
  const whole = await run("ls");
  assert.deepEqual([lines(whole.stdout), whole.stderr], [54, ""]);
  assert.equal(lines(await ok(run("ls", "-q"))), 53);
  const listed = (await okJson(run("ls", "--json")))["snapshots"];
  assert.equal((listed as unknown[]).length, 53);
  for (const form of [[], ["-q"], ["--json"]]) {
    const { code, stderr } = await run("ls", ...form, "--limit", "50");
    assert.deepEqual([code, stderr], [0, "and 3 more: --limit cut them off\n"], String(form));
  }
  assert.equal(lines(await ok(run("ls", "-q", "--limit", "52"))), 52);
  assert.equal((await run("ls", "--limit", "53")).stderr, "");
});

const noOutput: Finished = { code: 0, stdout: "", stderr: "" };

async function moveIn(daemon: TestDaemon["daemon"], directory: string): Promise<void> {
  const { connect } = await import("../../../src/client/index.js");
  await using client = connect(daemon.addresses.at(-1) ?? "");
  await client.createFromDirectory({ directory });
}

test("restore and export write to a directory, a file and a pipe, and import reads each of them", async (t) => {
  const { run, runWith, source, scratch } = await setUp(t);
  await ok(run("create", "source", "--name", "vm"));
  await ok(run("restore", "vm", "--to", "restored"));
  for (const name of ["cow.raw", "state.json"]) {
    await compareFiles(join(scratch, "restored", name), join(source, name));
  }
  await ok(run("restore", "vm", "-o", "plain.tar"));
  await ok(run("create", "plain.tar", "--name", "from-tar"));

  await ok(run("export", "vm", "--to-dir", "exported"));
  assert.deepEqual(await readdir(join(scratch, "exported")), [
    "cow.raw",
    "snapshot.json",
    "state.json",
  ]);
  await ok(run("import", "exported", "--name", "from-directory"));
  await ok(run("import", "--on-node", join(scratch, "exported"), "--name", "from-node"));
  for (const compression of [
    [],
    ["--gzip"],
    ["--zstd"],
    ["--sparse", "gnu"],
    ["--sparse", "none"],
  ]) {
    const piped = await run("export", "vm", ...compression);
    assert.equal(piped.code, 0, piped.stderr);
    const name = `from-pipe${compression.join("")}`;
    await ok(runWith(Buffer.from(piped.stdout, "latin1"), "import", "-", "--name", name));
  }
  const { snapshots } = await okJson(run("ls", "--json"));
  const digests = (snapshots as { digest: string }[]).map(({ digest }) => digest);
  assert.equal(digests.length, 9);
  assert.equal(new Set(digests).size, 1);
});

test("-o FILE is private, replaces a file only if asked, and leaves no partial file", async (t) => {
  const { run, scratch } = await setUp(t);
  await ok(run("create", "source", "--name", "vm"));
  await writeFile(join(scratch, "a.tar"), "precious");
  const refused = await run("export", "vm", "-o", "a.tar");
  assert.equal(refused.code, 4);
  assert.equal(
    refused.stderr,
    "stasis: a.tar exists already\nhint: Add --overwrite (-f) to replace it\n",
  );
  assert.equal((await run("export", "nobody", "-o", "a.tar", "-f")).code, 3);
  assert.equal(await readFile(join(scratch, "a.tar"), "utf8"), "precious");
  await ok(run("export", "vm", "-o", "a.tar", "-f"));
  const written = await stat(join(scratch, "a.tar"));
  assert.ok(written.size > 2 * mib);
  assert.equal(written.mode & 0o777, 0o600);
  await ok(run("export", "vm", "-o", "/dev/null"));
  assert.equal((await run("export", "vm", "-o", "source")).code, 2);
  assert.equal((await run("export", "vm", "-o", "no/such/a.tar")).code, 3);
  assert.deepEqual(
    (await readdir(scratch)).filter((name) => name.includes("partial")),
    [],
  );
});

test("failures have the documented exit codes and messages", async (t) => {
  const { run, runWith, scratch, source } = await setUp(t);
  await ok(run("create", "source", "--name", "vm"));
  const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
    [2, /unknown command 'lst'\nhint: Did you mean one of list, ls\?\n$/, ["lst"]],
    [2, /unknown option '--colour'/, ["ls", "--colour"]],
    [2, /missing required argument 'ref'/, ["inspect"]],
    [2, /Expected KEY=VALUE/, ["ls", "--label", "x"]],
    [2, /--gzip and --zstd exclude each other/, ["export", "vm", "--gzip", "--zstd"]],
    [2, /nothing to change/, ["update", "vm"]],
    [3, /no snapshot matches "nobody"\nhint: See `stasis ls`\n$/, ["inspect", "nobody"]],
    [3, /cannot open nowhere: ENOENT/, ["create", "nowhere"]],
    [4, /"vm" belongs to snapshot/, ["create", "source", "--name", "vm"]],
    [5, /is not empty/, ["restore", "vm", "--to", source]],
    [6, /no daemon answers at 127\.0\.0\.1:1 /, ["--addr", "127.0.0.1:1", "ls"]],
    [7, /name: expected /, ["create", "source", "--name", "-bad"]],
    [7, /address: expected /, ["--addr", "nonsense", "ls"]],
    [7, /is not a snapshot configuration/, ["create", "source", "--config", "source/cow.raw"]],
  ];
  for (const [code, message, args] of cases) {
    const ended = await run(...args);
    assert.equal(ended.code, code, `${args.join(" ")}: ${ended.stderr}`);
    assert.match(ended.stderr, message, args.join(" "));
    assert.ok(ended.stderr.startsWith("stasis: "), ended.stderr);
    assert.equal(ended.stdout, "");
  }
  assert.equal((await runWith("not a tar", "create", "-")).code, 7);
  const packed = await runWith(gzipSync(Buffer.alloc(1024)), "create", "-");
  assert.deepEqual([packed.code, packed.stdout], [7, ""]);
  assert.match(packed.stderr, /found one that is compressed with gzip\nhint: /);
  const json = await run("inspect", "nobody", "--json");
  assert.equal(json.code, 3);
  const { error } = JSON.parse(json.stderr) as { error: Record<string, unknown> };
  assert.deepEqual(Object.keys(error), ["code", "reason", "message", "hint", "metadata"]);
  assert.equal(error["reason"], "SNAPSHOT_NOT_FOUND");
  assert.deepEqual(await readdir(scratch), ["root", "source"]);
});

test("open runs a command with the path, and returns the exit code of the command", async (t) => {
  const { run } = await setUp(t);
  await ok(run("create", "source", "--name", "vm"));
  const ended = await run("open", "vm", "--", "sh", "-c", 'ls "$STASIS_DATA_DIR"; exit 7');
  assert.deepEqual([ended.code, ended.stdout], [7, "cow.raw\nstate.json\n"]);
  assert.equal((await run("open", "vm", "--", "no-such-program")).code, 3);
});

test("open keeps the lease until it is interrupted, and that is not a failure", async (t) => {
  const { run, address } = await setUp(t);
  await ok(run("create", "source", "--name", "vm"));
  const holder = startStasis(["--addr", address, "open", "vm"]);
  const ended = finished(holder);
  await new Promise((resolve) => holder.stdout?.once("data", resolve));
  const busy = await run("rm", "vm");
  assert.equal(busy.code, 5, busy.stderr);
  holder.kill("SIGINT");
  assert.equal((await ended).code, 0);
  await ok(run("rm", "vm"));
});

test("a signal cancels a transfer with exit code 130 or 143, and nothing is stored", async (t) => {
  const { run, address, root } = await setUp(t);
  const staging = join(root, "staging");
  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    const upload = startStasis(["--addr", address, "create", "-"]);
    const ended = finished(upload);
    upload.stdin?.write(await firstHalfOfTar());
    while ((await readdir(staging)).length === 0) await new Promise(setImmediate);
    upload.kill(signal);
    const { code: actual, stdout, stderr } = await ended;
    const said = `stasis: interrupted by ${signal}: nothing was stored\n`;
    assert.deepEqual([actual, stdout, stderr], [code, "", said]);
    while ((await readdir(staging)).length > 0) await new Promise(setImmediate);
  }
  assert.equal(await ok(run("ls", "-q")), "");
});

test("a named pipe is read to its end, and a signal ends the wait for a writer", async (t) => {
  const { run, address, scratch } = await setUp(t);
  const pipe = join(scratch, "pipe");
  execFileSync("mkfifo", [pipe]);
  const waiting = startStasis(["--addr", address, "create", pipe, "--name", "never"]);
  const ended = finished(waiting);
  t.after(() => waiting.kill("SIGKILL"));
  // This writer writes nothing. It can open the pipe only when the program has opened it for
  // reading (fifo(7)).
  const writer = await untilOpen(pipe);
  waiting.kill("SIGTERM");
  assert.equal((await ended).code, 143);
  await writer.close();
  const stored = run("create", pipe, "--name", "vm");
  const tar = spawn("tar", ["-cf", pipe, "-C", join(scratch, "source"), "."]);
  t.after(() => tar.kill("SIGKILL"));
  await ok(stored);
  assert.match(await ok(run("inspect", "vm")), /cow\.raw/);
  assert.equal((await run("inspect", "never")).code, 3);
});

test("an answer that cannot be written is reported in one line with exit code 8", async (t) => {
  const { address } = await setUp(t);
  const full = await open("/dev/full", "w");
  t.after(() => full.close());
  const child = spawn(process.execPath, [mainPath, "--addr", address, "ls"], {
    stdio: ["ignore", full.fd, "pipe"],
  });
  const { code, stderr } = await finished(child);
  assert.deepEqual(
    [code, stderr],
    [8, "stasis: cannot write to stdout: ENOSPC: no space left on device\n"],
  );
});

async function untilOpen(pipe: string): Promise<FileHandle> {
  for (;;) {
    const handle = await open(pipe, constants.O_WRONLY | constants.O_NONBLOCK).catch(
      () => undefined,
    );
    if (handle !== undefined) return handle;
    await new Promise(setImmediate);
  }
}

/** Returns the first half of an archive with one entry of 4 MiB. */
async function firstHalfOfTar(): Promise<Buffer> {
  const bytes = patternBytes(4 * mib, 3);
  async function* pieces() {
    yield await Promise.resolve({ offset: 0, chunk: chunkOf(bytes) });
  }
  const file = { name: "f", mode: 0o600, sizeBytes: bytes.length, extents: undefined, pieces };
  return (await collect(writeTar([file]))).subarray(0, 2 * mib);
}

test("a reader that disconnects ends the program quietly, and signals work while a reader stalls", async (t) => {
  const { run, address } = await setUp(t);
  await ok(run("create", "source", "--name", "vm"));
  const left = startStasis(["--addr", address, "export", "vm"]);
  left.stdout?.once("data", () => left.stdout?.destroy());
  assert.deepEqual(await finished(left).then(({ code, stderr }) => [code, stderr]), [141, ""]);

  const stalled = startStasis(["--addr", address, "export", "vm"]);
  const ended = new Promise((resolve) => stalled.once("exit", resolve));
  await new Promise((resolve) => stalled.stdout?.once("readable", resolve));
  stalled.kill("SIGINT");
  assert.equal(await ended, 130);
});

test("verify finds a changed byte, names its range and exits with 9, and then restore refuses", async (t) => {
  const { run, root } = await setUp(t);
  const id = (await ok(run("create", "source", "--name", "web"))).trim();
  assert.match(await ok(run("verify", "web")), /intact +cow\.raw/);
  const path = join(root, "data", id, "files", "cow.raw");
  await using file = await openPastMode(path);
  await file.write(Buffer.from("x"), 0, 1, 10 * mib + 300_000);
  const damaged = await run("verify", "--all", "--json");
  assert.equal(damaged.code, 9, damaged.stderr);
  const { verdicts } = JSON.parse(damaged.stdout) as { verdicts: Record<string, unknown>[] };
  assert.deepEqual(verdicts[0]?.["damaged"], [{ offset: String(10.25 * mib), length: "262144" }]);
  assert.equal((await run("restore", "web", "-o", "web.tar")).code, 9);
  assert.equal((await run("restore", "web", "-o", "web.tar", "--force")).code, 0);
  assert.equal((await run("verify")).code, 2);
});

test("--sparse none reports how many bytes of holes are written as zeros", async (t) => {
  const { run, scratch } = await setUp(t);
  await ok(run("create", "source", "--name", "vm"));
  for (const command of ["restore", "export"]) {
    const zeros = await run(command, "vm", "--sparse", "none", "-o", `${command}.tar`);
    assert.match(
      zeros.stderr,
      /^9\d(\.\d+)? MiB of holes are written as zeros \(--sparse none\)$/m,
    );
    const { zeroBytes, totalBytes } = await okJson(
      run(command, "vm", "--sparse", "none", "-o", `${command}-2.tar`, "--json"),
    );
    assert.equal(Number(zeroBytes), 100 * mib - 2 * mib - 4096);
    assert.ok(Number(totalBytes) > 100 * mib);
    const holes = await run(command, "vm", "-o", `${command}-3.tar`);
    assert.doesNotMatch(holes.stderr, /zeros/);
  }
  await writeFile(join(scratch, "source", "cow.raw"), "without a hole");
  await ok(run("create", "source", "--name", "dense"));
  const dense = await run("export", "dense", "--sparse", "none", "-o", "dense.tar");
  assert.doesNotMatch(dense.stderr, /zeros/);
});
