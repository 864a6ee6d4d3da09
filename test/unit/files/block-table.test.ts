// Tests block tables: their computation, their roots, and their files.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
  algorithms,
  currentAlgorithm,
  digestBytes,
  digestOf,
  type DigestAlgorithm,
} from "../../../src/files/block-digest.js";
import { createBlockHasher } from "../../../src/files/block-hash.js";
import {
  decodeBlockTable,
  encodeBlockTable,
  readBlockTable,
} from "../../../src/files/block-table-codec.js";
import {
  blockBytes,
  digestAt,
  placedRuns,
  rootDigest,
  type BlockTable,
} from "../../../src/files/block-table.js";
import { isZero } from "../../../src/holes/zero.js";
import { patternBytes, withScratchDir } from "../../support/scratch.js";

const kib = 1024;
const tib = 1024 ** 4;

/** Returns the table of a completely written content, computed in the simplest way. */
function plainTable(
  content: Uint8Array,
  algorithm: DigestAlgorithm = currentAlgorithm,
): BlockTable {
  const runs: { kind: "zero" | "data"; count: number }[] = [];
  const digests: Buffer[] = [];
  for (let start = 0; start < content.length; start += blockBytes) {
    const block = content.subarray(start, start + blockBytes);
    const kind = isZero(block) ? "zero" : "data";
    if (kind === "data") digests.push(digestOf(algorithm, block));
    const last = runs.at(-1);
    if (last?.kind === kind) last.count += 1;
    else runs.push({ kind, count: 1 });
  }
  const sizeBytes = content.length;
  return {
    ...{ sizeBytes, blockSizeBytes: blockBytes, runs, algorithm },
    digests: Buffer.concat(digests),
  };
}

/** Generates contents of a few blocks. Whole blocks, parts of blocks or no bytes are zero. */
const contents = fc
  .tuple(
    fc.array(fc.constantFrom("zero", "data", "start", "middle", "end"), { maxLength: 5 }),
    fc.nat({ max: blockBytes - 1 }),
  )
  .map(([blocks, rest]) => {
    const content = Buffer.alloc(blocks.length * blockBytes + rest);
    for (const [index, kind] of blocks.entries()) {
      const start = index * blockBytes;
      if (kind === "data") content.set(patternBytes(blockBytes, index), start);
      if (kind === "start") content[start] = 1;
      if (kind === "middle") content.fill(3, start + 100_000, start + 140_000);
      if (kind === "end") content[start + blockBytes - 1] = 2;
    }
    if (rest > 0 && rest % 3 === 0) content[content.length - 1] = 9;
    return content;
  });

const cuts = fc.array(fc.nat({ max: 200 * kib }), { minLength: 1, maxLength: 8 });

/**
 * Passes the content to a hasher in pieces of about the given lengths. If `skipZeros` is true,
 * pieces of zeros are left out as holes.
 */
function hashInPieces(
  content: Uint8Array,
  lengths: readonly number[],
  skipZeros: boolean,
  algorithm: DigestAlgorithm = currentAlgorithm,
): BlockTable {
  const hasher = createBlockHasher(algorithm);
  let offset = 0;
  for (let turn = 0; offset < content.length; turn += 1) {
    const length = (lengths[turn % lengths.length] ?? 0) + (turn % 7 === 0 ? 1 : 0);
    const piece = content.subarray(offset, offset + length);
    if (!skipZeros || !isZero(piece)) hasher.update(offset, piece);
    offset += piece.length;
  }
  return hasher.finish(content.length);
}

test("hashing in pieces of any length gives the same table as the simple way", () => {
  fc.assert(
    fc.property(contents, cuts, fc.constantFrom(...algorithms), (content, lengths, algorithm) => {
      const table = hashInPieces(content, lengths, false, algorithm);
      assert.deepEqual(table, plainTable(content, algorithm));
    }),
    { numRuns: 60 },
  );
});

test("a file has the same table however it is cut into pieces of blocks", () => {
  const content = patternBytes(9 * blockBytes + 1234, 5);
  content.fill(0, 4 * blockBytes, 5 * blockBytes);
  content.fill(0, 6 * blockBytes, 6 * blockBytes + 5000);
  for (const algorithm of algorithms) {
    const expected = plainTable(content, algorithm);
    const lengths = [10_000, blockBytes, 2 * blockBytes, 3 * blockBytes + 5, content.length];
    for (const pieceBytes of lengths) {
      // The second case resembles an archive, whose first piece begins after a header.
      for (const firstBytes of [pieceBytes, pieceBytes - 1536]) {
        const hasher = createBlockHasher(algorithm);
        hasher.update(0, content.subarray(0, firstBytes));
        for (let start = firstBytes; start < content.length; start += pieceBytes) {
          hasher.update(start, content.subarray(start, start + pieceBytes));
        }
        const table = hasher.finish(content.length);
        assert.deepEqual(table, expected, `${algorithm}: ${firstBytes}, then ${pieceBytes}`);
      }
    }
  }
});

