// Tests limits on calls, streams, headers and connections, and attacks of strangers on the port.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { Metadata, status as grpcStatus } from "@grpc/grpc-js";
import { Health } from "../../../gen/ts/grpc/health/v1/health_pb.js";
import {
  chunk,
  createSignal,
  detailsOf,
  download,
  encode,
  failureOf,
  methods,
  pathOf,
  startServer,
  unary,
  upload,
  type Harness,
} from "./harness.js";
import { eventually } from "../../support/eventually.js";
import { grpcFrame, openRawClient } from "./raw-client.js";

/** Starts a service whose uploads report when they have started, and end with their caller. */
function startHolder(
  limits: Parameters<typeof startServer>[1],
): Promise<Harness & { readonly started: () => Promise<void> }> {
  let started = createSignal();
  return startServer(
    {
      async create(requests) {
        for await (const request of requests) {
          void request;
          started.resolve();
        }
        return {};
      },
      list: () => Promise.resolve({}),
    },
    limits,
  ).then((harness) => ({
    ...harness,
    async started() {
      await started.promise;
      started = createSignal();
    },
    [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose](),
  }));
}

test("one byte stream too many gets TOO_MANY_STREAMS with a delay, and other calls continue", async () => {
  await using harness = await startHolder({ maxStreams: 2 });
  const held = [upload(harness.client, methods.create), upload(harness.client, methods.create)];
  for (const { call } of held) {
    call.write(chunk(1));
    await harness.started();
  }
  assert.equal(harness.server.activeCalls(), 2);
  const error = await failureOf(upload(harness.client, methods.create).response);
  assert.equal(error.code, grpcStatus.RESOURCE_EXHAUSTED);
  const details = detailsOf(error);
  assert.equal(details.reason, "TOO_MANY_STREAMS");
  assert.ok((details.retryDelayMs ?? 0) > 0);
  await unary(harness.client, methods.list, {});
  for (const { call } of held) call.end();
  await Promise.all(held.map(({ response }) => response));
  const { call, response } = upload(harness.client, methods.create);
  call.end();
  await response;
});

test("the number of calls is bounded over all connections", async () => {
  await using harness = await startHolder({ maxCalls: 1 });
  const { call, response } = upload(harness.client, methods.create);
  call.write(chunk(1));
  await harness.started();
  const error = await failureOf(unary(harness.connect(), methods.list, {}));
  assert.equal(detailsOf(error).reason, "TOO_MANY_STREAMS");
  call.end();
  await response;
});

test("requests that never arrive completely are bounded and ended", async () => {
  await using harness = await startHolder({ maxPendingRequests: 1, requestTimeoutMs: 200 });
  await using raw = await openRawClient(harness.port);
  const first = raw.call(pathOf(methods.list));
  const second = raw.call(pathOf(methods.list));
  first.stream.write(Buffer.from([0, 0]));
  second.stream.write(Buffer.from([0, 0]));
  assert.equal((await second.status)["grpc-status"], String(grpcStatus.RESOURCE_EXHAUSTED));
  assert.equal((await first.status)["grpc-status"], String(grpcStatus.DEADLINE_EXCEEDED));
  await unary(harness.client, methods.list, {});
});

test("open streams are bounded, answered or not, and one too many is answered at once", async () => {
  await using harness = await startHolder({ maxOpenStreams: 2, maxStreams: 1 });
  await using raw = await openRawClient(harness.port);
  const create = pathOf(methods.create);
  const held = raw.call(create);
  held.stream.write(grpcFrame(encode(methods.create.input, chunk(1))));
  await harness.started();
  // The stream is answered, but still half-open.
  const refused = raw.call(create);
  assert.match(
    String((await refused.status)["grpc-message"]),
    /^the%20limit%20on%20byte%20streams%20is%20reached:%201/,
  );
  const error = await failureOf(unary(harness.client, methods.list, {}));
  assert.equal(error.code, grpcStatus.RESOURCE_EXHAUSTED);
  const details = detailsOf(error);
  assert.equal(details.reason, "TOO_MANY_STREAMS");
  assert.match(error.details, /^the limit on streams is reached: 2/);
  assert.ok((details.retryDelayMs ?? 0) > 0);
  refused.stream.end();
  await refused.closed;
  await eventually("a place for another stream", () =>
    unary(harness.client, methods.list, {}).then(
      () => true,
      () => false,
    ),
  );
});

test("a stream whose request has arrived does not count as an unfinished request", async () => {
  await using harness = await startHolder({ maxPendingRequests: 1 });
  const watch = download(harness.client, Health.method.watch, {});
  watch.on("error", () => undefined);
  await once(watch, "data");
  assert.equal(harness.server.activeCalls(), 1);
  await unary(harness.client, methods.list, {});
  watch.cancel();
});

test("the largest message is accepted, and a message with one byte more is not", async () => {
  const maxMessageBytes = 100_000;
  await using harness = await startHolder({ maxMessageBytes });
  const frame = encode(methods.create.input, chunk(maxMessageBytes)).length - maxMessageBytes;
  const send = (bytes: number) => {
    const { call, response } = upload(harness.client, methods.create);
    call.write(chunk(bytes - frame));
    call.end();
    return response;
  };
  await send(maxMessageBytes);
  const error = await failureOf(send(maxMessageBytes + 1));
  assert.equal(error.code, grpcStatus.RESOURCE_EXHAUSTED);
  assert.equal(detailsOf(error).metadata["limit"], "max_message_bytes");
});

test("metadata over the limit ends its call and no other", async () => {
  await using harness = await startHolder({ maxMetadataBytes: 16 * 1024 });
  const metadata = new Metadata();
  metadata.set("x-large", "a".repeat(20_000));
  await failureOf(unary(harness.client, methods.list, {}, { metadata }));
  await unary(harness.client, methods.list, {});
  metadata.set("x-large", "a".repeat(12_000));
  await unary(harness.client, methods.list, {}, { metadata });
});

test("a connection above the limit is closed, and the others stay open", async () => {
  await using harness = await startHolder({ maxConnections: 1 });
  await unary(harness.client, methods.list, {});
  const socket = connect(harness.port, "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "close");
  await unary(harness.client, methods.list, {});
});

test("a connection that does not speak HTTP/2 is closed, and the others stay open", async () => {
  await using harness = await startHolder({});
  for (const noise of [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\0".repeat(1000),
    "PRI * HTTP/2.0\r\n",
  ]) {
    const socket = connect(harness.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.resume();
    socket.end(noise);
    await once(socket, "close");
  }
  await unary(harness.client, methods.list, {});
});

test("a silent connection is closed", async () => {
  await using harness = await startHolder({ keepaliveMs: 50, keepaliveTimeoutMs: 50 });
  const socket = connect(harness.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  await once(socket, "close");
  await unary(harness.client, methods.list, {});
});
