// Tests `stasis watch` as people and scripts run it, against a real daemon.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { startTestDaemon } from "../../support/daemon.js";
import { finished, runStasis, startStasis, type Finished } from "./run-stasis.js";

async function ok(running: Promise<Finished>): Promise<string> {
  const { code, stdout, stderr } = await running;
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Starts a watch. `line` returns the next line of its output. */
function startWatch(address: string, ...args: string[]) {
  const child = startStasis(["--addr", address, "watch", ...args]);
  const ended = finished(child);
  if (child.stdout === null) throw new Error("no stdout");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => String((await lines.next()).value);
  return { child, ended, line };
}

test("watch prints a line per event, Ctrl-C ends it cleanly, and --from continues at a position", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  await mkdir(join(scratch, "source"));
  await writeFile(join(scratch, "source", "state.json"), "{}\n");
  const run = (...args: string[]): Promise<Finished> =>
    runStasis(args, { env: { STASIS_ADDR: address }, cwd: scratch });
  const json = startWatch(address, "--json");
  const first = JSON.parse(await json.line()) as Record<string, unknown>;
  assert.equal(first["type"], "EVENT_TYPE_POSITION");
  const id = (await ok(run("create", "source", "--name", "web"))).trim();
  const created = JSON.parse(await json.line()) as Record<string, unknown>;
  assert.equal(created["type"], "EVENT_TYPE_CREATED");
  assert.equal((created["snapshot"] as { config: { id: string } }).config.id, id);
  json.child.kill("SIGINT");
  assert.equal((await json.ended).code, 0);
  await ok(run("update", "web", "--name", "api"));
  const heir = (await ok(run("create", "source", "--name", "api", "--replace"))).trim();

  const text = startWatch(address, "--from", String(first["resumeToken"]));
  const told = [];
  for (let n = 0; n < 4; n += 1) told.push((await text.line()).replace(/^\S+Z {2}/, ""));
  assert.deepEqual(told, [
    `created   ${id}  web`,
    `renamed   ${id}  api  was web`,
    `deleted   ${id}  api  replaced by ${heir}`,
    `created   ${heir}  api`,
  ]);
  text.child.kill("SIGINT");
  const { code, stderr } = await text.ended;
  assert.equal(code, 0);
  const [, token = ""] = /^to continue from here: --from (\S+)$/m.exec(stderr) ?? [];
  const filtered = startWatch(address, "--from", token, "--name-prefix", "b");
  await ok(run("update", "api", "--name", "c"));
  await ok(run("update", "c", "--name", "b"));
  assert.match(await filtered.line(), /renamed .* b {2}was c$/);
  filtered.child.stdout?.destroy();
  await ok(run("rm", "b"));
  const left = await filtered.ended;
  assert.deepEqual([left.code, left.stderr], [141, ""]);
  assert.equal((await run("watch", "--from", "nonsense")).code, 7);
});

test("watch exits with 6 when the daemon stops", async (t) => {
  const { address, daemon } = await startTestDaemon(t);
  const { ended, line } = startWatch(address, "--json");
  await line();
  await daemon.stop();
  const { code, stderr } = await ended;
  assert.equal(code, 6);
  assert.match(stderr, /"reason": "DRAINING"/);
});
