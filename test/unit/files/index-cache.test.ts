// Tests the cache of block tables. It keeps the most recently used tables, in bounded memory.
import assert from "node:assert/strict";
import { test } from "node:test";
import { indexBlocks } from "../../../src/files/block-access.js";
import { createBlockTableBuilder } from "../../../src/files/block-table.js";
import { IndexCache } from "../../../src/files/index-cache.js";

function indexOf(blocks: number) {
  const builder = createBlockTableBuilder("blake3");
  for (let block = 0; block < blocks; block += 1) builder.addData(new Uint8Array(32).fill(block));
  const table = builder.build(blocks * 256 * 1024);
  // A copy has a buffer of its own. Newer versions of Node put even 8 KiB into a shared buffer of
  // 64 KiB.
  return indexBlocks({ ...table, digests: new Uint8Array(table.digests) });
}

test("the least recently used table is dropped first", () => {
  const cache = new IndexCache(32 * 1024);
  for (let each = 0; each < 3; each += 1) cache.add(`digest ${each}`, indexOf(256));
  assert.ok(cache.get("digest 0") !== undefined);
  cache.add("digest 3", indexOf(256));
  assert.equal(cache.get("digest 1"), undefined);
  assert.ok(cache.get("digest 0") !== undefined);
  assert.ok(cache.get("digest 3") !== undefined);
  assert.ok(cache.bytes <= 32 * 1024, `${cache.bytes} bytes`);
});

test("a table that would fill the cache is not kept, and no table counts twice", () => {
  const cache = new IndexCache(32 * 1024);
  cache.add("small", indexOf(10));
  const before = cache.bytes;
  cache.add("small", indexOf(10));
  cache.add("large", indexOf(1024));
  assert.equal(cache.get("large"), undefined);
  assert.equal(cache.bytes, before);
});
