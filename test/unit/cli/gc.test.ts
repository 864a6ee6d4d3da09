// Tests `stasis gc` as a program: its table, its JSON, the question before it evicts everything,
// and snapshots with a time of expiry.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { GcOutcome, GcReason, GcService } from "../../../gen/ts/stasis/v1/gc_service_pb.js";
import { createLogger } from "../../../src/base/logger.js";
import { bindService } from "../../../src/transport/handler.js";
import { createGrpcServer } from "../../../src/transport/server.js";
import { startTestDaemon } from "../../support/daemon.js";
import { eventually } from "../../support/eventually.js";
import { finished, runStasis, startOnTerminal } from "./run-stasis.js";
import { grpcLimits, serverDefaults } from "../../support/defaults.js";

test("gc prints a table with a total or stable JSON, and --evict-all needs a confirmation", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const stasis = (...args: string[]) => runStasis(["--addr", address, ...args]);
  const source = join(scratch, "vm");
  await mkdir(source);
  await writeFile(join(source, "memory"), Buffer.alloc(100_000, 1));
  for (const name of ["old", "new"]) {
    assert.equal((await stasis("create", source, "--name", name)).code, 0);
  }
  const dry = await stasis("gc", "--keep-last", "1", "--dry-run");
  assert.match(dry.stdout, /^ID +CHARGED +LAST-USED +REASON +OUTCOME +NAME$/m);
  assert.match(dry.stdout, / keep-last +planned +old$/m);
  assert.match(dry.stdout, /^would free \d+(\.\d+)? KiB of charged space$/m);
  // `du` shows the same number, and the help of `gc` and `serve` uses the same word.
  const [, chargedByGc] = /^\S+ {2}(\S+ KiB) .* old$/m.exec(dry.stdout) ?? [];
  const [, chargedByDu] = / {2}(\S+ KiB) {2}old$/m.exec((await stasis("du", "old")).stdout) ?? [];
  assert.ok(chargedByGc !== undefined && chargedByGc === chargedByDu, dry.stdout);
  for (const command of ["gc", "serve"]) {
    const { stdout } = await stasis(command, "--help");
    const [, maxSize = ""] = /--(?:gc-)?max-size <?\w+>?([^]*?)\n *--/.exec(stdout) ?? [];
    assert.match(maxSize, /charged/, stdout);
    assert.doesNotMatch(maxSize, /on disk/, stdout);
  }
  const real = await stasis("gc", "--keep-last", "1", "--json");
  const { candidates, freedBytes } = JSON.parse(real.stdout) as {
    candidates: { name: string; outcome: string }[];
    freedBytes: string;
  };
  assert.deepEqual(
    candidates.map(({ name, outcome }) => [name, outcome]),
    [["old", "GC_OUTCOME_REMOVED"]],
  );
  assert.ok(Number(freedBytes) >= 100_000);
  const refused = await stasis("gc", "--evict-all");
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /--yes/);
  assert.match((await stasis("ls")).stdout, /new/);
  assert.equal((await stasis("gc", "--evict-all", "--yes")).code, 0);
  assert.equal((await stasis("gc")).stdout, "nothing to collect\n");
  const nonsense = await stasis("gc", "--max-size", "much");
  assert.equal(nonsense.code, 2);
  assert.match(nonsense.stderr, /100GiB/);
});

/** Runs the program on its own terminal. When it asks, the test presses `keys`. */
async function onTerminal(args: readonly string[], keys: string): Promise<[number | null, string]> {
  const child = startOnTerminal(args);
  let shown = "";
  child.stdout?.on("data", (bytes: Buffer) => (shown += bytes.toString()));
  const end = finished(child);
  await eventually("the question", () => shown.includes("Type yes:") || child.exitCode !== null);
  child.stdin?.write(keys);
  return [(await end).code, shown];
}

