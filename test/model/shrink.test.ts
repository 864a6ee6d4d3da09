// Tests that a failing run is reduced to the calls that cause the failure.
import assert from "node:assert/strict";
import { test } from "node:test";
import { planRound, type Round } from "./plan.js";
import { callsOf, shrinkRounds } from "./shrink.js";

const plan = { seed: 3, clients: 4, operations: 200, contents: 4 };
const rounds = [0, 1, 2].map((round) => planRound(round, plan));
const { signal } = new AbortController();

/** Fails whenever a run contains both calls. */
function needs(...tags: readonly string[]): (rounds: readonly Round[]) => Promise<boolean> {
  return (candidate) => {
    const left = new Set(callsOf(candidate).map(({ tag }) => tag));
    return Promise.resolve(tags.every((tag) => left.has(tag)));
  };
}

void test("equal seeds plan equal calls, and another seed plans other calls", () => {
  assert.deepEqual(planRound(7, plan), planRound(7, plan));
  assert.notDeepEqual(planRound(7, plan), planRound(7, { ...plan, seed: 4 }));
  assert.notDeepEqual(planRound(7, plan), planRound(8, plan));
});

void test("only the calls that cause a failure remain", async () => {
  const fails = needs("2.1.5", "2.3.40");
  const { rounds: left, reproduced } = await shrinkRounds(rounds, {
    fails,
    maxTrials: 1000,
    signal,
  });
  assert.ok(reproduced);
  assert.equal(left.length, 1, "the rounds before it do not matter");
  assert.deepEqual(
    callsOf(left).map(({ tag }) => tag),
    ["2.1.5", "2.3.40"],
  );
});

void test("earlier rounds remain if the failure needs them", async () => {
  const fails = needs("0.2.1", "2.0.0");
  const { rounds: left } = await shrinkRounds(rounds, { fails, maxTrials: 1000, signal });
  assert.deepEqual(
    callsOf(left).map(({ tag }) => tag),
    ["0.2.1", "2.0.0"],
  );
});

void test("a run that does not fail again remains unchanged, within the number of trials", async () => {
  let trials = 0;
  const fails = (): Promise<boolean> => {
    trials += 1;
    return Promise.resolve(false);
  };
  const shrunk = await shrinkRounds(rounds, { fails, maxTrials: 4, signal });
  assert.deepEqual(shrunk, { rounds, reproduced: false, trials: 4 });
  assert.equal(trials, 4);
});
