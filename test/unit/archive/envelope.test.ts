// Tests the envelope: the bytes that cocoon expects, unknown keys, the keys that only stasis
// writes, and every kind of refusal.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatBytes } from "../../../src/base/sizes.js";
import {
  checkArchiveAgainstEnvelope,
  decodeEnvelope,
  encodeEnvelope,
  maxEnvelopeBytes,
} from "../../../src/archive/envelope.js";
import { noClaims } from "../../../src/archive/file-claims.js";
import { indentJson, isDeeperThan, objectMembers } from "../../../src/archive/json-text.js";
import { checkPlausible } from "../../../src/archive/plausible-sizes.js";
import { StoreError, type ErrorReason } from "../../../src/base/errors.js";
import { emptyConfig, noUnknownKeys, type SnapshotConfig } from "../../../src/model/config.js";

const fullConfig: SnapshotConfig = {
  ...emptyConfig(),
  id: "0123456789abcdef",
  name: "web/1",
  description: 'two\nlines, "quoted" & <tagged>, größer 😀',
  image: "ubuntu:24.04",
  imageDigest: "sha256:ab",
  imageType: "oci",
  imageBlobIds: ["aa", "bb"],
  hypervisor: "cloud-hypervisor",
  cpu: 4,
  memoryBytes: 2 ** 33,
  storageBytes: Number.MAX_SAFE_INTEGER,
  nics: 1,
  queueSize: 256,
  diskQueueSize: 128,
  network: "br0",
  noDirectIo: true,
  windows: true,
  labels: { team: "a", env: "" },
};

const fullText = `{
  "config": {
    "id": "0123456789abcdef",
    "name": "web/1",
    "description": "two\\nlines, \\"quoted\\" & <tagged>, größer 😀",
    "image": "ubuntu:24.04",
    "image_digest": "sha256:ab",
    "image_type": "oci",
    "image_blob_ids": {
      "aa": {},
      "bb": {}
    },
    "hypervisor": "cloud-hypervisor",
    "cpu": 4,
    "memory": 8589934592,
    "storage": 9007199254740991,
    "nics": 1,
    "queue_size": 256,
    "disk_queue_size": 128,
    "network": "br0",
    "no_direct_io": true,
    "windows": true,
    "labels": {
      "team": "a",
      "env": ""
    }
  },
  "version": 1,
  "files": [
    "cow.raw",
    "memory"
  ]
}
`;

const encode = (config: SnapshotConfig, files: string[] = []): string =>
  Buffer.from(encodeEnvelope(config, files)).toString();
const decode = (text: string): ReturnType<typeof decodeEnvelope> =>
  decodeEnvelope(Buffer.from(text));

function refused(
  text: string | Uint8Array,
  message: RegExp,
  reason: ErrorReason = "ARCHIVE_INVALID",
): void {
  assert.throws(
    () => decodeEnvelope(Buffer.from(text as Uint8Array)),
    (error: unknown) => {
      assert.ok(error instanceof StoreError, String(error));
      assert.equal(error.reason, reason, error.message);
      assert.match(error.message, message);
      return true;
    },
  );
}

test("an envelope has the exact documented bytes, and is read back", () => {
  assert.equal(encode(fullConfig, ["cow.raw", "memory"]), fullText);
  assert.deepEqual(decode(fullText), {
    config: fullConfig,
    files: ["cow.raw", "memory"],
    claims: noClaims,
  });
});

test("empty members are omitted, except for the name", () => {
  const text = '{\n  "config": {\n    "name": ""\n  },\n  "version": 1\n}\n';
  assert.equal(encode(emptyConfig()), text);
  assert.deepEqual(decode(text), { config: emptyConfig(), files: undefined, claims: noClaims });
});

test("an envelope of an older writer has no files, and null is omitted", () => {
  const text =
    '{"version":1,"config":{"name":"a","image_blob_ids":null,"cpu":null,"labels":null},"files":null}';
  assert.deepEqual(decode(text), {
    config: { ...emptyConfig(), name: "a" },
    files: undefined,
    claims: noClaims,
  });
  assert.deepEqual(decode('{"version":1,"config":{"name":"a"},"files":[]}').files, []);
});

