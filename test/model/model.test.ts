// Tests the daemon with a short run of the model. `npm run lab -- model` runs it for longer.
import assert from "node:assert/strict";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runCheck } from "../crash/oracle.js";
import { contentCount } from "./contents.js";
import { planRound } from "./plan.js";
import { openSession } from "./session.js";
import { createTally } from "./tally.js";
import { removeScratch } from "../support/scratch.js";

const clients = 6;
const rounds = 8;
const operations = 300;
/** In a run of this length, at least one call of each of these kinds must succeed. */
const kinds = ["create", "import", "repeat", "rename", "describe", "protect", "delete"];
const readingKinds = ["restore", "export", "list", "inspect", "gc"];

void test("random clients see only states of the model, over restarts and kills", async (t) => {
  const seed = 1;
  const directory = await mkdtemp(join(tmpdir(), "stasis-model-"));
  t.after(() => removeScratch(directory));
  await using session = await openSession({ directory, seed, clients });
  const tally = createTally();
  for (let number = 0; number < rounds; number += 1) {
    const round = planRound(number, { seed, clients, operations, contents: contentCount });
    const { calls, problems } = await session.playRound(round);
    assert.deepEqual(problems, [], `npm run lab -- model --seed ${seed} --clients ${clients}`);
    tally.add(calls);
  }
  assert.deepEqual([...(await session.stop()), ...(await runCheck(session.root))], []);
  t.diagnostic(`${tally.calls()} calls in ${rounds} rounds\n${tally.table()}`);
  for (const kind of [...kinds, ...readingKinds]) {
    assert.ok(tally.succeeded(kind), `no ${kind} has succeeded`);
  }
});
