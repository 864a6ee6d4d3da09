// Tests that the program can force a full garbage collection.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fullCollection } from "../../../src/base/heap.js";

test("a full collection frees unreachable objects, whether old or new", async () => {
  const collect = fullCollection();
  const gone = new WeakRef({ bytes: Buffer.alloc(1024) });
  const held = { bytes: Buffer.alloc(1024) };
  const kept = new WeakRef(held);
  // A WeakRef keeps its target alive until the end of the turn of the event loop in which it was
  // created.
  await new Promise(setImmediate);
  collect();
  assert.equal(gone.deref(), undefined);
  assert.equal(kept.deref(), held);
  assert.equal(Reflect.get(globalThis, "gc"), undefined);
});
