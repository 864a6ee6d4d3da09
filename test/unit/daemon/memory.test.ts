// Tests the garbage collection after many streams have ended.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTidying } from "../../../src/daemon/memory.js";
import { eventually } from "../../support/eventually.js";

test("the garbage of many streams is collected, however often their end is reported", async () => {
  const crowdGone = createTidying();
  const garbage = new WeakRef({ bytes: Buffer.alloc(64 * 1024 * 1024, 1) });
  await new Promise(setImmediate);
  assert.ok(garbage.deref() !== undefined);
  for (let times = 0; times < 3; times++) crowdGone();
  await eventually("the collection", () => garbage.deref() === undefined);
});
