// Tests sizes and durations: the accepted and refused texts, and exact formatting.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../../src/config/units.js";

test("sizes may have binary, decimal and no units", () => {
  assert.equal(parseSize("1.5GiB"), 1_610_612_736);
  assert.equal(parseSize("512KiB"), 524_288);
  assert.equal(parseSize("512 kib"), 524_288);
  assert.equal(parseSize("2MB"), 2_000_000);
  assert.equal(parseSize("4096"), 4096);
  assert.equal(parseSize("0"), 0);
  assert.equal(parseSize("100TiB"), 100 * 2 ** 40);
});

test("sizes that are ambiguous, negative, fractional or beyond safe integers are invalid", () => {
  for (const text of ["", "5M", "-1", "1.5", "0.3B", "1e9", "9999999TiB", "GiB", "1 2KiB"]) {
    assert.equal(parseSize(text), undefined, text);
  }
});

test("durations need a unit, except for 0", () => {
  assert.equal(parseDuration("250ms"), 250);
  assert.equal(parseDuration("30s"), 30_000);
  assert.equal(parseDuration("1.5h"), 5_400_000);
  assert.equal(parseDuration("1.005s"), 1005);
  assert.equal(parseDuration("0.5ms"), undefined);
  assert.equal(parseDuration("30d"), 2_592_000_000);
  assert.equal(parseDuration("0"), 0);
  for (const text of ["30", "", "5M", "1H", "-5s", "s", "constructor", "1constructor"]) {
    assert.equal(parseDuration(text), undefined, text);
  }
});

test("a printed value reads back as the same value", () => {
  fc.assert(
    fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (value) => {
      assert.equal(parseSize(formatSize(value)), value);
      assert.equal(parseDuration(formatDuration(value)), value);
    }),
  );
  assert.equal(formatSize(4 * 2 ** 20), "4MiB");
  assert.equal(formatSize(1000), "1000B");
  assert.equal(formatDuration(30_000), "30s");
  assert.equal(formatDuration(1500), "1500ms");
});
