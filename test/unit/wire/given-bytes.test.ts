import assert from "node:assert/strict";
import { test } from "node:test";
import { giveAway, takeOver } from "../../../src/wire/given-bytes.js";

test("memory that was given away is taken once, by who has its end", () => {
  const bytes = new Uint8Array(new ArrayBuffer(100), 7);
  assert.equal(takeOver(bytes), undefined, "not given");
  giveAway(bytes);
  assert.equal(takeOver(bytes.subarray(0, 50)), undefined, "more bytes follow");
  assert.equal(takeOver(bytes.subarray(50)), bytes.buffer);
  assert.equal(takeOver(bytes.subarray(50)), undefined, "taken already");
});

test("the pool of small Buffers cannot be given away", () => {
  let bytes = Buffer.allocUnsafe(1024);
  while (bytes.byteOffset + bytes.length < bytes.buffer.byteLength)
    bytes = Buffer.allocUnsafe(1024);
  giveAway(bytes);
  assert.equal(takeOver(bytes), undefined);
});

test("memory may end behind the bytes that were given away: the last of these counts", () => {
  const bytes = new Uint8Array(new ArrayBuffer(100), 0, 90);
  giveAway(bytes);
  assert.equal(takeOver(bytes.subarray(0, 50)), undefined);
  assert.equal(takeOver(new Uint8Array(bytes.buffer)), undefined);
  assert.equal(takeOver(bytes.subarray(50)), bytes.buffer);
  assert.equal(takeOver(bytes.subarray(50)), undefined);
});
