// The cache of block tables: what was used last stays, and the memory is bounded.
import assert from "node:assert/strict";
import { test } from "node:test";
import { indexBlocks } from "../../../src/files/block-access.js";
import { createBlockTableBuilder } from "../../../src/files/block-table.js";
import { IndexCache } from "../../../src/files/index-cache.js";

function indexOf(blocks: number) {
  const builder = createBlockTableBuilder("blake3");
  for (let block = 0; block < blocks; block += 1) builder.addData(new Uint8Array(32).fill(block));
  return indexBlocks(builder.build(blocks * 256 * 1024));
}

test("the index that was used least lately goes first", () => {
  const cache = new IndexCache(32 * 1024);
  for (let each = 0; each < 3; each += 1) cache.add(`digest ${each}`, indexOf(256));
  assert.ok(cache.get("digest 0") !== undefined);
  cache.add("digest 3", indexOf(256));
  assert.equal(cache.get("digest 1"), undefined);
  assert.ok(cache.get("digest 0") !== undefined);
  assert.ok(cache.get("digest 3") !== undefined);
  assert.ok(cache.bytes <= 32 * 1024, `${cache.bytes} bytes`);
});

test("an index that would fill the cache is not kept, and none counts twice", () => {
  const cache = new IndexCache(32 * 1024);
  cache.add("small", indexOf(10));
  const before = cache.bytes;
  cache.add("small", indexOf(10));
  cache.add("large", indexOf(1024));
  assert.equal(cache.get("large"), undefined);
  assert.equal(cache.bytes, before);
});
