// Tests the text of the orchestrator's own data, and the facts of a host.
import assert from "node:assert/strict";
import { test } from "node:test";
import { extraText, knownFacts } from "../../../src/model/host-facts.js";

test("the text is the same for each order of the keys, and no key is lost", () => {
  const text = extraText({ b: [{ d: 1, c: 2 }], a: null }, "extra");
  assert.equal(text, '{"a":null,"b":[{"c":2,"d":1}]}');
  assert.equal(extraText({ a: null, b: [{ c: 2, d: 1 }] }, "extra"), text);
  const odd = '{"__proto__":{"constructor":1},"a":{}}';
  assert.equal(extraText(JSON.parse(odd) as object, "extra"), odd);
  assert.equal(extraText({}, "extra"), undefined);
  assert.equal(extraText(undefined, "extra"), undefined);
});

test("numbers that JSON cannot express and half characters are refused", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, "\ud800", { "\udc00": 1 }]) {
    const find = () => extraText({ list: [value] }, "extra");
    assert.throws(find, { reason: "FIELD_INVALID" });
  }
});

test("only facts that are known are kept", () => {
  assert.deepEqual(knownFacts({ kernel: "6.1", cpuModel: "" }), { kernel: "6.1" });
  const others = { $typeName: "x", kernel: "", $unknown: [] };
  assert.equal(knownFacts(others), undefined);
  assert.equal(knownFacts(undefined), undefined);
});
