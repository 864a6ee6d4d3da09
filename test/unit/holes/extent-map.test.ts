// Tests maps of extents, whose memory is bounded.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { totalLength, type Extent } from "../../../src/model/extent.js";
import { ExtentMap, createMapMemory } from "../../../src/holes/extent-map.js";
import { fewerExtents } from "../../../src/holes/fewer-extents.js";
import { failsWith } from "../../support/errors.js";

const mib = 1024 * 1024;
const perChunk = 64 * 1024;

function fill(map: ExtentMap, count: number, add: "push" | "pushOrMerge"): void {
  for (let index = 0; index < count; index += 1) map[add](index * 8192, 4096);
}

test("a map returns the pushed extents by index and in order, over several chunks", () => {
  using map = new ExtentMap();
  const count = 3 * perChunk + 5;
  fill(map, count, "push");
  assert.equal(map.length, count);
  for (const index of [0, 63, 64, perChunk - 1, perChunk, 2 * perChunk + 1, count - 1]) {
    assert.deepEqual(map.at(index), { offset: index * 8192, length: 4096 });
  }
  assert.equal(map.at(count), undefined);
  assert.equal(map.at(-1), undefined);
  let index = 0;
  for (const { offset, length } of map) {
    if (offset !== index * 8192 || length !== 4096) assert.fail(`extent ${index}`);
    index += 1;
  }
  assert.equal(index, count);
  assert.equal(map.filledHoles, false);
});

test("maps share their memory, and a map without room is refused until another is disposed of", async () => {
  const memory = createMapMemory(2 * mib);
  using first = new ExtentMap({ memory });
  fill(first, 3 * perChunk, "push");
  using second = new ExtentMap({ memory });
  // The first chunk of a map never waits for other maps.
  fill(second, perChunk, "push");
  const more = async (): Promise<void> => second.push(perChunk * 8192, 4096);
  const refused = await failsWith(more(), "TOO_MANY_STREAMS");
  assert.equal(refused.metadata["limit"], "sparse_map_bytes");
  assert.equal(refused.retryAfterMs, 1000);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await more();
  assert.equal(second.length, perChunk + 1);
  assert.equal(first.length, 3 * perChunk, "what it holds stays readable");
});

test("a local file gets a shorter map instead of a refusal, and the map releases its memory", () => {
  const memory = createMapMemory(mib);
  using map = new ExtentMap({ memory });
  const count = 5 * perChunk;
  fill(map, count, "pushOrMerge");
  assert.ok(map.filledHoles);
  assert.ok(map.length <= 2 * perChunk);
  assert.ok(totalLength(map) >= count * 4096);
  assert.equal(map.at(0)?.offset, 0);
  const last = map.at(map.length - 1);
  assert.equal((last?.offset ?? 0) + (last?.length ?? 0), (count - 1) * 8192 + 4096);
  map[Symbol.dispose]();
  using other = new ExtentMap({ memory });
  fill(other, 2 * perChunk, "push");
});

test("the maximum number of extents also applies to a single map", () => {
  using map = new ExtentMap({ maxExtents: 100 });
  fill(map, 1000, "pushOrMerge");
  assert.ok(map.length <= 100);
  assert.ok(map.filledHoles);
});

const someExtents = fc
  .array(
    fc.record({ gap: fc.integer({ min: 1, max: 1e6 }), length: fc.integer({ min: 1, max: 99 }) }),
    {
      minLength: 1,
      maxLength: 200,
    },
  )
  .map((parts) => {
    let offset = 0;
    return parts.map(({ gap, length }): Extent => {
      offset += gap;
      const extent = { offset, length };
      offset += length;
      return extent;
    });
  });

test("fewer extents contain all of the others, respect the maximum, and fill the smallest holes", () => {
  fc.assert(
    fc.property(someExtents, fc.integer({ min: 1, max: 250 }), (extents, most) => {
      const fewer = [...fewerExtents(extents, most)];
      assert.ok(fewer.length <= most);
      if (extents.length <= most) assert.deepEqual(fewer, extents);
      let end = -1;
      for (const { offset, length } of fewer) {
        assert.ok(offset > end, "a hole between any two");
        end = offset + length;
      }
      for (const { offset, length } of extents) {
        const holds = (each: Extent): boolean =>
          each.offset <= offset && each.offset + each.length >= offset + length;
        assert.ok(fewer.some(holds), `${offset}+${length}`);
      }
      assert.equal(fewer[0]?.offset, extents[0]?.offset);
      // The sizes of holes are distinguished by an eighth of a power of two, so a filled hole may
      // be slightly larger than a kept one.
      const filled: number[] = [];
      const kept: number[] = [];
      for (const [index, { offset }] of extents.entries()) {
        const before = extents[index - 1];
        if (before === undefined) continue;
        const hole = offset - (before.offset + before.length);
        (fewer.some((each) => each.offset === offset) ? kept : filled).push(hole);
      }
      if (filled.length > 0 && kept.length > 0) {
        assert.ok(Math.max(...filled) <= Math.min(...kept) * 1.1);
      }
    }),
  );
});
