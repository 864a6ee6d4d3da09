// stasis gc as a program: its table, its JSON, and the question before everything goes.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startTestDaemon } from "../../support/daemon.js";
import { runStasis } from "./run-stasis.js";

test("gc: a table with a total, JSON with stable keys, and --evict-all only when it is meant", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const stasis = (...args: string[]) => runStasis(["--addr", address, ...args]);
  const source = join(scratch, "vm");
  await mkdir(source);
  await writeFile(join(source, "memory"), Buffer.alloc(100_000, 1));
  for (const name of ["old", "new"]) {
    assert.equal((await stasis("create", source, "--name", name)).code, 0);
  }
  const dry = await stasis("gc", "--keep-last", "1", "--dry-run");
  assert.match(dry.stdout, /^ID +SIZE +LAST USED +REASON +OUTCOME +NAME$/m);
  assert.match(dry.stdout, / keep-last +planned +old$/m);
  assert.match(dry.stdout, /^would free \d+(\.\d+)? KiB$/m);
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
