// Tests that a caller gets one status whatever its handler throws, and that the server keeps
// running.
import assert from "node:assert/strict";
import { test } from "node:test";
import { status as grpcStatus } from "@grpc/grpc-js";
import { StoreError } from "../../../src/base/errors.js";
import {
  chunk,
  collect,
  detailsOf,
  download,
  encode,
  failureOf,
  methods,
  pathOf,
  startServer,
  unary,
  upload,
} from "./harness.js";
import { grpcFrame, openRawClient } from "./raw-client.js";

test("a rejected promise reaches the caller as an opaque INTERNAL with an incident", async () => {
  await using harness = await startServer({
    inspect: () => Promise.reject(new Error("secret path /var/lib")),
    list: () => Promise.resolve({ totalSize: 7n }),
  });
  const error = await failureOf(unary(harness.client, methods.inspect, { ref: "x" }));
  assert.equal(error.code, grpcStatus.INTERNAL);
  const details = detailsOf(error);
  assert.equal(details.reason, "INTERNAL");
  assert.match(details.metadata["incident"] ?? "", /^[0-9a-f]{12}$/);
  assert.match(error.details, new RegExp(details.metadata["incident"] ?? "missing"));
  assert.doesNotMatch(error.details, /secret/);
  assert.equal((await unary(harness.client, methods.list, {})).totalSize, 7n);
});

test("a handler that throws before its first await still gets an answer to its caller", async () => {
  await using harness = await startServer({
    inspect: () => {
      throw new StoreError("SNAPSHOT_NOT_FOUND", "no snapshot x", {
        resource: { type: "snapshot", name: "x" },
      });
    },
    restore: () => {
      throw new StoreError("SNAPSHOT_NOT_FOUND", "no snapshot y");
    },
    create: () => {
      throw new StoreError("STORAGE_FULL", "no space");
    },
  });
  const error = await failureOf(unary(harness.client, methods.inspect, { ref: "x" }));
  assert.equal(error.code, grpcStatus.NOT_FOUND);
  assert.equal(detailsOf(error).reason, "SNAPSHOT_NOT_FOUND");
  assert.equal(detailsOf(error).resource?.resourceName, "x");
  const streamed = await failureOf(collect(download(harness.client, methods.restore, {})));
  assert.equal(detailsOf(streamed).reason, "SNAPSHOT_NOT_FOUND");
  const uploaded = await failureOf(upload(harness.client, methods.create).response);
  assert.equal(detailsOf(uploaded).reason, "STORAGE_FULL");
});

test("messages that a stream sent before its error arrive before the error", async () => {
  await using harness = await startServer({
    async *restore() {
      yield chunk(300_000);
      yield chunk(300_000);
      throw new StoreError("STORED_DATA_CORRUPT", "block 3 of memory is damaged");
    },
  });
  const received: number[] = [];
  const error = await failureOf(
    (async () => {
      for await (const { frame } of download(harness.client, methods.restore, {})) {
        received.push(frame.case === "chunk" ? frame.value.length : -1);
      }
    })(),
  );
  assert.deepEqual(received, [300_000, 300_000]);
  assert.equal(error.code, grpcStatus.DATA_LOSS);
  assert.equal(detailsOf(error).reason, "STORED_DATA_CORRUPT");
});

test("a response that cannot be encoded is a fault of the daemon, not of the caller", async () => {
  await using harness = await startServer({
    list: () => Promise.resolve({ totalSize: "many" as unknown as bigint }),
  });
  const error = await failureOf(unary(harness.client, methods.list, {}));
  assert.equal(detailsOf(error).reason, "INTERNAL");
});

test("a method without a handler answers UNIMPLEMENTED and names itself", async () => {
  await using harness = await startServer({});
  const error = await failureOf(unary(harness.client, methods.inspect, { ref: "x" }));
  assert.equal(error.code, grpcStatus.UNIMPLEMENTED);
  assert.equal(detailsOf(error).reason, "NOT_IMPLEMENTED");
  assert.match(error.details, /stasis\.v1\.SnapshotService\/Inspect/);
  const watched = await failureOf(collect(download(harness.client, methods.watch, {})));
  assert.equal(watched.code, grpcStatus.UNIMPLEMENTED);
  const uploaded = await failureOf(upload(harness.client, methods.create).response);
  assert.equal(uploaded.code, grpcStatus.UNIMPLEMENTED);
});

test("a service that the server does not have answers UNIMPLEMENTED", async () => {
  await using harness = await startServer({});
  const method = { ...methods.inspect, name: "NoSuchMethod" };
  const error = await failureOf(unary(harness.client, method, {}));
  assert.equal(error.code, grpcStatus.UNIMPLEMENTED);
});

test("bytes that are not a request answer INVALID_ARGUMENT", async () => {
  await using harness = await startServer({ inspect: () => Promise.resolve({}) });
  await using raw = await openRawClient(harness.port);
  const call = raw.call(pathOf(methods.inspect));
  call.stream.end(grpcFrame(Uint8Array.of(0x0a, 0xff, 0x01)));
  const headers = await call.status;
  assert.equal(headers["grpc-status"], String(grpcStatus.INVALID_ARGUMENT));
  assert.match(String(headers["grpc-message"]), /InspectRequest/);
});

test("a unary call needs exactly one request", async () => {
  await using harness = await startServer({ inspect: () => Promise.resolve({}) });
  await using raw = await openRawClient(harness.port);
  const none = raw.call(pathOf(methods.inspect));
  none.stream.end();
  assert.equal((await none.status)["grpc-status"], String(grpcStatus.INVALID_ARGUMENT));
  const frame = grpcFrame(encode(methods.inspect.input, { ref: "x" }));
  const two = raw.call(pathOf(methods.inspect));
  two.stream.end(Buffer.concat([frame, frame]));
  assert.equal((await two.status)["grpc-status"], String(grpcStatus.INVALID_ARGUMENT));
  const one = raw.call(pathOf(methods.inspect));
  one.stream.end(frame);
  assert.equal((await one.status)["grpc-status"], String(grpcStatus.OK));
});

test("a message over the limit ends its call and no other", async () => {
  await using harness = await startServer(
    {
      async create(requests) {
        for await (const request of requests) void request;
        return {};
      },
      list: () => Promise.resolve({ totalSize: 1n }),
    },
    { maxMessageBytes: 100_000 },
  );
  const { call, response } = upload(harness.client, methods.create);
  call.write(chunk(99_000));
  call.write(chunk(100_001));
  const error = await failureOf(response);
  assert.equal(error.code, grpcStatus.RESOURCE_EXHAUSTED);
  assert.match(error.details, /100000/);
  assert.equal(detailsOf(error).reason, "LIMIT_EXCEEDED");
  assert.equal((await unary(harness.client, methods.list, {})).totalSize, 1n);
});
