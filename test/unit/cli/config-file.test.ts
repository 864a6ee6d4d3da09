// Tests --config FILE with the JSON of protobuf, the keys of cocoon, and a whole snapshot.json.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isStoreError } from "../../../src/client/index.js";
import { parseConfig } from "../../../src/cli/config-file.js";

test("the keys of cocoon and the keys of protobuf's JSON mapping mean the same", () => {
  const cocoon = {
    id: "elsewhere",
    name: "vm",
    image_digest: "sha256:1",
    image_blob_ids: { b: {}, a: {} },
    cpu: 2,
    memory: 1073741824,
    queue_size: 256,
    no_direct_io: true,
  };
  const protobuf = {
    name: "vm",
    imageDigest: "sha256:1",
    imageBlobIds: ["b", "a"],
    cpu: 2,
    memory: "1073741824",
    queueSize: 256,
    noDirectIo: true,
  };
  const config = parseConfig(JSON.stringify(cocoon), "a.json");
  assert.deepEqual(config, parseConfig(JSON.stringify(protobuf), "b.json"));
  assert.equal(config.id, "");
  assert.equal(config.memory, 1073741824n);
  assert.deepEqual(config.imageBlobIds, ["b", "a"]);
  const envelope = { version: 1, config: cocoon, files: [] };
  assert.deepEqual(config, parseConfig(JSON.stringify(envelope), "snapshot.json"));
});

test("an invalid configuration is refused, and the error names the file and the key", () => {
  for (const [text, expected] of [
    ["{", /vm\.json is not a snapshot configuration/],
    ["[]", /vm\.json/],
    ['{"colour": "red"}', /colour/],
    ['{"cpu": -1}', /cpu/],
    ['{"memory": "much"}', /memory/],
  ] as const) {
    assert.throws(
      () => parseConfig(text, "vm.json"),
      (error) => isStoreError(error, "FIELD_INVALID") && expected.test(error.message),
      text,
    );
  }
});
