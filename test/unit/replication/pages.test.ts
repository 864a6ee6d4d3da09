// Tests the sets of pages of a block, as a mask and as a bitmap, and the differences that contain
// them.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  applyDelta,
  applyNonzeroPages,
  encodeDelta,
  encodeNonzeroPages,
} from "../../../src/replication/page-delta.js";
import { pagesFromWire, pagesToWire } from "../../../src/replication/page-set.js";
import { patternBytes } from "../../support/scratch.js";

const kib = 1024;

test("a set of pages of any size is decoded unchanged", () => {
  const sizes = fc.constantFrom(512, 1024, 4096, 65_536, 262_144);
  const length = fc.integer({ min: 1, max: 256 * kib });
  fc.assert(
    fc.property(sizes, length, fc.infiniteStream(fc.boolean()), (pageBytes, length, chosen) => {
      const pages = [];
      for (let page = 0; page * pageBytes < length; page += 1) {
        if (chosen.next().value) pages.push(page);
      }
      const set = { pageBytes, pages };
      const bitmap = pagesToWire(set, length, true);
      assert.equal(bitmap.changedPages, 0n);
      assert.deepEqual(pagesFromWire(bitmap, length), set);
      if (pageBytes !== 4096) return;
      const mask = pagesToWire(set, length, false);
      assert.deepEqual([mask.pageBytes, mask.pageBitmap.length], [0, 0]);
      assert.deepEqual(pagesFromWire(mask, length), set);
    }),
  );
});

test("only allowed forms are produced, and each of them restores the block", async () => {
  const base = patternBytes(256 * kib, 1);
  const target = Buffer.from(base);
  // The blocks differ in 40 bytes of one page, so the difference of that page compresses well.
  target.fill(7, 10 * kib, 10 * kib + 40);
  for (const [plain, deflated, expected] of [
    [true, true, true],
    [false, true, true],
    [true, false, false],
    [false, false, undefined],
  ] as const) {
    const delta = await encodeDelta(base, target, { plain, deflated });
    assert.equal(delta?.deflated, expected);
    if (delta === undefined) continue;
    assert.deepEqual(delta.pages, [2]);
    assert.deepEqual(Buffer.from((await applyDelta(base, delta)) ?? []), target);
  }
  assert.deepEqual((await encodeDelta(base, base))?.pages, []);
  const sparse = Buffer.alloc(100 * kib + 17);
  patternBytes(17, 9).copy(sparse, 100 * kib);
  const nonzero = encodeNonzeroPages(sparse);
  assert.deepEqual(nonzero?.pages, [25]);
  assert.deepEqual(Buffer.from((await applyNonzeroPages(sparse.length, nonzero)) ?? []), sparse);
});
