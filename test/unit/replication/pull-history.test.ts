// Tests the history of pulls, which tells why a pull was given up.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPullHistory } from "../../../src/replication/pull-history.js";

test("a pull is listed once, from its begin to its outcome, and old outcomes are forgotten", () => {
  let now = new Date(1000);
  const history = createPullHistory({ now: () => now });
  const first = history.begin({ source: "node2", ref: "a" });
  const startedAt = now;
  assert.deepEqual(history.states(), [{ source: "node2", ref: "a", digest: "", startedAt }]);
  first.describe("blake3:1");
  now = new Date(5000);
  first.end("DAEMON_UNREACHABLE");
  // The outcome of a pull does not change.
  first.end("OK");
  first.describe("blake3:2");
  const ended = { at: now, outcome: "DAEMON_UNREACHABLE" };
  assert.deepEqual(history.states(), [
    { source: "node2", ref: "a", digest: "blake3:1", startedAt, ended },
  ]);
  const running = history.begin({ source: "node2", ref: "b" });
  for (let index = 0; index < 100; index += 1) {
    history.begin({ source: "node2", ref: `more-${index}` }).end("OK");
  }
  const refs = history.states().map(({ ref }) => ref);
  assert.equal(refs.length, 101);
  assert.deepEqual([refs[0], refs[1], refs.at(-1)], ["b", "more-0", "more-99"]);
  running.end("OK");
  assert.equal(history.states().length, 100);
});
