// Tests that the hand-written encoder produces the bytes of the generated codec.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary, type DescMessage } from "@bufbuild/protobuf";
import fc from "fast-check";
import {
  CreateRequestSchema,
  ExportResponseSchema,
  ImportRequestSchema,
  InspectResponseSchema,
  ReadFileResponseSchema,
  RestoreResponseSchema,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import type { EncodedMessage } from "../../../src/wire/bytes-field.js";
import { encodeBytesFrame, frameShapeOf } from "../../../src/transport/chunk-encoder.js";
import { createEncoder } from "../../../src/transport/codec.js";
import { collect, download, methods, startServer } from "./harness.js";

const frames = [
  RestoreResponseSchema,
  ExportResponseSchema,
  CreateRequestSchema,
  ImportRequestSchema,
];

/** Returns the message as grpc-js copies it. */
function written(encoded: EncodedMessage): Buffer {
  const target = Buffer.alloc(encoded.byteLength + 5);
  encoded.copy(target, 5);
  return target.subarray(5);
}

function expectSame(schema: DescMessage, value: Uint8Array): void {
  const init = { frame: { case: "chunk", value } };
  const shape = frameShapeOf(schema);
  assert.ok(shape !== undefined, `${schema.typeName} is a frame`);
  const encoded = encodeBytesFrame(shape, init);
  assert.ok(encoded !== undefined, "chunks are encoded by hand");
  const generated = toBinary(schema, create(schema, init));
  assert.ok(written(encoded).equals(generated), `${schema.typeName} with ${value.length} bytes`);
}

test("chunks around each boundary of the length prefix are encoded like the codec does", () => {
  for (const schema of frames) {
    for (const edge of [0, 1, 0x80, 0x4000, 0x200000]) {
      for (const sizeBytes of [edge - 1, edge, edge + 1].filter((size) => size >= 0)) {
        expectSame(schema, new Uint8Array(sizeBytes).fill(0xa5));
      }
    }
  }
});

test("a chunk with its offset is encoded like the codec does, and a small one directly to a Buffer", () => {
  const shape = frameShapeOf(ReadFileResponseSchema);
  assert.ok(shape !== undefined);
  const places = [0, 1, 127, 128, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 42 + 5, 2 ** 53 - 1];
  for (const place of places) {
    for (const sizeBytes of [0, 1, 4096, 64 * 1024, 300_000]) {
      const value = new Uint8Array(sizeBytes).fill(0x5a);
      const init = { frame: { case: "chunk" as const, value }, offset: BigInt(place) };
      const encoded = encodeBytesFrame(shape, init);
      assert.ok(encoded !== undefined);
      const generated = toBinary(ReadFileResponseSchema, create(ReadFileResponseSchema, init));
      assert.ok(written(encoded).equals(generated), `${sizeBytes} bytes at ${place}`);
      assert.equal(Buffer.isBuffer(encoded), sizeBytes < 64 * 1024);
    }
  }
  const trailer = { frame: { case: "trailer", value: { totalBytes: 1n, crc32: 2 } } };
  assert.equal(encodeBytesFrame(shape, trailer), undefined);
});

test("chunks of any content are encoded like the codec does, also views into larger buffers", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...frames),
      fc.uint8Array({ maxLength: 1000 }),
      fc.nat(50),
      (schema, bytes, skip) => expectSame(schema, bytes.subarray(Math.min(skip, bytes.length))),
    ),
    { numRuns: 200 },
  );
});

test("other frames and messages use the codec", () => {
  const encode = createEncoder(RestoreResponseSchema);
  const others = [
    { frame: { case: "trailer", value: { totalBytes: 5n, crc32: 7 } } },
    { frame: { case: "header", value: { dataBytes: 9n, snapshot: { config: { name: "a" } } } } },
    {},
  ] as const;
  for (const init of others) {
    const generated = toBinary(RestoreResponseSchema, create(RestoreResponseSchema, init));
    assert.ok(written(encode(init)).equals(generated));
  }
  assert.equal(frameShapeOf(InspectResponseSchema), undefined);
});

test("downloaded chunks have the bytes that the handler produced", async () => {
  const sizes = [0, 1, 127, 128, 16_383, 16_384, 512 * 1024, 1024 * 1024];
  const content = (sizeBytes: number): Buffer => Buffer.alloc(sizeBytes, `bytes of ${sizeBytes}`);
  await using harness = await startServer({
    async *restore() {
      // The handler may reuse its buffer as soon as the next chunk is requested.
      const reused = Buffer.alloc(1024 * 1024);
      for (const sizeBytes of sizes) {
        content(sizeBytes).copy(reused);
        yield { frame: { case: "chunk", value: reused.subarray(0, sizeBytes) } };
        reused.fill(0xff);
      }
    },
  });
  const received = await collect(download(harness.client, methods.restore, {}));
  const chunks = received.map(({ frame }) =>
    frame.case === "chunk" ? frame.value : assert.fail(`a frame ${String(frame.case)}`),
  );
  assert.deepEqual(
    chunks.map(({ length }) => length),
    sizes,
  );
  for (const bytes of chunks) assert.ok(content(bytes.length).equals(bytes), `${bytes.length}`);
});
