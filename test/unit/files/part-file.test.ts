// Tests a file that is assembled over several attempts. Data of an earlier attempt is trusted only
// if its digest is right.
import assert from "node:assert/strict";
import { open, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { indexBlocks } from "../../../src/files/block-access.js";
import { blockBytes, type BlockTable } from "../../../src/files/block-table.js";
import { createBlockHasher } from "../../../src/files/block-hash.js";
import { openPartFile, type PartFile } from "../../../src/files/part-file.js";
import { patternBytes, withScratchDir } from "../../support/scratch.js";

const { signal } = new AbortController();
/** The file has a block of data, a hole, a block with a page of zeros, and a short block. */
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

/** Opens a part and enters its only window. */
async function openWhole(path: string, table: BlockTable): Promise<PartFile> {
  const part = await openPartFile(path, table, { signal });
  await part.enter(0, indexBlocks(table));
  return part;
}

test("blocks in any order, over two attempts, give the complete file", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "part");
    const content = makeContent();
    const table = tableOf(content);
    {
      await using part = await openWhole(path, table);
      await part.put(3, blockOf(content, 3));
      await part.put(0, blockOf(content, 0));
      await assert.rejects(part.leave(), /block 2/);
      await assert.rejects(part.complete(), /0 of 1 windows/);
    }
    await using part = await openWhole(path, table);
    assert.deepEqual(
      [0, 1, 2, 3].map((block) => part.has(block)),
      [true, false, false, true],
    );
    await part.put(2, blockOf(content, 2));
    await part.leave();
    await part.complete();
    assert.ok((await readFile(path)).equals(content));
    assert.ok((await stat(path)).blocks * 512 < sizeBytes, "the hole is one");
  }));

test("wrong blocks of an earlier attempt are found and replaced", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "part");
    const content = makeContent();
    const table = tableOf(content);
    // Three blocks are wrong. The first has one wrong byte, and the next two contain garbage.
    const wrong = patternBytes(sizeBytes, 6);
    blockOf(content, 0).copy(wrong);
    wrong[100] = (wrong[100] ?? 0) ^ 1;
    blockOf(content, 3).copy(wrong, 3 * blockBytes);
    await writeFile(path, wrong);
    await using part = await openWhole(path, table);
    assert.deepEqual(
      [0, 1, 2, 3].map((block) => part.has(block)),
      [false, false, false, true],
    );
    for (const block of [0, 2]) await part.put(block, blockOf(content, block));
    await part.leave();
    await part.complete();
    assert.ok((await readFile(path)).equals(content));
  }));

test("a part of another size starts again, and blocks that cannot be shared are written", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "part");
    const content = makeContent();
    await writeFile(path, "something else");
    await writeFile(join(directory, "base"), content);
    await using base = await open(join(directory, "base"), "r");
    await using part = await openWhole(path, tableOf(content));
    for (const block of [0, 2, 3]) await part.share(block, blockOf(content, block), base);
    await part.leave();
    await part.complete();
    assert.ok((await readFile(path)).equals(content));
  }));
