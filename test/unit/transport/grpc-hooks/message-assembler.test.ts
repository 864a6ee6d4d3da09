// Contract: calls of grpc-js accept our assembler. It assembles messages correctly from any pieces.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import {
  Client,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  credentials,
  type ServerReadableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import fc from "fast-check";
import {
  assembleMessages,
  createMessageAssembler,
} from "../../../../src/transport/grpc-hooks/message-assembler.js";
import { patternBytes } from "../../../support/scratch.js";

const maxMessageBytes = 1_000_000;

function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.from([1, 0, 0, 0, 0]);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const sizes = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.integer({ min: 65_525, max: 65_545 }),
  fc.integer({ min: 0, max: maxMessageBytes }),
);

test("messages are assembled unchanged, wherever their bytes were cut", () => {
  const cutLengths = fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 6 }), cutLengths, (lengths, cuts) => {
      const messages = lengths.map((length, index) => framed(patternBytes(length, index)));
      const bytes = Buffer.concat(messages);
      const assembler = createMessageAssembler(maxMessageBytes);
      const found: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const cut = Buffer.from(bytes.subarray(at, (at += cuts[turn % cuts.length] ?? 1)));
        found.push(...assembler.write(cut));
      }
      assert.deepEqual(found, messages);
      for (const { byteLength, buffer, byteOffset } of found) {
        // A large message has its own memory, which may be transferred (wire/chunk.ts). Small
        // messages are in Node's pool.
        if (byteLength > Buffer.poolSize / 2)
          assert.equal(byteOffset + byteLength, buffer.byteLength);
      }
    }),
    { numRuns: 150 },
  );
});

test("a message that is announced as larger than the maximum is refused at its first bytes", () => {
  const prefix = framed(Buffer.alloc(0));
  prefix.writeUInt32BE(maxMessageBytes + 1, 1);
  const assembler = createMessageAssembler(maxMessageBytes);
  assert.throws(() => assembler.write(prefix), {
    message: "Received message larger than max (1000001 vs 1000000)",
  });
  // The caller has not received the refusal yet, and sends the rest.
  assert.deepEqual(assembler.write(Buffer.alloc(1000, 1)), []);
  assert.deepEqual(createMessageAssembler(-1).write(prefix), []);
});

test("an announced message takes little memory until part of it has arrived", () => {
  const start = framed(Buffer.alloc(66_000));
  start.writeUInt32BE(maxMessageBytes, 1);
  for (const [length, mostBytes] of [
    [5, 1000],
    [66_000, 1000],
  ] as const) {
    const before = process.memoryUsage().arrayBuffers;
    const assemblers = Array.from({ length: 200 }, () => createMessageAssembler(maxMessageBytes));
    for (const assembler of assemblers) assembler.write(start.subarray(0, length));
    const taken = process.memoryUsage().arrayBuffers - before;
    assert.ok(taken < 200 * mostBytes, `${taken} bytes for ${assemblers.length} calls`);
  }
});

test("a message that arrives a byte at a time takes little more than its bytes", () => {
  const message = framed(Buffer.alloc(maxMessageBytes));
  const frames = 200_000;
  const before = process.memoryUsage();
  const assembler = createMessageAssembler(maxMessageBytes);
  for (let at = 0; at < frames; at++) assembler.write(Buffer.from(message.subarray(at, at + 1)));
  const after = process.memoryUsage();
  // If the buffers of one byte were kept, they would take 20 MB. Garbage of the loop also takes
  // memory.
  const taken = after.arrayBuffers - before.arrayBuffers;
  assert.ok(taken < 2 * maxMessageBytes, `${taken} bytes`);
  const kept = assembler.write(message.subarray(frames));
  assert.equal(kept[0]?.length, message.length);
});

const identity = (bytes: Buffer): Buffer => bytes;
const upload = {
  path: "/test.Service/Upload",
  requestStream: true,
  responseStream: false,
  requestSerialize: identity,
  requestDeserialize: identity,
  responseSerialize: identity,
  responseDeserialize: identity,
} as const;

test("the calls of grpc-js accept the assembler", async () => {
  const taken: boolean[] = [];
  const server = new Server({
    interceptors: [
      (_method, call) => {
        taken.push(assembleMessages(call));
        return new ServerInterceptingCall(call);
      },
    ],
  });
  server.addService(
    { upload },
    {
      upload(call: ServerReadableStream<Buffer, Buffer>, callback: sendUnaryData<Buffer>) {
        const hash = createHash("sha256");
        call.on("data", (message: Buffer) => hash.update(message));
        call.on("end", () => callback(null, hash.digest()));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  try {
    const messages = [3, 65_535, 65_536, 1_000_000, 0, 70_000].map((size) => patternBytes(size, 5));
    const digest = await new Promise<Buffer | undefined>((resolve, reject) => {
      const call = client.makeClientStreamRequest(
        upload.path,
        identity,
        identity,
        (error: Error | null, answer?: Buffer) =>
          error === null ? resolve(answer) : reject(error),
      );
      for (const message of messages) call.write(message);
      call.end();
    });
    assert.deepEqual(taken, [true]);
    assert.deepEqual(digest, createHash("sha256").update(Buffer.concat(messages)).digest());
  } finally {
    client.close();
    server.forceShutdown();
  }
});
