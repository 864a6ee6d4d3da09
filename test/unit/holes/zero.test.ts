// Tests the search for zeros and for blocks of data.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { dataRuns, isZero, zeroBlockBytes } from "../../../src/holes/zero.js";

test("isZero finds a single byte at any position", () => {
  for (const length of [0, 1, 4095, 4096, 65536, 65537, 200_000]) {
    const bytes = new Uint8Array(length);
    assert.equal(isZero(bytes), true, `${length} zeros`);
    for (const position of [0, 1, length >> 1, length - 2, length - 1]) {
      if (position < 0 || position >= length) continue;
      bytes[position] = 1;
      assert.equal(isZero(bytes), false, `byte ${position} of ${length}`);
      bytes[position] = 0;
    }
  }
});

test("isZero reads only its own view", () => {
  const memory = new Uint8Array(100).fill(7);
  memory.fill(0, 10, 90);
  assert.equal(isZero(memory.subarray(10, 90)), true);
  assert.equal(isZero(memory.subarray(9, 90)), false);
  assert.equal(isZero(memory.subarray(10, 91)), false);
});

test("dataRuns aligns blocks to the file and not to the piece", () => {
  const bytes = new Uint8Array(3 * zeroBlockBytes);
  bytes[100] = 1;
  // At 4096-50, the first block ends after 50 bytes, so byte 100 is in the second block.
  assert.deepEqual(dataRuns(bytes, zeroBlockBytes - 50), [
    { offset: zeroBlockBytes, length: zeroBlockBytes },
  ]);
});

test("dataRuns works at offsets beyond 4 GiB", () => {
  const bytes = new Uint8Array(2 * zeroBlockBytes);
  bytes[zeroBlockBytes] = 1;
  const offset = 5 * 2 ** 40;
  assert.deepEqual(dataRuns(bytes, offset), [
    { offset: offset + zeroBlockBytes, length: zeroBlockBytes },
  ]);
});

test("dataRuns keeps every byte that is not zero, and drops every zero block", () => {
  const piece = fc.record({
    offset: fc.nat({ max: 3 * zeroBlockBytes }),
    length: fc.nat({ max: 6 * zeroBlockBytes }),
    marks: fc.array(fc.nat({ max: 6 * zeroBlockBytes }), { maxLength: 6 }),
  });
  fc.assert(
    fc.property(piece, ({ offset, length, marks }) => {
      const bytes = new Uint8Array(length);
      for (const mark of marks) if (mark < length) bytes[mark] = 1;
      const runs = dataRuns(bytes, offset);
      const kept = new Uint8Array(length);
      let last = -1;
      for (const run of runs) {
        assert.ok(run.offset > last && run.length > 0, "ascending, apart, not empty");
        last = run.offset + run.length;
        const start = run.offset - offset;
        kept.set(bytes.subarray(start, start + run.length), start);
      }
      assert.deepEqual(kept, bytes);
      for (let start = 0; start < length;) {
        const end = Math.min(length, start + zeroBlockBytes - ((offset + start) % zeroBlockBytes));
        const inRun = runs.some(
          (run) => run.offset <= offset + start && offset + end <= run.offset + run.length,
        );
        assert.equal(inRun, !isZero(bytes.subarray(start, end)), `block at ${start}`);
        start = end;
      }
    }),
    { numRuns: 300 },
  );
});