test("gc --evict-all asks on a terminal: only yes evicts, and Ctrl-C and Ctrl-D are not errors", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const stasis = (...args: string[]) => runStasis(["--addr", address, ...args]);
  const source = join(scratch, "vm");
  await mkdir(source);
  await writeFile(join(source, "memory"), "memory");
  await stasis("create", source, "--name", "web");
  const evictAll = ["--addr", address, "gc", "--evict-all"];
  for (const [keys, code] of [
    ["no\r", 1],
    ["\x04", 1],
    ["\x03", 130],
  ] as const) {
    const [ended, shown] = await onTerminal(evictAll, keys);
    assert.equal(ended, code, JSON.stringify(keys));
    assert.doesNotMatch(shown, /AbortError|fault of the program/);
    if (code === 1) assert.match(shown, /nothing was removed/);
  }
  assert.match((await stasis("ls")).stdout, /web/);
  const [ended, shown] = await onTerminal(evictAll, "yes\r");
  assert.equal(ended, 0);
  assert.match(shown, / evict-all +removed +web/);
});

test("gc reports more rows than fit into a message of the default 4 MiB", async (t) => {
  const row = { reasons: [GcReason.KEEP_LAST], outcome: GcOutcome.REMOVED };
  const candidates = Array.from({ length: 30_000 }, (_, index) => ({
    ...row,
    id: String(index).padStart(16, "0"),
    name: String(index).padStart(128, "n"),
  }));
  // This server gives only this answer, because storing that many snapshots would take minutes.
  const server = createGrpcServer({
    ...serverDefaults,
    logger: createLogger("silent"),
    limits: { ...grpcLimits, maxMessageBytes: 1024 * 1024 },
    implementations: [
      bindService(GcService, { collectGarbage: () => Promise.resolve({ candidates }) }),
    ],
  });
  t.after(() => server.close());
  const { address } = await server.listenTcp({ host: "127.0.0.1", port: 0 });
  const { code, stdout, stderr } = await runStasis(["--addr", address, "gc", "--keep-last", "1"]);
  assert.equal(code, 0, stderr);
  // The two additional lines are the title and the sum.
  assert.equal(stdout.trimEnd().split("\n").length, candidates.length + 2);
});

test("a time of expiry is set, shown, listed, collected and kept by an import", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const stasis = async (...args: string[]) => {
    const finishedRun = await runStasis(["--addr", address, ...args], { cwd: scratch });
    assert.equal(finishedRun.code, 0, finishedRun.stderr);
    return finishedRun.stdout;
  };
  await mkdir(join(scratch, "vm"));
  await writeFile(join(scratch, "vm", "memory"), "x");
  await stasis("create", "vm", "--name", "web", "--expires", "30d");
  assert.match(await stasis("inspect", "web"), /^Expires: +\S+Z \(in (?:29|30) days\)$/m);
  assert.match(await stasis("ls"), / expires \d{4}-\d\d-\d\d$/m);
  assert.equal(await stasis("ls", "--quiet", "--expires-before", "7d"), "");
  assert.notEqual(await stasis("ls", "--quiet", "--expires-before", "60d"), "");
  await stasis("export", "web", "-o", "web.tar");
  await stasis("import", "web.tar", "--name", "dropped");
  assert.doesNotMatch(await stasis("inspect", "dropped"), /Expires/);
  await stasis("import", "web.tar", "--name", "kept", "--keep-expiry");
  assert.match(await stasis("inspect", "kept"), /^Expires: /m);
  await stasis("update", "kept", "--no-expires");
  assert.doesNotMatch(await stasis("inspect", "kept"), /Expires/);
  await stasis("update", "web", "--expires", "2020-01-01T00:00:00Z");
  assert.match(await stasis("inspect", "web"), /\(it has expired\)$/m);
  assert.match(await stasis("gc"), / expired +removed +web$/m);
  for (const wrong of ["soon", "2020-01-01", "-1d"]) {
    const refused = await runStasis(["--addr", address, "update", "kept", "--expires", wrong]);
    assert.equal(refused.code, 2, refused.stderr);
  }
  await stasis("create", "vm", "--name", "kept", "--take-name");
  assert.equal((await stasis("ls", "--quiet")).trim().split("\n").length, 3);
  const both = ["create", "vm", "--name", "kept", "--take-name", "--replace"];
  assert.equal((await runStasis(["--addr", address, ...both], { cwd: scratch })).code, 2);
});
