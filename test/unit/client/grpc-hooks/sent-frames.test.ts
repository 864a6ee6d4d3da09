// Contract: grpc-js copies a message only by `length` and `copy`, and shows the stream that sends
// the message.
import assert from "node:assert/strict";
import { once } from "node:events";
import http2, { type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { Client, credentials, type ClientWritableStream } from "@grpc/grpc-js";
import { copiedByGrpc, freeSent, streamOf } from "../../../../src/client/grpc-hooks/sent-frames.js";
import { eventually } from "../../../support/eventually.js";

const bytes = (message: Buffer): Buffer => message;
const messageBytes = 300_000;

interface Scene extends AsyncDisposable {
  readonly call: ClientWritableStream<Buffer>;
  readonly stream: () => ServerHttp2Stream | undefined;
  readonly received: () => number;
}

/** Starts an upload through the real grpc-js to a server of node:http2 that reads everything. */
async function openUpload(): Promise<Scene> {
  let stream: ServerHttp2Stream | undefined;
  let received = 0;
  const server = http2.createServer({ settings: { initialWindowSize: 1 << 24 } });
  server.on("stream", (opened) => {
    stream = opened;
    opened.on("error", () => undefined);
    opened.on("data", (data: Buffer) => (received += data.length));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.per_rpc_retry_buffer_size": 65_536,
  });
  const call = client.makeClientStreamRequest("/a/b", bytes, bytes, () => undefined);
  call.on("error", () => undefined);
  return {
    call,
    stream: () => stream,
    received: () => received,
    async [Symbol.asyncDispose]() {
      call.cancel();
      client.close();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

/**
 * Returns a message of `messageBytes` bytes, and a function that returns the buffer of grpc-js into
 * which the message was copied.
 */
function createMessage() {
  let target: Buffer | undefined;
  const encoded = {
    byteLength: messageBytes,
    copy(memory: Buffer, start: number): number {
      memory.fill(1, start, start + messageBytes);
      return messageBytes;
    },
  };
  const message = copiedByGrpc(encoded, (memory) => (target = memory));
  return { message, target: () => target };
}

test("a message is copied once, and its memory is freed after it has been sent", async () => {
  await using scene = await openUpload();
  const { message, target } = createMessage();
  const sent = new Promise<void>((resolve) => {
    scene.call.write(message, () => {
      const memory = target();
      assert.ok(memory !== undefined);
      assert.equal(memory.length, messageBytes + 5);
      assert.equal(streamOf(scene.call)?.destroyed, false);
      freeSent(scene.call, memory);
      resolve();
    });
  });
  await sent;
  assert.equal(target()?.length, 0, "it was freed");
  await eventually("all bytes", () => scene.received() === messageBytes + 5);
});

test("the memory of a message whose stream was destroyed is not freed", async () => {
  await using scene = await openUpload();
  const first = createMessage();
  await new Promise<void>((resolve) => scene.call.write(first.message, () => resolve()));
  const { message, target } = createMessage();
  const reported = new Promise<void>((resolve) => scene.call.write(message, () => resolve()));
  await eventually("the copy", () => target() !== undefined);
  (streamOf(scene.call) as unknown as http2.ClientHttp2Stream).destroy();
  await Promise.race([reported, once(scene.call, "error")]);
  freeSent(scene.call, target() as Buffer);
  assert.equal(target()?.length, messageBytes + 5);
});

test("an object without the internals has no stream", () => {
  assert.equal(streamOf({}), undefined);
  assert.equal(
    streamOf({ call: { child: { underlyingCalls: [], committedCallIndex: null } } }),
    undefined,
  );
});
