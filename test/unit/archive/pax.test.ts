// Tests PAX records. Their lengths are exact, a value may contain any bytes, and no record is
// dropped silently.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodePax, encodePax, indexPax, parseDecimal } from "../../../src/archive/pax.js";
import { StoreError } from "../../../src/base/errors.js";
import { paxRecord } from "./support.js";

function refused(body: string | Uint8Array, message: RegExp): void {
  assert.throws(
    () => decodePax(Buffer.from(body as Uint8Array), "header"),
    (error: unknown) =>
      error instanceof StoreError &&
      error.reason === "ARCHIVE_INVALID" &&
      message.test(error.message),
  );
}

test("values may contain newlines and equals signs", () => {
  const value = "a=b\n12 path=evil\n==\n";
  const body = paxRecord("path", value) + paxRecord("size", "7");
  assert.deepEqual(decodePax(Buffer.from(body), "header"), [
    { key: "path", value },
    { key: "size", value: "7" },
  ]);
});

test("a record of any length is read back", () => {
  for (let length = 0; length < 1100; length++) {
    const record = { key: "path", value: "é".repeat(length % 7) + "x".repeat(length) };
    const encoded = encodePax("a", [record], 0);
    const size = Number.parseInt(Buffer.from(encoded).toString("latin1", 124, 135), 8);
    assert.deepEqual(decodePax(encoded.subarray(512, 512 + size), "header"), [record]);
    assert.equal(encoded.byteLength % 512, 0);
  }
});

test("a record with a wrong length or form is refused", () => {
  refused("path=a\n", /its length/);
  refused("010 path=a\n", /its length/);
  refused("+9 path=a\n", /its length/);
  refused("99999999999999999999 path=a\n", /its length/);
  refused("12 path=a\n", /goes beyond the header/);
  refused("8 path=a\n", /newline/);
  refused("11 path=a\n\n\n", /its length|goes beyond/);
  refused("10 path=ab", /newline/);
  refused("3 \n", /newline|key/);
  refused("7 path\n", /newline|key/);
  refused("8 path\n\n", /key/);
  refused("5 =a\n", /key/);
  refused("0 path=a\n", /its length/);
  refused(Buffer.concat([Buffer.from("11 path=a"), Buffer.from([0xff, 0x0a])]), /UTF-8/);
});

test("values of keys that we skip may contain any bytes", () => {
  const body = Buffer.from("20 SCHILY.xattr.a=??\n");
  body.set([0xff, 0xfe], 18);
  body.write("21", 0);
  assert.deepEqual(decodePax(body, "header"), [{ key: "SCHILY.xattr.a", value: "" }]);
});

test("a key that describes the file may occur only once", () => {
  const records = [
    { key: "path", value: "a" },
    { key: "path", value: "b" },
  ];
  assert.throws(() => indexPax(records, new Set(), "header"), /"path" comes twice/);
  const comments = [
    { key: "comment", value: "" },
    { key: "comment", value: "" },
  ];
  assert.equal(indexPax(comments, new Set(), "header").size, 1);
});

test("decimals are digits up to 2^53 - 1", () => {
  assert.equal(parseDecimal("9007199254740991"), Number.MAX_SAFE_INTEGER);
  assert.equal(parseDecimal("007"), 7);
  const refusedTexts = ["", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "9007199254740992", "٣"];
  for (const bad of [...refusedTexts, "1".repeat(21)]) assert.equal(parseDecimal(bad), undefined);
});
