// Tests that the hand-written encoder of chunk and commit frames produces the bytes of the
// generated codec.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  CreateRequestSchema,
  ImportRequestSchema,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { crc32 } from "../../../src/wire/crc32.js";
import { encodeChunk, maxChunkBytes } from "../../../src/client/chunk-frame.js";
import { patternBytes } from "../../support/scratch.js";

test("a chunk of any length has the bytes of the generated codec", () => {
  const lengths = [0, 1, 127, 128, 16_383, 16_384, 512 * 1024, maxChunkBytes];
  for (const length of lengths) {
    const chunk = Buffer.alloc(length, 0xa5);
    const encoded = encodeChunk(chunk);
    const frame = Buffer.alloc(encoded.byteLength);
    assert.equal(encoded.copy(frame, 0), frame.length);
    for (const schema of [CreateRequestSchema, ImportRequestSchema] as const) {
      const message = create(schema, { frame: { case: "chunk", value: chunk } });
      assert.ok(frame.equals(toBinary(schema, message)), `${schema.typeName} of ${length} bytes`);
    }
  }
});

test("each copy passes all copied bytes to the observer, in order", () => {
  const chunk = patternBytes(maxChunkBytes - 77, 3);
  let crc = 0;
  const encoded = encodeChunk(chunk, (piece, start) => {
    crc = crc32(piece, start === 0 ? 0 : crc);
  });
  for (let turn = 0; turn < 2; turn++) {
    encoded.copy(Buffer.alloc(encoded.byteLength), 0);
    assert.equal(crc, crc32(chunk));
  }
});

test("the commit frames of Create and Import have the same bytes", () => {
  const commit = { totalBytes: 2n ** 40n, crc32: 0xdeadbeef };
  const frame = { case: "commit" as const, value: commit };
  assert.deepEqual(
    toBinary(CreateRequestSchema, create(CreateRequestSchema, { frame })),
    toBinary(ImportRequestSchema, create(ImportRequestSchema, { frame })),
  );
});
