// Tests the encodings of a block. Every encoded block is decoded again, and hostile bytes are
// refused.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { loadZstdBlockCodec } from "../../../src/archive/zstd-block.js";
import { decodeBlock, encodeBlock } from "../../../src/remote/format/block-codec.js";

const codec = await loadZstdBlockCodec();
assert.ok(codec !== undefined, "run `npm run setup`: zstd is missing");

/**
 * Returns a block of `length` bytes that repeats with a short period, so that zstd compresses it.
 */
function patterned(length: number, seed: number): Buffer {
  return Buffer.alloc(length, Buffer.from(`page ${seed} of a guest, `));
}

test("a block that zstd compresses becomes a frame, and a block of noise is stored raw", async () => {
  const text = patterned(256 * 1024, 1);
  const noise = randomBytes(256 * 1024);
  assert.equal((await encodeBlock(codec, text)).encoding, "zstd");
  const raw = await encodeBlock(codec, noise);
  assert.equal(raw.encoding, "raw");
  assert.ok(noise.equals(raw.bytes));
});

test("a block that differs from its base in one page becomes a patch of little more than that page", async () => {
  const base = randomBytes(256 * 1024);
  const block = Buffer.from(base);
  randomBytes(4096).copy(block, 8192);
  const { encoding, bytes } = await encodeBlock(codec, block, base);
  assert.equal(encoding, "patch");
  assert.ok(bytes.length < 4096 + 64, `${bytes.length} bytes`);
  const decoded = await decodeBlock(codec, { encoding, bytes }, block.length, base);
  assert.ok(decoded !== undefined && block.equals(decoded));
});

test("without zstd every block is stored raw", async () => {
  const { encoding } = await encodeBlock(undefined, patterned(4096, 1), Buffer.alloc(4096, 1));
  assert.equal(encoding, "raw");
});

const length = fc.integer({ min: 1, max: 70_000 });
const edits = fc.array(
  fc.record({ at: fc.nat(69_999), bytes: fc.uint8Array({ minLength: 1, maxLength: 9000 }) }),
  { maxLength: 4 },
);

test("any block is decoded unchanged, with any base", async () => {
  await fc.assert(
    fc.asyncProperty(length, fc.boolean(), edits, async (size, isNoise, changes) => {
      const base = isNoise ? randomBytes(size) : patterned(size, 2);
      const block = Buffer.from(base);
      for (const { at, bytes } of changes) {
        if (at < size) block.set(bytes.subarray(0, size - at), at);
      }
      const encoded = await encodeBlock(codec, block, base);
      const decoded = await decodeBlock(codec, encoded, size, base);
      assert.ok(decoded !== undefined && block.equals(decoded), encoded.encoding);
    }),
    { numRuns: 200 },
  );
});

test("a frame of another length, two frames, and a truncated frame are refused", async () => {
  const block = patterned(100_000, 3);
  const frame = await codec.compress(block);
  const encoding = "zstd";
  const refused = [
    { bytes: frame, length: block.length - 1 },
    { bytes: frame, length: block.length + 1 },
    { bytes: Buffer.concat([frame, frame]), length: block.length },
    { bytes: Buffer.concat([frame, Buffer.alloc(1)]), length: block.length },
    { bytes: frame.subarray(0, frame.length - 1), length: block.length },
    { bytes: new Uint8Array(), length: 0 },
  ];
  for (const { bytes, length } of refused) {
    assert.equal(await decodeBlock(codec, { encoding, bytes }, length), undefined);
  }
});

test("a patch is refused without its base, without pages, or with pages beyond the end", async () => {
  const base = patterned(10_000, 4);
  const block = Buffer.from(base);
  block.fill(7, 9000);
  const { encoding, bytes } = await encodeBlock(codec, block, base);
  assert.equal(encoding, "patch");
  const decode = (patch: Uint8Array, old?: Uint8Array) =>
    decodeBlock(codec, { encoding, bytes: patch }, block.length, old);
  assert.equal(await decode(bytes), undefined);
  assert.equal(await decode(bytes, base.subarray(1)), undefined);
  for (const bitmap of [0, 0xff, 0b1000]) {
    const wrong = Uint8Array.from(bytes);
    wrong[0] = bitmap;
    assert.equal(await decode(wrong, base), undefined, `bitmap ${bitmap}`);
  }
});
