// Tests which requests have equal fingerprints, and that fingerprints of version 1 are still
// compared.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { areDefaults, fingerprintOf } from "../../../src/store/parts/fingerprint.js";

const text = (fields: Readonly<Record<string, unknown>>) =>
  fingerprintOf(fields, () => undefined).text;

test("a field with its default value equals an absent field", () => {
  const plain = text({ kind: "create", config: { name: "web" } });
  for (const added of [
    ...["", 0, 0n, false, undefined, null, [], {}],
    ...[{ inner: "", list: [], deeper: { none: 0n } }],
  ]) {
    assert.equal(text({ kind: "create", config: { name: "web", added }, other: added }), plain);
    assert.ok(areDefaults({ added }));
  }
  assert.match(plain, /^2:[0-9a-f]{64}$/);
  assert.equal(text({}), text({ a: { b: "" } }));
});

test("every other value gives another fingerprint, in any field", () => {
  const time = new Date(Date.UTC(2030, 0, 1));
  const values = ["x", 1, 2n, true, time, ["x"], ["x", ""], ["", "x"], [0, "x"], { a: "x" }];
  const all = [
    ...values.map((value) => text({ kind: "create", value })),
    ...values.map((value) => text({ kind: "create", config: { value } })),
    ...values.map((value) => text({ kind: "import", value })),
  ];
  // In a list, an empty string equals a zero, because the elements of a real list have one type.
  assert.equal(new Set(all).size, all.length - 3);
  assert.equal(areDefaults({ value: time }), false);
});

test("the order of keys does not matter, but the order of a list does", () => {
  assert.equal(text({ a: "1", b: { c: 1, d: 2 } }), text({ b: { d: 2, c: 1 }, a: "1" }));
  assert.notEqual(text({ list: ["a", "b"] }), text({ list: ["b", "a"] }));
});

test("a stored fingerprint is compared in its own version", () => {
  const first = { kind: "create", isProtected: false, labels: { b: "2", a: "1" } };
  // The text of version 1 has sorted keys and includes all defaults.
  const canonical = '{"isProtected":false,"kind":"create","labels":{"a":"1","b":"2"}}';
  const stored = createHash("sha256").update(canonical).digest("hex");
  const known = fingerprintOf({ kind: "create" }, () => first);
  assert.ok(known.matches(stored));
  assert.ok(known.matches(known.text));
  assert.ok(!known.matches(stored.replace(/^./, (digit) => (digit === "0" ? "1" : "0"))));
  assert.ok(!known.matches(""));
  // The same digits mean something else in another version.
  assert.ok(!known.matches(known.text.replace("2:", "3:")));
  assert.ok(!known.matches(known.text.replace("2:", "")));
  const newer = fingerprintOf({ kind: "create", since: "version 2" }, () => undefined);
  assert.ok(!newer.matches(stored));
  assert.ok(newer.matches(newer.text));
});
