// Tests when a second request is sent in addition to a slow one, and which of two results counts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createHedging, firstGood } from "../../../../src/remote/s3/hedging.js";

const { signal } = new AbortController();

test("a second request waits for the 95th percentile of its class of sizes", () => {
  const hedging = createHedging();
  assert.equal(hedging.delayMs(1000), undefined);
  for (let ms = 1; ms <= 100; ms += 1) hedging.took(1000, ms);
  assert.equal(hedging.delayMs(1000), 96);
  assert.equal(hedging.delayMs(1_000_000), undefined);
  for (let ms = 0; ms < 256; ms += 1) hedging.took(1000, 1);
  assert.equal(hedging.delayMs(1000), 20);
});

test("second requests are at most one in twenty, with a small reserve", () => {
  const hedging = createHedging();
  assert.equal(hedging.take(), false);
  let second = 0;
  for (let index = 0; index < 1000; index += 1) {
    hedging.count();
    if (hedging.take()) second += 1;
  }
  assert.ok(second >= 48 && second <= 50, String(second));
  for (let index = 0; index < 1000; index += 1) hedging.count();
  let burst = 0;
  while (hedging.take()) burst += 1;
  assert.ok(burst >= 9 && burst <= 10, String(burst));
});

interface Result {
  readonly from: string;
  readonly good: boolean;
}

/** Returns an attempt that ends after a time, or when it is stopped. */
function attempt(from: string, ms: number, good = true) {
  const made = { stopped: false };
  const start = async (stop: AbortSignal): Promise<Result> => {
    try {
      await pause(ms, undefined, { signal: stop });
      return { from, good };
    } catch {
      made.stopped = true;
      return { from, good: false };
    }
  };
  return { start, made };
}

async function race(first: ReturnType<typeof attempt>, second?: ReturnType<typeof attempt>) {
  let seconds = 0;
  const outcome = await firstGood<Result>(
    {
      start: (stop, begun) => {
        begun();
        return first.start(stop);
      },
      startSecond: (stop) => {
        seconds += 1;
        return second?.start(stop);
      },
      isGood: ({ good }) => good,
    },
    20,
    signal,
  );
  await pause(1);
  return { ...outcome, seconds };
}

test("a fast attempt has no second attempt", async () => {
  const outcome = await race(attempt("first", 1), attempt("second", 1));
  assert.deepEqual(outcome, {
    result: { from: "first", good: true },
    second: undefined,
    seconds: 0,
  });
});

test("the earlier good result counts, and the other attempt is stopped", async () => {
  const slow = attempt("first", 5000);
  const won = await race(slow, attempt("second", 1));
  assert.deepEqual([won.result.from, won.second, slow.made.stopped], ["second", "won", true]);
  const slower = attempt("second", 5000);
  const lost = await race(attempt("first", 60), slower);
  assert.deepEqual([lost.result.from, lost.second, slower.made.stopped], ["first", "lost", true]);
});

test("a bad result waits for the other attempt", async () => {
  const good = await race(attempt("first", 80), attempt("second", 1, false));
  assert.deepEqual([good.result.from, good.second], ["first", "lost"]);
  const saved = await race(attempt("first", 40, false), attempt("second", 60));
  assert.deepEqual([saved.result.from, saved.second], ["second", "won"]);
  const neither = await race(attempt("first", 40, false), attempt("second", 60, false));
  assert.deepEqual([neither.result.good, neither.second], [false, "lost"]);
});

test("without room for a second attempt the first result counts", async () => {
  const outcome = await race(attempt("first", 40));
  assert.deepEqual([outcome.result.from, outcome.second, outcome.seconds], ["first", undefined, 1]);
});
