// A file assembled over several attempts: data of an earlier attempt is trusted only by its digest.
import assert from "node:assert/strict";
import { open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { blockBytes, type BlockTable } from "../../../src/files/block-table.js";
import { createBlockHasher } from "../../../src/files/block-hash.js";
import { openPartFile } from "../../../src/files/part-file.js";
import { patternBytes, withScratchDir } from "../../support/scratch.js";

const { signal } = new AbortController();
/** A block of data, a hole, a block with a page of zeros, a short one. */
const sizeBytes = 3 * blockBytes + 1000;

function makeContent(): Buffer {
  const content = patternBytes(sizeBytes, 5);
  content.fill(0, blockBytes, 2 * blockBytes);
  content.fill(0, 2 * blockBytes + 8192, 2 * blockBytes + 12288);
  return content;
}

function tableOf(content: Buffer): BlockTable {
  const hasher = createBlockHasher();
  hasher.update(0, content.subarray(0, blockBytes));
  hasher.update(2 * blockBytes, content.subarray(2 * blockBytes));
  return hasher.finish(content.length);
}

function blockOf(content: Buffer, block: number): Buffer {
  return content.subarray(block * blockBytes, (block + 1) * blockBytes);
}

test("blocks in any order, over two attempts, give the file", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "part");
    const content = makeContent();
    const table = tableOf(content);
    {
      await using part = await openPartFile(path, table, { signal });
      await part.put(3, blockOf(content, 3));
      await part.put(0, blockOf(content, 0));
      await assert.rejects(part.complete(), /block 2/);
    }
    await using part = await openPartFile(path, table, { signal });
    assert.deepEqual(
      [0, 1, 2, 3].map((block) => part.has(block)),
      [true, false, false, true],
    );
    await part.put(2, blockOf(content, 2));
    await part.complete();
    assert.ok((await readFile(path)).equals(content));
    assert.ok((await stat(path)).blocks * 512 < sizeBytes, "the hole is one");
  }));

test("wrong blocks of an earlier attempt are found and replaced", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "part");
    const content = makeContent();
    const table = tableOf(content);
    // Garbage everywhere: in the hole, in the place of zeros, and one wrong byte in the first
    // block.
    const wrong = patternBytes(sizeBytes, 6);
    blockOf(content, 0).copy(wrong);
    wrong[100] = (wrong[100] ?? 0) ^ 1;
    blockOf(content, 3).copy(wrong, 3 * blockBytes);
    await writeFile(path, wrong);
    await using part = await openPartFile(path, table, { signal });
    assert.deepEqual(
      [0, 1, 2, 3].map((block) => part.has(block)),
      [false, false, false, true],
    );
    for (const block of [0, 2]) await part.put(block, blockOf(content, block));
    await part.complete();
    assert.ok((await readFile(path)).equals(content));
  }));

test("a part of another size starts again; sharing falls back to writing", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "part");
    const content = makeContent();
    await writeFile(path, "something else");
    await writeFile(join(directory, "base"), content);
    await using base = await open(join(directory, "base"), "r");
    await using part = await openPartFile(path, tableOf(content), { signal });
    for (const block of [0, 2, 3]) await part.share(block, blockOf(content, block), base);
    await part.complete();
    assert.ok((await readFile(path)).equals(content));
  }));
