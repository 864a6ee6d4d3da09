// Fuzzes the content of commit objects, with a valid checksum unless the first byte selects
// otherwise. Accepted content must encode to the same bytes.
import assert from "node:assert/strict";
import { digestOf } from "../../../src/files/block-digest.js";
import { decodeCommit, encodeCommit } from "../../../src/remote/format/commit.js";
import { noSeal } from "../../../src/remote/format/seal.js";
import { parsed } from "../only-store-errors.js";

const id = "01kb7x0000abcdefghjkmnpqrs";
const reasons = ["REMOTE_DATA_INVALID", "FORMAT_UNSUPPORTED"] as const;

export function fuzz(data: Buffer): void {
  const text = data.subarray(1);
  const checksum = digestOf("blake3", text).toString("hex");
  const framed = Buffer.concat([
    Buffer.from(`{\n"checksum": "blake3:${checksum}",\n"key": "",\n"content": `),
    text,
    Buffer.from("\n}\n"),
  ]);
  const object = (data[0] ?? 0) % 16 === 0 ? text : framed;
  const decoded = parsed(reasons, () => decodeCommit(id, object, () => noSeal));
  if (decoded === undefined) return;
  const { keyId: _, ...commit } = decoded;
  const again = decodeCommit(id, encodeCommit(commit, noSeal), () => noSeal);
  assert.deepEqual(again, decoded, "it changed on its way");
}
