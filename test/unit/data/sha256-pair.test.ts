// Two digests at once are the two digests.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createBlockHasher } from "../../../src/data/block-hash.js";
import { blockBytes } from "../../../src/data/block-table.js";
import { sha256Pair } from "../../../src/data/sha256-pair.js";
import { sha256Four } from "../../../src/sparse/native.js";
import { patternBytes } from "../../support/scratch.js";

function digest(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

test("pairs of any whole length, also views into larger memory", () => {
  for (const length of [0, 64, 128, 4096, blockBytes, 1024 * 1024]) {
    const memory = patternBytes(2 * length + 3, length + 1);
    const first = memory.subarray(3, length + 3);
    const second = memory.subarray(length + 3);
    assert.deepEqual(sha256Pair(first, second), [digest(first), digest(second)], `${length} bytes`);
  }
});

test("a file hashed in pairs has the table of one hashed in crumbs", () => {
  const content = patternBytes(9 * blockBytes + 1234, 5);
  content.fill(0, 4 * blockBytes, 5 * blockBytes);
  const tableOf = (pieceBytes: number): object => {
    const hasher = createBlockHasher();
    for (let start = 0; start < content.length; start += pieceBytes) {
      hasher.update(start, content.subarray(start, start + pieceBytes));
    }
    const { runs, digests } = hasher.finish(content.length);
    return { runs, digests: Buffer.from(digests) };
  };
  const expected = tableOf(10_000);
  for (const pieceBytes of [blockBytes, 2 * blockBytes, 3 * blockBytes + 5, content.length]) {
    assert.deepEqual(tableOf(pieceBytes), expected, `pieces of ${pieceBytes} bytes`);
  }
});

const foreign = process.arch !== "x64" || process.config.variables.node_shared_openssl === true;

test("this Node has the function", { skip: foreign && "not in this Node's OpenSSL" }, () => {
  const idle = { bytes: Buffer.alloc(64), blocks: 0 };
  assert.equal(sha256Four(new Uint32Array(64), [idle, idle, idle, idle]), true);
});
