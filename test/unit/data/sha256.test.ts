// Two digests at once are the two digests.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createBlockHasher } from "../../../src/data/block-hash.js";
import { blockBytes } from "../../../src/data/block-table.js";
import { createSha256, updateBoth } from "../../../src/data/sha256.js";
import { sha256Four } from "../../../src/sparse/native.js";
import { patternBytes } from "../../support/scratch.js";

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

test("two streams of any lengths, in pieces of any lengths, of any place in memory", () => {
  const lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 4096, 100_000, blockBytes];
  const pieces = [1, 63, 64, 65, 1000, 65_536, blockBytes];
  for (const [turn, length] of lengths.entries()) {
    for (const [step, piece] of pieces.entries()) {
      const otherLength = lengths[(turn + 3 * step + 1) % lengths.length] ?? 0;
      const otherPiece = pieces[(step + turn) % pieces.length] ?? 1;
      if (length / piece > 5000 || otherLength / otherPiece > 5000) continue;
      const first = patternBytes(length + 3, turn + 1).subarray(3);
      const second = patternBytes(otherLength + 5, step + 50).subarray(5);
      const [one, two] = [createSha256(), createSha256()];
      for (let a = 0, b = 0; a < first.length || b < second.length; a += piece, b += otherPiece) {
        updateBoth(one, first.subarray(a, a + piece), two, second.subarray(b, b + otherPiece));
      }
      const what = `${length} bytes by ${piece} beside ${otherLength} by ${otherPiece}`;
      assert.equal(one.digest().toString("hex"), digest(first), what);
      assert.equal(two.digest().toString("hex"), digest(second), what);
    }
  }
});

test("one alone, and one that gets company later", () => {
  const content = patternBytes(300_000, 9);
  const [one, two] = [createSha256(), createSha256()];
  one.update(content.subarray(0, 1000));
  updateBoth(one, content.subarray(1000, 200_000), two, content.subarray(0, 64));
  one.update(content.subarray(200_000));
  assert.equal(one.digest().toString("hex"), digest(content));
  assert.equal(two.digest().toString("hex"), digest(content.subarray(0, 64)));
});

test("however a file was cut into pieces, it has the same table", () => {
  const content = patternBytes(9 * blockBytes + 1234, 5);
  content.fill(0, 4 * blockBytes, 5 * blockBytes);
  content.fill(0, 6 * blockBytes, 6 * blockBytes + 5000);
  const tableOf = (pieceBytes: number, firstBytes = pieceBytes): object => {
    const hasher = createBlockHasher();
    hasher.update(0, content.subarray(0, firstBytes));
    for (let start = firstBytes; start < content.length; start += pieceBytes) {
      hasher.update(start, content.subarray(start, start + pieceBytes));
    }
    const { runs, digests } = hasher.finish(content.length);
    return { runs, digests: Buffer.from(digests) };
  };
  const expected = tableOf(10_000);
  for (const pieceBytes of [blockBytes, 2 * blockBytes, 3 * blockBytes + 5, content.length]) {
    assert.deepEqual(tableOf(pieceBytes), expected, `pieces of ${pieceBytes} bytes`);
    // As an archive has it: pieces that begin behind a header.
    assert.deepEqual(tableOf(pieceBytes, pieceBytes - 1536), expected, `${pieceBytes}, shifted`);
  }
});

const foreign = process.arch !== "x64" || process.config.variables.node_shared_openssl === true;

test("this Node has the function", { skip: foreign && "not in this Node's OpenSSL" }, () => {
  const idle = { bytes: Buffer.alloc(64), blocks: 0 };
  assert.equal(sha256Four(new Uint32Array(64), [idle, idle, idle, idle]), true);
});
