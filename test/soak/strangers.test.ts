// Runs `npm run lab -- soak-strangers` briefly.
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeScratch } from "../support/daemon.js";
import { playStrangers } from "./strangers.js";

test("a token holder is answered despite 10 connections of strangers with 1,000 half-open calls each", async (t) => {
  const { quiet, attacked, report } = await playStrangers({
    directory: await makeScratch(t, "stasis-n-"),
    ...{ connections: 10, streamsPerConnection: 1000, seconds: 5 },
  });
  const { inspects, refused, p99Ms, peakBytes } = attacked;
  t.diagnostic(`p99 ${p99Ms.toFixed(1)} ms, quiet ${quiet.p99Ms.toFixed(1)} ms; ${report}`);
  assert.equal(refused, 0, "Inspects that were refused");
  assert.ok(inspects > 0);
  assert.ok(peakBytes < 3 * quiet.peakBytes, `${peakBytes} bytes`);
});
