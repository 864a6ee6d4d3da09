// Tests that the digests of blocks follow their specifications, whatever the pieces are, and for
// several digests in a row.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { algorithms, createBlockDigest, digestOf } from "../../../src/files/block-digest.js";
import { patternBytes } from "../../support/scratch.js";

/** Returns the input of BLAKE3's test vectors: the bytes 0 to 250, repeated. */
function vectorInput(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => index % 251));
}

/** The vectors are from BLAKE3's test_vectors.json. Each has the first 32 bytes of the hash. */
const vectors: readonly (readonly [number, string])[] = [
  [0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"],
  [1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"],
  [1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"],
  [31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"],
  [102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"],
];

test("BLAKE3 matches its published test vectors", () => {
  for (const [length, hex] of vectors) {
    assert.equal(digestOf("blake3", vectorInput(length)).toString("hex"), hex, `${length} bytes`);
  }
});

test("SHA-256 matches the result of OpenSSL", () => {
  const bytes = patternBytes(100_000, 4);
  const expected = createHash("sha256").update(bytes).digest();
  assert.deepEqual(digestOf("sha256", bytes), expected);
});

for (const algorithm of algorithms) {
  test(`${algorithm} is correct for pieces of any length and alignment, and for several digests in a row`, () => {
    const digest = createBlockDigest(algorithm);
    assert.deepEqual(digest.take(), digestOf(algorithm, Buffer.alloc(0)));
    for (const length of [1, 63, 64, 1025, 4096, 100_000, 262_144]) {
      for (const pieceBytes of [1000, 4096, 65_536, 262_144]) {
        const content = patternBytes(length + 3, length).subarray(3);
        for (let at = 0; at < length; at += pieceBytes) {
          digest.update(content.subarray(at, at + pieceBytes));
        }
        assert.deepEqual(digest.take(), digestOf(algorithm, content), `${length} by ${pieceBytes}`);
      }
    }
  });
}
