// Tests that an envelope of a delta archive is read strictly: a reader that guessed would store
// other bytes than those that were exported.
import assert from "node:assert/strict";
import { test } from "node:test";
import { maxDeltaHoles, type DeltaFacts } from "../../../src/archive/delta-envelope.js";
import { decodeEnvelope, encodeEnvelope } from "../../../src/archive/envelope.js";
import { isStoreError, type ErrorReason } from "../../../src/base/errors.js";
import { emptyConfig } from "../../../src/model/config.js";
import type { Extent } from "../../../src/model/extent.js";

const digest = `sha256:${"0a".repeat(32)}`;
const sizeBytes = 1_000_000;
const files = ["disk", "memory", "state"];
const claim = { sizeBytes, digest, blocks: "blake3" };
const claims = new Map(files.map((name) => [name, claim]));
const holes = [
  { offset: 4096, length: 512 },
  { offset: 999_936, length: 64 },
];
const delta = deltaOf(holes);

function deltaOf(memoryHoles: readonly Extent[]): DeltaFacts {
  return {
    parent: { digest, id: "0123456789abcdef", name: "web" },
    deltaFiles: new Map([
      ["disk", []],
      ["memory", memoryHoles],
    ]),
    inherited: ["state"],
  };
}

const text = Buffer.from(encodeEnvelope(emptyConfig(), files, claims, { delta })).toString();

function refused(
  from: string | RegExp,
  to: string,
  message: RegExp,
  reason: ErrorReason = "ARCHIVE_INVALID",
): void {
  const changed = text.replace(from, to);
  assert.notEqual(changed, text, `${from} is in the envelope`);
  assert.throws(
    () => decodeEnvelope(Buffer.from(changed), { deltas: true }),
    (error) => {
      assert.ok(isStoreError(error, reason), String(error));
      assert.match(error.message, message);
      return true;
    },
  );
}

test("the facts of a delta survive, and a reader without deltas refuses the version", () => {
  const read = decodeEnvelope(Buffer.from(text), { deltas: true });
  assert.deepEqual(read.delta, delta);
  assert.match(text, /"version": 2/);
  assert.match(text, /"holes": "4096\+512,999936\+64"/);
  assert.throws(
    () => decodeEnvelope(Buffer.from(text)),
    (error) =>
      isStoreError(error, "ENVELOPE_VERSION_UNSUPPORTED") &&
      /expected version 1, found 2/.test(error.message) &&
      /import the archive file itself/.test(error.hint ?? ""),
  );
});

test("exactly version 2 describes a delta", () => {
  refused('"version": 2', '"version": 1', /a delta has version 2, found 1/);
  refused('"delta"', '"other"', /version 2 without stasis.delta/);
  refused('"version": 2', '"version": 3', /version 1 or 2/, "ENVELOPE_VERSION_UNSUPPORTED");
});

test("an unknown key of a delta is refused", () => {
  refused('"parent": {', '"more": 1, "parent": {', /unknown key "more"/);
  refused('"name": "web"', '"name": "web", "more": 1', /unknown key "more"/);
  refused('"holes"', '"punched"', /unknown key "punched"/);
});

test("a delta without a parent, or with files that the envelope does not list, is refused", () => {
  refused(/"parent": \{[^}]*\},/, "", /expected the key "parent"/);
  refused(/(?<="parent": \{\s*"digest": )"sha256:[^"]*"/, '"sha256:0a"', /64 hex digits/);
  refused('"disk": {}', '"other": {}', /"other" is not one of the files/);
  refused('"disk": {}', '"../disk": {}', /disk/);
  refused(/"inherited": \[\s*"state"/, '"inherited": ["other"', /"other" is not one of/);
  refused(/"inherited": \[\s*"state"/, '"inherited": ["disk"', /"disk" comes twice/);
  refused(/"inherited": \[\s*"state"/, '"inherited": ["state", "state"', /"state" comes twice/);
  refused(/"files": \[[^\]]*\]/, '"files": []', /is not one of the files/);
  refused(/"digest": "sha256:[^"]*",\s*"blocks": "blake3"/, '"x": 1', /a digest of disk/);
});

test("the list of holes has one spelling, ascends, and lies in whole blocks of the file", () => {
  const list = (holesText: string): void => {
    refused("4096+512,999936+64", holesText, /ascending ranges OFFSET\+LENGTH of whole blocks/);
  };
  for (const malformed of [",", "4096", "4096+", "+512", "4096+512,", "a+512", "4096+512+1"]) {
    list(malformed);
  }
  for (const otherSpelling of ["04096+512", "4096+0512", " 4096+512", "4096 + 512", "4.1e3+512"]) {
    list(otherSpelling);
  }
  for (const wrongOrder of ["4096+512,0+512", "4096+512,4608+512", "4096+1024,4608+512"]) {
    list(wrongOrder);
  }
  for (const outside of ["999936+512", "1000448+512", "4096+0", "4096+511", "1+511"]) list(outside);
  list("9007199254740480+512");
  refused('"4096+512,999936+64"', "[4096, 512]", /expected a string/);
});

test("the number of holes is bounded, and as many fit into an envelope", () => {
  const step = 2 ** 26;
  const many = (count: number): Uint8Array => {
    const whole = Array.from({ length: count }, (_, index) => ({
      offset: index * step,
      length: 512,
    }));
    const large = new Map(files.map((name) => [name, { ...claim, sizeBytes: count * step }]));
    return encodeEnvelope(emptyConfig(), files, large, { delta: deltaOf(whole) });
  };
  const read = decodeEnvelope(many(maxDeltaHoles), { deltas: true });
  assert.equal(read.delta?.deltaFiles.get("memory")?.length, maxDeltaHoles);
  assert.throws(
    () => decodeEnvelope(many(maxDeltaHoles + 1), { deltas: true }),
    (error) => isStoreError(error, "LIMIT_EXCEEDED") && /max_delta_holes/.test(error.message),
  );
});