test("equal bytes have equal roots, whatever their holes and pieces are", () => {
  fc.assert(
    fc.property(contents, cuts, cuts, (content, first, second) => {
      const root = rootDigest(plainTable(content));
      assert.equal(rootDigest(hashInPieces(content, first, true)), root);
      assert.equal(rootDigest(hashInPieces(content, second, false)), root);
    }),
    { numRuns: 60 },
  );
});

test("a single different byte gives another root, and so does another size", () => {
  fc.assert(
    fc.property(contents, fc.nat(), (content, position) => {
      const root = rootDigest(plainTable(content));
      assert.notEqual(rootDigest(plainTable(Buffer.concat([content, Buffer.alloc(1)]))), root);
      if (content.length === 0) return;
      const changed = Buffer.from(content);
      const at = position % content.length;
      changed[at] = (changed[at] ?? 0) ^ 0x40;
      assert.notEqual(rootDigest(plainTable(changed)), root);
    }),
    { numRuns: 60 },
  );
});

for (const [algorithm, domain] of [
  ["blake3", "stasis-file-v2\0"],
  ["sha256", "stasis-file-v1\0"],
] as const) {
  test(`the root is SHA-256 over the documented bytes: ${algorithm}`, () => {
    const content = Buffer.alloc(3 * blockBytes + 5);
    content.fill(1, blockBytes, 2 * blockBytes);
    content[3 * blockBytes + 4] = 7;
    const u64 = (value: number): Buffer => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt(value));
      return bytes;
    };
    const expected = createHash("sha256")
      .update(domain)
      .update(u64(content.length))
      .update(Buffer.from([0, 0, 4, 0]))
      .update(Buffer.concat([Buffer.from([0]), u64(1)]))
      .update(Buffer.concat([Buffer.from([1]), u64(1)]))
      .update(digestOf(algorithm, content.subarray(blockBytes, 2 * blockBytes)))
      .update(Buffer.concat([Buffer.from([0]), u64(1)]))
      .update(Buffer.concat([Buffer.from([1]), u64(1)]))
      .update(digestOf(algorithm, content.subarray(3 * blockBytes)))
      .digest("hex");
    const table = hashInPieces(content, [1000], true, algorithm);
    assert.equal(rootDigest(table), `sha256:${expected}`);
  });
}

test("a block is a hole, zeros or data according to its written bytes", () => {
  const hasher = createBlockHasher();
  hasher.update(2 * blockBytes + 100, Buffer.alloc(10));
  hasher.update(4 * blockBytes - 1, Buffer.from([0, 5]));
  const table = hasher.finish(7 * blockBytes - 3);
  assert.deepEqual(table.runs, [
    { kind: "hole", count: 2 },
    { kind: "zero", count: 2 },
    { kind: "data", count: 1 },
    { kind: "hole", count: 2 },
  ]);
  const block = Buffer.alloc(blockBytes);
  block[0] = 5;
  assert.deepEqual(Buffer.from(digestAt(table, 0)), digestOf(currentAlgorithm, block));
  assert.deepEqual(
    [...placedRuns(table)].map(({ firstBlock }) => firstBlock),
    [0, 2, 4, 5],
  );
});

test("a hasher refuses to go back, to end twice, and to end before its last byte", () => {
  const hasher = createBlockHasher();
  hasher.update(10, Buffer.alloc(10));
  assert.throws(() => {
    hasher.update(19, Buffer.alloc(1));
  }, /after byte 20/);
  assert.throws(() => hasher.finish(19), /after byte 20/);
  hasher.finish(20);
  assert.throws(() => hasher.finish(20), /after byte 20/);
  assert.throws(() => {
    hasher.update(20, Buffer.alloc(1));
  }, /after byte 20/);
});

test("a hole of a TiB costs a few bytes, and a full GiB costs 32 bytes per block", () => {
  const hole = createBlockHasher().finish(8 * tib + 1);
  const bytes = encodeBlockTable(hole);
  assert.equal(bytes.length, 80);
  assert.deepEqual(decodeBlockTable(bytes, "t"), { ...hole, digests: Buffer.alloc(0) });

  const count = 1024 ** 3 / blockBytes;
  const full: BlockTable = {
    sizeBytes: 1024 ** 3,
    blockSizeBytes: blockBytes,
    runs: [{ kind: "data", count }],
    algorithm: currentAlgorithm,
    digests: Buffer.alloc(count * digestBytes, 1),
  };
  assert.equal(encodeBlockTable(full).length, 40 + 8 + count * digestBytes + 32);
});

