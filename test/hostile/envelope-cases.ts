// Makes archives with envelopes that are missing, duplicated, huge, deep, or misleading.
import { rawFile, rawHeader } from "../unit/archive/support.js";
import { endMarker, envelopeEntry, envelopeText, goodFile, refused } from "./hostile-case.js";
import type { HostileCase } from "./hostile-case.js";

function withEnvelope(text: string): Buffer {
  return Buffer.concat([envelopeEntry(text), goodFile, endMarker]);
}

function config(members: Readonly<Record<string, unknown>>): Buffer {
  return withEnvelope(envelopeText({ config: { name: "", ...members } }));
}

const badTexts: readonly (readonly [what: string, text: string])[] = [
  ["empty", ""],
  ["no JSON", "{config:{}}"],
  ["cut off", '{"config":{"name":"'],
  ["an array", "[]"],
  ["null", "null"],
  ["without a config", '{"version":1}'],
  ["config is text", '{"config":"x","version":1}'],
  ["config twice", '{"config":{},"config":{},"version":1}'],
  ["files is text", '{"config":{},"version":1,"files":"memory"}'],
  ["lists a missing file", '{"config":{},"version":1,"files":["memory","disk"]}'],
  ["lists a name twice", '{"config":{},"version":1,"files":["memory","memory"]}'],
  ["lists a parent path", '{"config":{},"version":1,"files":["../memory"]}'],
  ["lists itself", '{"config":{},"version":1,"files":["snapshot.json"]}'],
  ["100 levels deep", `{"config":{},"version":1,"x":${"[".repeat(100)}${"]".repeat(100)}}`],
  ["a million levels deep", `{"config":{},"version":1,"x":${"[".repeat(1_000_000)}`],
  ["a lone surrogate", '{"config":{"name":"\\ud800"},"version":1}'],
  ["NUL in a value", '{"config":{"image":"a\\u0000b"},"version":1}'],
  ["byte order mark", "\ufeff{}"],
  ["memory of 1e309", '{"config":{"memory":1e309},"version":1}'],
  ["memory negative", '{"config":{"memory":-1},"version":1}'],
  ["memory above 2^53", '{"config":{"memory":9007199254740993},"version":1}'],
];

export const envelopeCases: readonly HostileCase[] = [
  ...badTexts.map(([what, text]) => refused(`envelope: ${what}`, () => withEnvelope(text))),
  refused("envelope: missing", () => Buffer.concat([goodFile, endMarker]), "ENVELOPE_MISSING"),
  refused(
    "envelope: version 3",
    () => withEnvelope(envelopeText({ version: 3 })),
    "ENVELOPE_VERSION_UNSUPPORTED",
  ),
  refused("envelope: version 2 that describes no delta", () =>
    withEnvelope(envelopeText({ version: 2 })),
  ),
  refused(
    "envelope: version is __proto__",
    () => withEnvelope('{"config":{},"__proto__":{"version":1}}'),
    "ENVELOPE_VERSION_UNSUPPORTED",
  ),
  refused("envelope: twice", () =>
    Buffer.concat([envelopeEntry(), goodFile, envelopeEntry(), endMarker]),
  ),
  refused(
    "envelope: declares 1 GiB",
    () =>
      Buffer.concat([
        rawHeader({ name: "snapshot.json", size: 1024 ** 3 }),
        Buffer.alloc(64 * 1024),
      ]),
    "LIMIT_EXCEEDED",
  ),
  refused(
    "envelope: 4 MiB and a byte",
    () => withEnvelope(" ".repeat(4 * 1024 * 1024 + 1)),
    "LIMIT_EXCEEDED",
  ),
  refused("envelope: a data file of its name later", () =>
    Buffer.concat([envelopeEntry(), goodFile, rawFile("snapshot.json", "data"), endMarker]),
  ),
  refused("envelope: a link of its name", () =>
    Buffer.concat([rawHeader({ name: "snapshot.json", type: "2" }), goodFile, endMarker]),
  ),
  refused("envelope: disk of another size", () =>
    Buffer.concat([
      envelopeEntry(envelopeText({ config: { name: "", storage: 1024 } })),
      rawFile("cow.raw", "short"),
      endMarker,
    ]),
  ),
  refused("envelope: alone", () => Buffer.concat([envelopeEntry(), endMarker])),
  refused(
    "envelope: __proto__ and constructor as keys",
    () =>
      withEnvelope(
        '{"config":{"__proto__":{"name":"x"},"constructor":1},"version":1,"__proto__":{"a":1}}',
      ),
    "stored",
  ),
  refused("envelope: last", () => Buffer.concat([goodFile, envelopeEntry(), endMarker]), "stored"),
  refused("envelope: name with a slash", () => config({ name: "../x" }), "FIELD_INVALID"),
  refused(
    "envelope: label __proto__",
    () => withEnvelope('{"config":{"labels":{"__proto__":"x"}},"version":1}'),
    "FIELD_INVALID",
  ),
];