test("blob ids are sorted", () => {
  const { config } = decode(
    '{"version":1,"config":{"image_blob_ids":{"b":{},"a":{},"10":{},"9":{}}}}',
  );
  assert.deepEqual(config.imageBlobIds, ["10", "9", "a", "b"]);
});

test("unknown keys survive unchanged, even __proto__ and every digit of a number", () => {
  const text = `{
  "config": {
    "name": "a",
    "huge": 123456789012345678901234567890,
    "nested": {
      "list": [
        1.10,
        -0,
        1e400,
        "\\u0041 }]",
        [],
        {}
      ],
      "__proto__": {
        "polluted": true
      }
    },
    "__proto__": {
      "cpu": 3
    }
  },
  "version": 1,
  "files": [
    "a"
  ],
  "created": "2024-01-01",
  "__proto__": null
}
`;
  const { config, files } = decode(text);
  assert.equal(config.unknown.config["huge"], "123456789012345678901234567890");
  assert.equal(config.cpu, 0);
  assert.equal(Object.getPrototypeOf(config.unknown.config), Object.prototype);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.equal(encode(config, [...(files ?? [])]), text);
  // The catalog stores the configuration as JSON.
  const kept = JSON.parse(JSON.stringify(config)) as SnapshotConfig;
  assert.equal(encode(kept, [...(files ?? [])]), text);
});

test("every unknown key is written again as the same JSON", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 }), { noNullPrototype: true }),
      fc.nat(4),
      (unknown, indent) => {
        const config = Object.fromEntries(
          Object.entries(unknown).filter(([key]) => !key.includes("\0")),
        );
        const text = JSON.stringify({ config: { x: config }, version: 1, y: config }, null, indent);
        const again = JSON.parse(encode(decode(text).config)) as Record<
          string,
          Record<string, unknown>
        >;
        // The texts are compared because deepEqual ignores a property __proto__.
        assert.equal(JSON.stringify(again["config"]?.["x"]), JSON.stringify(config));
        assert.equal(JSON.stringify(again["y"]), JSON.stringify(config));
      },
    ),
    { numRuns: 300, interruptAfterTimeLimit: 30_000 },
  );
});

test("minus zero is read as zero (a finding of the fuzzer)", () => {
  const envelope = decodeEnvelope(Buffer.from('{"version":1,"config":{"memory":-0,"cpu":-0.0}}'));
  assert.ok(Object.is(envelope.config.memoryBytes, 0));
  assert.ok(Object.is(envelope.config.cpu, 0));
});

test("an error names the key, what was expected and what was found", () => {
  const config = (member: string): string => `{"version":1,"config":{${member}}}`;
  refused(config('"name":1'), /snapshot\.json: config: name: expected a string, found 1/);
  refused(config('"name":["a"]'), /name: expected a string, found an array/);
  refused(config('"cpu":"4"'), /config: cpu: expected a whole number.*found "4"/);
  refused(config('"cpu":1.5'), /found "1\.5"/);
  refused(config('"memory":-1'), /found "-1"/);
  refused(config('"storage":9007199254740993'), /found "9007199254740993"/);
  refused(config('"windows":1'), /windows: expected true or false, found 1/);
  refused(config('"image_blob_ids":["a"]'), /image_blob_ids: expected an object, found an array/);
  refused(config('"image_blob_ids":{"a":1}'), /image_blob_ids: a: expected an object, found 1/);
  refused(config('"labels":{"a":1}'), /labels: a: expected a string, found 1/);
  refused(config('"name":"\\ud800"'), /well-formed Unicode/);
  refused(config('"name":"a\\u0000"'), /without NUL/);
  refused(config('"\\udc00":1'), /well-formed Unicode/);
  refused(config('"name":"a","name":"b"'), /"name" comes twice/);
  refused('{"version":1,"config":{},"config":{}}', /"config" comes twice/);
  refused('{"version":1,"config":[]}', /config: expected an object/);
  refused('{"version":1}', /expected the key "config", found none/);
  refused('{"version":1,"config":{},"files":{}}', /files: expected an array, found an object/);
  refused('{"version":1,"config":{},"files":[1]}', /files\[0\]: expected a string, found 1/);
  refused('{"version":1,"config":{},"files":["a/b"]}', /directory part/);
  refused('{"version":1,"config":{},"files":["a","a"]}', /"a" comes twice/);
  refused('{"version":1,"config":{},"files":["snapshot.json"]}', /not a data file/);
});

