// The hand-written encoder of chunk frames is the generated codec, byte for byte.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  CreateRequestSchema,
  ImportRequestSchema,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { createChunkFramer, maxChunkBytes } from "../../../src/client/chunk-frame.js";

test("a chunk of any length is encoded as the generated codec does it", () => {
  const lengths = [0, 1, 127, 128, 16_383, 16_384, 512 * 1024, maxChunkBytes];
  for (const length of lengths) {
    const chunk = Buffer.alloc(length, 0xa5);
    const framer = createChunkFramer(maxChunkBytes);
    assert.equal(framer.fill(chunk, 0), length);
    const frame = framer.take();
    for (const schema of [CreateRequestSchema, ImportRequestSchema] as const) {
      const message = create(schema, { frame: { case: "chunk", value: chunk } });
      assert.ok(frame.equals(toBinary(schema, message)), `${schema.typeName} of ${length} bytes`);
    }
  }
});

test("the commit frames of Create and Import are the same bytes", () => {
  const commit = { totalBytes: 2n ** 40n, crc32: 0xdeadbeef };
  const frame = { case: "commit" as const, value: commit };
  assert.deepEqual(
    toBinary(CreateRequestSchema, create(CreateRequestSchema, { frame })),
    toBinary(ImportRequestSchema, create(ImportRequestSchema, { frame })),
  );
});

test("pieces of any size come out in chunks of one size, in order", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 1, max: 200 }), (parts, chunkBytes) => {
      const framer = createChunkFramer(chunkBytes);
      const chunks: Uint8Array[] = [];
      const take = (): void => {
        const { frame } = fromBinary(CreateRequestSchema, framer.take());
        assert.ok(frame.case === "chunk");
        chunks.push(frame.value);
      };
      for (const part of parts) {
        for (let start = 0; start < part.length;) {
          start += framer.fill(part, start);
          if (framer.isFull) take();
        }
      }
      assert.ok(chunks.every((chunk) => chunk.length === chunkBytes));
      if (framer.filledBytes > 0) take();
      assert.deepEqual(Buffer.concat(chunks), Buffer.concat(parts));
    }),
  );
});

test("what was filled is copied", () => {
  const framer = createChunkFramer(4);
  const source = Buffer.from([1, 2, 3, 4]);
  framer.fill(source, 0);
  const frame = framer.take();
  source.fill(9);
  assert.deepEqual([...frame], [0x12, 4, 1, 2, 3, 4]);
});
