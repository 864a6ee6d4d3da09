// Fuzzes footers of packs with a valid digest. An accepted footer must describe its pack without a
// gap.
import assert from "node:assert/strict";
import { digestOf } from "../../../src/files/block-digest.js";
import { headBytes } from "../../../src/remote/format/object-head.js";
import {
  decodePackFooter,
  decodePackTail,
  tailBytes,
  type PackTail,
} from "../../../src/remote/format/pack.js";
import { noSeal } from "../../../src/remote/format/seal.js";
import { parsed } from "../only-store-errors.js";

const name = { push: "01kb7x0000abcdefghjkmnpqrs", attempt: 0, sequence: 0 };
const reasons = ["REMOTE_DATA_INVALID"] as const;

/**
 * The first four bytes give the size of the pack, the next 64 its tail, and the rest its footer.
 */
export function fuzz(data: Buffer): void {
  if (data.length < 4 + tailBytes) return;
  const packBytes = data.readUInt32LE(0);
  const footer = data.subarray(4 + tailBytes);
  const tailText = Buffer.from(data.subarray(4, 4 + tailBytes));
  digestOf("blake3", footer).copy(tailText);
  const tail = parsed(reasons, () => decodePackTail(tailText, packBytes, "pack"));
  if (tail === undefined) return;
  assert.ok(tail.footerOffset > headBytes);
  checkEntries(footer, tail);
}

function checkEntries(footer: Buffer, tail: PackTail): void {
  const entries = parsed(reasons, () => decodePackFooter(footer, tail, name, noSeal));
  if (entries === undefined) return;
  assert.equal(entries.length, tail.entries);
  let position = headBytes;
  for (const { offset, bytes } of entries) {
    assert.equal(offset, position);
    position += bytes;
  }
  assert.equal(position, tail.footerOffset);
}