test("runs that are longer than one record can count are read back", () => {
  const blocks = 2 ** 32 + 5;
  const table: BlockTable = {
    sizeBytes: blocks * 512,
    blockSizeBytes: 512,
    runs: [{ kind: "hole", count: blocks }],
    algorithm: currentAlgorithm,
    digests: Buffer.alloc(0),
  };
  const bytes = encodeBlockTable(table);
  assert.equal(bytes.length, 88);
  assert.deepEqual(decodeBlockTable(bytes, "t"), table);
});

const tables = fc
  .tuple(
    fc.array(
      fc.record(
        { kind: fc.constantFrom("hole", "zero", "data"), count: fc.integer({ min: 1, max: 9 }) },
        { noNullPrototype: true },
      ),
      {
        maxLength: 12,
      },
    ),
    fc.nat({ max: blockBytes - 1 }),
    fc.constantFrom(...algorithms),
  )
  .map(([list, short, algorithm]): BlockTable => {
    const runs = list.filter((run, index) => run.kind !== list[index - 1]?.kind);
    const blocks = runs.reduce((sum, run) => sum + run.count, 0);
    const data = runs.reduce((sum, run) => sum + (run.kind === "data" ? run.count : 0), 0);
    return {
      sizeBytes: blocks === 0 ? 0 : blocks * blockBytes - short,
      blockSizeBytes: blockBytes,
      runs,
      algorithm,
      digests: patternBytes(data * digestBytes, blocks),
    };
  });

test("any table is written to its file and read back unchanged", () => {
  fc.assert(
    fc.property(tables, (table) => {
      assert.deepEqual(decodeBlockTable(encodeBlockTable(table), "t"), table);
    }),
    { numRuns: 300 },
  );
});

test("any changed, missing or added byte is found, and the error names the file", () => {
  fc.assert(
    fc.property(tables, fc.nat(), fc.integer({ min: 1, max: 255 }), (table, place, flip) => {
      const bytes = Buffer.from(encodeBlockTable(table));
      const at = place % bytes.length;
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ flip;
      for (const damaged of [flipped, bytes.subarray(0, at), Buffer.concat([bytes, bytes])]) {
        assert.throws(() => decodeBlockTable(damaged, "/the/file"), {
          reason: "STORED_DATA_CORRUPT",
          message: /^block table \/the\/file: /,
        });
      }
    }),
    { numRuns: 200 },
  );
});

test("a wrong table is refused even if its checksum is right", () => {
  const good: BlockTable = {
    sizeBytes: 3 * blockBytes,
    blockSizeBytes: blockBytes,
    runs: [
      { kind: "hole", count: 1 },
      { kind: "data", count: 2 },
    ],
    algorithm: currentAlgorithm,
    digests: Buffer.alloc(2 * digestBytes, 1),
  };
  const lies: readonly BlockTable[] = [
    { ...good, sizeBytes: 5 * blockBytes },
    { ...good, digests: Buffer.alloc(digestBytes) },
    { ...good, runs: [{ kind: "data", count: 3 }] },
    { ...good, blockSizeBytes: 0 },
    { ...good, sizeBytes: 2 ** 54 },
    {
      ...good,
      runs: [...good.runs.slice(0, 1), { kind: "hole", count: 1 }, ...good.runs.slice(1)],
      sizeBytes: 4 * blockBytes,
    },
  ];
  for (const lie of lies) {
    assert.throws(() => decodeBlockTable(encodeBlockTable(lie), "t"), {
      reason: "STORED_DATA_CORRUPT",
    });
  }
});

test("a table is read from its file, and a missing file is damage", async () => {
  await withScratchDir(async (directory) => {
    const path = join(directory, "0000.blk");
    await assert.rejects(readBlockTable(path), {
      reason: "STORED_DATA_CORRUPT",
      message: `block table ${path}: it is missing`,
    });
    const table = plainTable(patternBytes(2 * blockBytes + 1, 3));
    await writeFile(path, encodeBlockTable(table));
    assert.equal(rootDigest(await readBlockTable(path)), rootDigest(table));
  });
});

test("a table of a newer version is not damage, but an accidentally changed version is", () => {
  const bytes = Buffer.from(encodeBlockTable(plainTable(patternBytes(blockBytes, 3))));
  const changed = Buffer.from(bytes);
  changed.writeUInt32LE(3, 8);
  assert.throws(() => decodeBlockTable(changed, "t"), {
    reason: "STORED_DATA_CORRUPT",
    message: "block table t: its version is 3, expected 2",
  });
  const newer = Buffer.concat([
    changed.subarray(0, 12),
    Buffer.from("as version 3 has it ".repeat(5)),
  ]);
  const checksum = createHash("sha256").update(newer).digest();
  for (const end of [checksum, Buffer.alloc(digestBytes)]) {
    assert.throws(() => decodeBlockTable(Buffer.concat([newer, end]), "t"), {
      reason: "FORMAT_UNSUPPORTED",
      message:
        "block table t has version 3, this stasis knows versions up to 2: it was written by a newer stasis",
    });
  }
});
