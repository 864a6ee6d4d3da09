// Bodies of PAX headers.
import assert from "node:assert/strict";
import { decodePax, indexPax, isFileKey } from "../../../src/archive/pax.js";
import { gnuRepeatedKeys } from "../../../src/archive/gnu-sparse.js";
import { paxRecord } from "../../unit/archive/support.js";
import { parsed } from "../only-store-errors.js";

export function fuzz(data: Buffer): void {
  const records = parsed(["ARCHIVE_INVALID"], () => decodePax(data, "header"));
  if (records === undefined) return;
  parsed(["ARCHIVE_INVALID"], () => indexPax(records, gnuRepeatedKeys, "header"));
  // Where no value is passed over, the records say all that the bytes say.
  if (!records.every(({ key }) => isFileKey(key))) return;
  const again = records.map(({ key, value }) => paxRecord(key, value)).join("");
  assert.equal(again, data.toString("utf8"), "records got lost");
}
