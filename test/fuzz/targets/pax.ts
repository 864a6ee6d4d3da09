// Fuzzes the bodies of PAX headers.
import assert from "node:assert/strict";
import { decodePax, indexPax, isFileKey } from "../../../src/archive/pax.js";
import { gnuRepeatedKeys } from "../../../src/archive/gnu-sparse.js";
import { paxRecord } from "../../unit/archive/support.js";
import { parsed } from "../only-store-errors.js";

export function fuzz(data: Buffer): void {
  const records = parsed(["ARCHIVE_INVALID"], () => decodePax(data, "header"));
  if (records === undefined) return;
  parsed(["ARCHIVE_INVALID"], () => indexPax(records, gnuRepeatedKeys, "header"));
  // If no value is skipped, the records represent all bytes.
  if (!records.every(({ key }) => isFileKey(key))) return;
  const again = Buffer.from(records.map(({ key, value }) => paxRecord(key, value)).join(""));
  assert.equal(withoutLengths(again), withoutLengths(data), "records got lost");
}

/**
 * Removes the lengths of the records. A length counts its own digits, so some records have two
 * valid lengths, such as 9 and 10.
 */
function withoutLengths(body: Buffer): string {
  const rest: Buffer[] = [];
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(" ", at);
    const end = at + Number(body.toString("latin1", at, space));
    rest.push(body.subarray(space, end));
    at = end;
  }
  return Buffer.concat(rest).toString("utf8");
}
