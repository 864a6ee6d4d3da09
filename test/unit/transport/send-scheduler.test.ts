// Tests the order in which downloads send their messages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createSendScheduler, type Sender } from "../../../src/transport/send-scheduler.js";

const longMs = 60_000;

/** Begins a message. The result says whether the message may be sent. */
function tryToSend(sender: Sender, bytes = 1): { begun: boolean } {
  const message = { begun: false };
  void sender.begin(bytes).then(() => (message.begun = true));
  return message;
}

const settled = (): Promise<void> => new Promise(setImmediate);

test("senders take turns by bytes, and a single sender never waits", async () => {
  const scheduler = createSendScheduler({ maxBytes: 10, maxPauseMs: longMs });
  const [first, second, third] = [scheduler.open(), scheduler.open(), scheduler.open()];
  for (let message = 0; message < 5; message += 1) await first.begin(10);
  const ofSecond = tryToSend(second, 10);
  const ofThird = tryToSend(third, 4);
  await settled();
  assert.equal(ofSecond.begun, false, "the first still has its turn");
  const again = tryToSend(first, 10);
  await settled();
  assert.deepEqual([ofSecond.begun, ofThird.begun, again.begun], [true, false, false]);
  second.close();
  await settled();
  assert.deepEqual([ofThird.begun, again.begun], [true, false], "an earlier sender goes first");
  await third.begin(5);
  await third.begin(1);
  await settled();
  assert.equal(again.begun, false, "a turn ends with the first message after its bytes");
  const last = tryToSend(third, 1);
  await settled();
  assert.deepEqual([again.begun, last.begun], [true, false]);
  first.close();
  await settled();
  assert.equal(last.begun, true);
  third.close();
});

test("a sender that closes while it waits does not block others", async () => {
  const scheduler = createSendScheduler({ maxBytes: 10, maxPauseMs: longMs });
  const [first, second, third] = [scheduler.open(), scheduler.open(), scheduler.open()];
  await first.begin(1);
  tryToSend(second);
  const ofThird = tryToSend(third);
  second.close();
  second.close();
  first.close();
  await settled();
  assert.equal(ofThird.begun, true);
  third.close();
});

test("a sender that pauses loses its turn, and one with a slow reader sends unscheduled", async () => {
  const scheduler = createSendScheduler({ maxBytes: 10, maxPauseMs: 400 });
  const [slow, other] = [scheduler.open(), scheduler.open()];
  await slow.begin(1);
  await other.begin(1);
  assert.ok(slow.isBehind());
  slow.sent();
  await slow.begin(1);
  slow.sent();
  other.sent();
  assert.equal(slow.isBehind(), false, "that was quick");
  await other.begin(1);
  other.sent();
  const caughtUp = tryToSend(slow);
  await settled();
  assert.equal(caughtUp.begun, false, "it waits like all");
  while (!caughtUp.begun) await sleep(10);
  slow.close();
  await other.begin(1);
  other.close();
});
