// Fuzzes block tables with a valid checksum. A table that is accepted must encode to the same
// bytes.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rootDigest } from "../../../src/files/block-table.js";
import { decodeBlockTable, encodeBlockTable } from "../../../src/files/block-table-codec.js";
import { parsed } from "../only-store-errors.js";

export function fuzz(data: Buffer): void {
  const bytes = Buffer.concat([data, createHash("sha256").update(data).digest()]);
  const reasons = ["STORED_DATA_CORRUPT", "FORMAT_UNSUPPORTED"] as const;
  const table = parsed(reasons, () => decodeBlockTable(bytes, "table"));
  if (table === undefined) return;
  assert.match(rootDigest(table), /^sha256:[0-9a-f]{64}$/);
  assert.ok(bytes.equals(encodeBlockTable(table)), "the table has another encoding");
}
