// Tests that tables in files have the same windows as tables in memory, and refuse the same bytes.
import assert from "node:assert/strict";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBlockTable, encodeBlockTable } from "../../../src/files/block-table-codec.js";
import { digestBytes, digestOf } from "../../../src/files/block-digest.js";
import {
  blockBytes,
  rootDigest,
  type BlockKind,
  type BlockTable,
} from "../../../src/files/block-table.js";
import { checkTable, openTable } from "../../../src/files/table-file.js";
import { openTablePart } from "../../../src/files/table-part.js";
import { tableInMemory, windowBlocks } from "../../../src/files/table-source.js";
import { isStoreError } from "../../../src/base/errors.js";
import { patternBytes, withScratchDir } from "../../support/scratch.js";

const { signal } = new AbortController();

/** Makes a table with runs of these lengths. Neighbours differ in kind; the last block is short. */
function makeTable(steps: readonly (readonly [number, number])[], algorithm: "blake3" | "sha256") {
  const kinds: readonly BlockKind[] = ["hole", "zero", "data"];
  const runs: { kind: BlockKind; count: number }[] = [];
  let [kind, blocks, data] = [0, 0, 0];
  for (const [count, turn] of steps) {
    kind = (kind + 1 + (turn % 2)) % 3;
    const name = kinds[kind] ?? "hole";
    runs.push({ kind: name, count });
    blocks += count;
    if (name === "data") data += count;
  }
  const digests = patternBytes(data * digestBytes, blocks);
  const sizeBytes = Math.max(0, blocks * blockBytes - (blocks > 0 ? 1000 : 0));
  return { sizeBytes, blockSizeBytes: blockBytes, runs, algorithm, digests } satisfies BlockTable;
}

/**
 * Generates either a few long runs, or thousands of short ones that cross the windows in many ways.
 */
const steps = fc.oneof(
  fc.array(fc.tuple(fc.integer({ min: 1, max: 3 * windowBlocks }), fc.nat(1)), { maxLength: 6 }),
  fc
    .array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(1)), { minLength: 1, maxLength: 40 })
    .map((few) => Array.from({ length: 700 }, () => few).flat()),
);

test("each window of a table in a file is that of the same table in memory", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "table");
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom("blake3", "sha256"), fc.nat(), async (...given) => {
        const [runs, algorithm, start] = given;
        const table = makeTable(runs, algorithm);
        await writeFile(path, encodeBlockTable(table));
        const handle = await open(path, "r");
        const checked = await checkTable(handle, path, signal);
        await using file = await openTable(handle, path, checked);
        const memory = tableInMemory(table);
        assert.equal(checked.rootDigest, rootDigest(table));
        assert.equal(file.dataBytes, memory.dataBytes);
        assert.equal(file.windows, memory.windows);
        // The windows are read in another order than that of the file.
        for (let step = 0; step < file.windows; step += 1) {
          const number = (start + step * 7) % file.windows;
          const [one, two] = [await file.window(number), await memory.window(number)];
          const blocks = [...one.dataBlocks()];
          assert.deepEqual(blocks, [...two.dataBlocks()]);
          for (const block of [...blocks, number * windowBlocks]) {
            const [left, right] = [one.digestOf(block), two.digestOf(block)];
            assert.equal(left === undefined, right === undefined);
            if (left !== undefined && right !== undefined) assert.deepEqual(left, right);
            assert.equal(one.lengthOf(block), two.lengthOf(block));
          }
        }
        assert.deepEqual((await file.whole()).runs, table.runs);
      }),
      { numRuns: 30 },
    );
  }));

test("what the strict decoder refuses, the check of a file refuses too", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "table");
    const table = makeTable(
      Array.from({ length: 50 }, (_, step) => [step % 3 === 0 ? 2 : 1, step] as const),
      "blake3",
    );
    const good = Buffer.from(encodeBlockTable(table));
    const outcome = async (work: () => unknown): Promise<string> => {
      try {
        await work();
        return "accepted";
      } catch (error) {
        if (!isStoreError(error)) throw error;
        return error.reason;
      }
    };
    const body = good.length - digestBytes;
    let refused = 0;
    for (const resummed of [false, true]) {
      for (let position = 0; position < 40 + 50 * 8 + 64; position += 1) {
        const bad = Buffer.from(good);
        bad[position] = (bad[position] ?? 0) ^ 1;
        if (resummed) {
          const sum = digestOf("sha256", bad.subarray(0, body));
          bad.set(sum, body);
        }
        await writeFile(path, bad);
        await using handle = await open(path, "r");
        const expected = await outcome(() => {
          rootDigest(decodeBlockTable(bad, path));
        });
        const found = await outcome(() => checkTable(handle, path, signal));
        // A reader of parts cannot distinguish a newer version from a damaged one.
        if (position >= 8 && position < 12) assert.notEqual(found, "accepted");
        else assert.equal(found, expected, `byte ${position}, new sum: ${resummed}`);
        if (found !== "accepted") refused += 1;
      }
    }
    assert.ok(refused > 500);
    for (const length of [0, 39, 71, good.length - 1]) {
      await writeFile(path, good.subarray(0, length));
      await using handle = await open(path, "r");
      assert.equal(await outcome(() => checkTable(handle, path, signal)), "STORED_DATA_CORRUPT");
    }
  }));

test("a table that lists zeros as data is noticed, wherever the zeros are", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "table");
    for (const algorithm of ["blake3", "sha256"] as const) {
      for (const [block, length] of [
        [0, blockBytes],
        [8191, blockBytes],
        [9999, blockBytes - 1000],
      ] as const) {
        const runs = [{ kind: "data" as const, count: 10_000 }];
        const digests = patternBytes(10_000 * digestBytes, 3);
        digests.set(digestOf(algorithm, Buffer.alloc(length)), block * digestBytes);
        const sizeBytes = 10_000 * blockBytes - 1000;
        const table = { sizeBytes, blockSizeBytes: blockBytes, runs, algorithm, digests };
        await writeFile(path, encodeBlockTable(table));
        await using handle = await open(path, "r");
        assert.equal((await checkTable(handle, path, signal)).callsZerosData, true);
      }
    }
  }));

test("a table that arrives in parts continues where it ended, or starts again", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "part");
    const bytes = encodeBlockTable(
      makeTable(
        [
          [40_000, 1],
          [3, 0],
          [2, 0],
        ],
        "blake3",
      ),
    );
    {
      await using part = await openTablePart(path, bytes.length);
      await part.append(bytes.subarray(0, 5000));
      await assert.rejects(part.check(signal), { reason: "STORED_DATA_CORRUPT" });
    }
    {
      await using part = await openTablePart(path, bytes.length);
      assert.equal(part.lengthBytes, 5000);
      await part.append(bytes.subarray(5000));
      await using table = await part.open(await part.check(signal));
      assert.equal(table.windows, 3);
    }
    assert.ok((await readFile(path)).equals(bytes));
    await using longer = await openTablePart(path, bytes.length - 1);
    assert.equal(longer.lengthBytes, 0);
  }));