test("input that is not a JSON object in UTF-8 is refused", () => {
  for (const text of ["", " ", "{", "nothing", '{"version":1,}', "\ufeff{}", "{}{}", '{"a":"']) {
    refused(text, /invalid JSON/);
  }
  refused("[]", /expected an object, found an array/);
  refused('"{}"', /expected an object, found "\{\}"/);
  refused("null", /expected an object, found null/);
  refused(Buffer.from([0x7b, 0xff, 0x7d]), /expected UTF-8/);
});

test("an unsupported version is refused, and the error names the version", () => {
  const unsupported = "ENVELOPE_VERSION_UNSUPPORTED";
  for (const version of ["2", "0", "-1", "1.5", '"1"', "null", "[1]", "10000000000000000000001"]) {
    refused(`{"version":${version},"config":{}}`, /expected version 1, found/, unsupported);
  }
  refused("{}", /found none/, unsupported);
  assert.equal(decode('{"version":1.0,"config":{"name":"a"}}').config.name, "a");
});

test("depth and size are bounded", () => {
  const nested = (depth: number): string =>
    `{"version":1,"config":{},"x":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  assert.equal(decode(nested(63)).config.unknown.envelope["x"]?.length, 126);
  refused(nested(64), /deeper than 64/);
  refused("[".repeat(maxEnvelopeBytes), /deeper than 64/);
  const padding = " ".repeat(maxEnvelopeBytes);
  refused(`{"version":1,"config":{}}${padding}`, /max_envelope_bytes/, "LIMIT_EXCEEDED");
  const long = `{"version":1,"config":{"description":"${"\\\\".repeat(1_000_000)}"}}`;
  assert.equal(decode(long).config.description.length, 1_000_000);
  assert.throws(
    () => encodeEnvelope({ ...emptyConfig(), description: "x".repeat(maxEnvelopeBytes) }, []),
    /max_envelope_bytes/,
  );
});

test("an archive must contain every file that the envelope lists", () => {
  const { config } = decode('{"version":1,"config":{"name":"a"}}');
  const files = [
    { name: "a", sizeBytes: 1 },
    { name: "b", sizeBytes: 2 },
  ];
  checkArchiveAgainstEnvelope({ config, files: ["a", "b"], claims: noClaims }, files);
  checkArchiveAgainstEnvelope({ config, files: ["a"], claims: noClaims }, files);
  checkArchiveAgainstEnvelope({ config, files: undefined, claims: noClaims }, []);
  assert.throws(
    () => {
      checkArchiveAgainstEnvelope({ config, files: ["a", "b", "c"], claims: noClaims }, files);
    },
    (error: unknown) =>
      error instanceof StoreError &&
      error.reason === "ARCHIVE_INVALID" &&
      /"c" is listed .* the archive ended early/.test(error.message),
  );
});

test("the disk must have the size that the configuration records", () => {
  const config = { ...emptyConfig(), storageBytes: 100 };
  const disk = (sizeBytes: number): { name: string; sizeBytes: number }[] => [
    { name: "cow.raw", sizeBytes },
  ];
  checkArchiveAgainstEnvelope({ config, files: undefined, claims: noClaims }, disk(100));
  checkArchiveAgainstEnvelope({ config, files: undefined, claims: noClaims }, [
    { name: "other", sizeBytes: 1 },
  ]);
  checkArchiveAgainstEnvelope(
    { config: emptyConfig(), files: undefined, claims: noClaims },
    disk(7),
  );
  assert.throws(
    () => {
      checkArchiveAgainstEnvelope({ config, files: undefined, claims: noClaims }, disk(99));
    },
    (error: unknown) =>
      error instanceof StoreError &&
      error.reason === "ARCHIVE_INVALID" &&
      /cow\.raw has 99 B.*100 B/.test(error.message),
  );
});

const digest = `sha256:${"0a".repeat(32)}`;

test("the claims about files are written under our own key, and are read back", () => {
  const claims = new Map([
    ["__proto__", { sizeBytes: 0, digest, blocks: "sha256" }],
    ["cow.raw", { sizeBytes: Number.MAX_SAFE_INTEGER, digest, blocks: "blake3" }],
    ["größe", { sizeBytes: 7, digest: "", blocks: "" }],
  ]);
  const config = { ...emptyConfig(), name: "a" };
  const bytes = encodeEnvelope(config, [...claims.keys()], claims);
  const { stasis } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
  assert.deepEqual(stasis, {
    files: {
      ["__proto__"]: { size: 0, digest, blocks: "sha256" },
      "cow.raw": { size: Number.MAX_SAFE_INTEGER, digest, blocks: "blake3" },
      größe: { size: 7 },
    },
  });
  const read = decodeEnvelope(bytes);
  assert.deepEqual([...read.claims], [...claims]);
  assert.deepEqual(read.config.unknown, noUnknownKeys);
});

test("a key that a newer version knows occurs once, with the current value", () => {
  const unknown = {
    envelope: { stasis: '{"files":{}}', x: "1" },
    config: { labels: '{"a":"b"}', y: "2" },
  };
  const claims = new Map([["disk", { sizeBytes: 1, digest: "", blocks: "" }]]);
  const read = decodeEnvelope(encodeEnvelope({ ...emptyConfig(), unknown }, ["disk"], claims));
  assert.deepEqual([...read.claims], [...claims]);
  assert.deepEqual(read.config.unknown, { envelope: { x: "1" }, config: { y: "2" } });
  assert.deepEqual(read.config.labels, {});
});

test("an error about a malformed claim names the key, and unknown additions are skipped", () => {
  const withClaims = (text: string) => decode(`{"version":1,"config":{},"stasis":${text}}`);
  for (const [text, message] of [
    ["[]", /snapshot\.json: stasis: expected an object/],
    ['{"files":1}', /stasis: files: expected an object/],
    ['{"files":{"a":null}}', /stasis: files: a: expected an object/],
    ['{"files":{"a":{}}}', /stasis: files: a: expected the key "size"/],
    ['{"files":{"a":{"size":-1}}}', /stasis: files: a: size: expected a whole number/],
    ['{"files":{"a":{"size":1e300}}}', /size: expected a whole number/],
    ['{"files":{"a":{"size":1,"digest":"sha256:0"}}}', /digest: expected sha256:<64 hex digits>/],
    ['{"files":{"../a":{"size":1}}}', /\.\.\/a/],
    ['{"files":{"a":{"size":1},"a":{"size":1}}}', /comes twice/],
  ] as const) {
    assert.throws(() => withClaims(text), { reason: "ARCHIVE_INVALID", message }, text);
  }
  for (const none of ["null", "{}", '{"files":null}', '{"newer":[1]}']) {
    assert.equal(withClaims(none).claims.size, 0);
  }
  const newer = withClaims('{"files":{"a":{"size":1,"digest":"","more":{}}}}');
  assert.deepEqual([...newer.claims], [["a", { sizeBytes: 1, digest: "", blocks: "" }]]);
});

test("claims that would make an envelope too long for its readers are omitted", () => {
  // In JSON each quotation mark takes two bytes, and each name occurs twice.
  const names = Array.from({ length: 4096 }, (_, index) => `${index}-${'"'.repeat(240)}`).sort();
  const claims = new Map(names.map((name) => [name, { sizeBytes: 1, digest, blocks: "blake3" }]));
  const read = decodeEnvelope(encodeEnvelope(emptyConfig(), names, claims));
  assert.deepEqual(read.files, names);
  assert.equal(read.claims.size, 0);
});

test("a file with a wrong size is refused, with both sizes and a hint", () => {
  const config = { ...emptyConfig(), storageBytes: 5 };
  const claims = new Map([["cow.raw", { sizeBytes: 100, digest: "", blocks: "" }]]);
  const check = (sizeBytes: number, name = "cow.raw"): void => {
    checkArchiveAgainstEnvelope({ config, files: undefined, claims }, [{ name, sizeBytes }]);
  };
  // The claims take precedence over the size in the configuration.
  check(100);
  assert.throws(() => check(4), {
    reason: "ARCHIVE_INVALID",
    message: /cow\.raw is not what was exported: expected 100 B .*, found 4 B/,
    hint: /short and shifted.*gnu or none/s,
  });
  assert.throws(() => check(101), { hint: /remove the key "stasis"/ });
  assert.throws(() => check(1, "other"), { message: /"cow\.raw" is listed .* but missing/ });
});

test("a memory image that is certainly too short is refused if the envelope has no claims", () => {
  const mib = 1024 * 1024;
  const check = (hypervisor: string, name: string, memoryBytes: number, sizeBytes: number): void =>
    checkPlausible({ ...emptyConfig(), hypervisor, memoryBytes }, [{ name, sizeBytes }]);
  check("firecracker", "mem", 1024 * mib, 1024 * mib);
  check("firecracker", "mem", 1000 * mib + 77, 1000 * mib);
  check("cloud-hypervisor", "memory-ranges", 4096 * mib, 4096 * mib);
  // These are valid: a clone that received more memory, memory in a separate file, an unknown size
  // of the memory, a file that this hypervisor does not write, and an unknown hypervisor.
  check("cloud-hypervisor", "memory-ranges", 4096 * mib, 512 * mib);
  check("cloud-hypervisor", "memory-ranges", 4096 * mib, 0);
  check("cloud-hypervisor", "memory-ranges", 0, 1);
  check("firecracker", "memory-ranges", 4096 * mib, 40_960);
  check("", "mem", 4096 * mib, 1);
  for (const [hypervisor, name, memoryBytes, sizeBytes] of [
    ["firecracker", "mem", 1024 * mib, 1023 * mib],
    ["cloud-hypervisor", "memory-ranges", 4096 * mib, 511 * mib],
    ["cloud-hypervisor", "memory-ranges", 256 * mib, 255 * mib],
  ] as const) {
    assert.throws(() => check(hypervisor, name, memoryBytes, sizeBytes), {
      reason: "ARCHIVE_INVALID",
      message: new RegExp(
        `${name} has ${formatBytes(sizeBytes)}, .*memory of ${formatBytes(memoryBytes)}`,
      ),
    });
  }
});

test("the JSON reader agrees with JSON.parse on members, depth and indentation", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true }),
      fc.nat(3),
      (object, indent) => {
        const text = JSON.stringify(object, null, indent);
        assert.equal(indentJson(text), JSON.stringify(object, null, 2));
        assert.deepEqual(
          objectMembers(text),
          Object.entries(object).map(([key, value]) => [key, JSON.stringify(value)]),
        );
      },
    ),
    { numRuns: 500, interruptAfterTimeLimit: 30_000 },
  );
  assert.equal(isDeeperThan('["[[[[",{"]":[]}]', 3), false);
  assert.equal(isDeeperThan('["[[[[",{"]":[]}]', 2), true);
});

test("the time of expiry is under our own key, to the millisecond, and must be a time", () => {
  const expireTime = new Date("2030-01-02T03:04:05.678Z");
  const bytes = encodeEnvelope(emptyConfig(), ["a"], noClaims, { expireTime });
  assert.match(
    Buffer.from(bytes).toString(),
    /"stasis": \{\s+"expire_time": "2030-01-02T03:04:05.678Z"/,
  );
  assert.deepEqual(decodeEnvelope(bytes).expireTime, expireTime);
  const decode = (text: string) =>
    decodeEnvelope(Buffer.from(`{"version":1,"config":{},"stasis":{"expire_time":${text}}}`));
  assert.deepEqual(decode('"2030-01-02T04:04:05.678+01:00"').expireTime, expireTime);
  for (const none of ["null", '""']) assert.equal(decode(none).expireTime, undefined);
  for (const wrong of ['"soon"', '"2030-01-02"', "1", '"2030-13-02T03:04:05Z"', "{}"]) {
    assert.throws(() => decode(wrong), { reason: "ARCHIVE_INVALID" }, wrong);
  }
  assert.equal(decodeEnvelope(encodeEnvelope(emptyConfig(), ["a"])).expireTime, undefined);
});
