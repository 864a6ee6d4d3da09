import assert from "node:assert/strict";
import { test } from "node:test";
import { createSendTurns } from "../../../src/transport/send-turns.js";

const longMs = 60_000;

test("as many as may have a turn at once, the others in order", async () => {
  const turns = createSendTurns({ maxAtOnce: 2, maxMs: longMs });
  const order: number[] = [];
  const ends = await Promise.all([turns.take(), turns.take()]);
  const later = [1, 2, 3].map(async (index) => {
    const end = await turns.take();
    order.push(index);
    return end;
  });
  await new Promise(setImmediate);
  assert.deepEqual(order, []);
  ends[0]();
  ends[0]();
  await new Promise(setImmediate);
  assert.deepEqual(order, [1], "ending twice ends one");
  ends[1]();
  (await later[0])?.();
  await new Promise(setImmediate);
  assert.deepEqual(order, [1, 2, 3]);
  for (const end of await Promise.all(later)) end();
  for (const end of await Promise.all([turns.take(), turns.take()])) end();
});

test("a turn that is not ended ends by itself", async () => {
  const turns = createSendTurns({ maxAtOnce: 1, maxMs: 5 });
  const held = await turns.take();
  const next = await turns.take();
  held();
  let third = false;
  void turns.take().then((end) => {
    third = true;
    end();
  });
  await Promise.resolve();
  assert.equal(third, false, "a late end takes nobody's turn");
  next();
  await new Promise(setImmediate);
  assert.equal(third, true);
});
