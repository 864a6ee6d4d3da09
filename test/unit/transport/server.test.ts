// Tests how a server drains and closes.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { status as grpcStatus } from "@grpc/grpc-js";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../gen/ts/grpc/health/v1/health_pb.js";
import { isStoreError } from "../../../src/base/errors.js";
import {
  aborted,
  chunk,
  collect,
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
} from "./harness.js";
import { grpcFrame, openRawClient } from "./raw-client.js";

test("a drain refuses new calls, lets a running upload finish, and ends", async () => {
  const started = createSignal();
  await using harness = await startServer({
    async create(requests) {
      let count = 0;
      for await (const request of requests) {
        void request;
        count++;
        started.resolve();
      }
      return { snapshot: { sizeBytes: BigInt(count) } };
    },
    list: () => Promise.resolve({}),
  });
  const { call, response } = upload(harness.client, methods.create);
  call.write(chunk(1));
  await started.promise;
  const drained = harness.server.drain({ graceMs: 60_000 });
  const sameConnection = await failureOf(unary(harness.client, methods.list, {}));
  assert.equal(sameConnection.code, grpcStatus.UNAVAILABLE);
  assert.equal(detailsOf(sameConnection).reason, "DRAINING");
  const newConnection = await failureOf(unary(harness.connect(), methods.list, {}));
  assert.equal(detailsOf(newConnection).reason, "DRAINING");
  const health = await unary(harness.connect(), Health.method.check, {});
  assert.equal(health.status, ServingStatus.NOT_SERVING);
  call.write(chunk(1));
  call.end();
  assert.equal((await response).snapshot?.sizeBytes, 2n);
  await drained;
  await assertClosed(harness.port);
});

test("a drain ends health watches at once, after a final NOT_SERVING", async () => {
  await using harness = await startServer({});
  const call = download(harness.client, Health.method.watch, {});
  const statuses: ServingStatus[] = [];
  const error = await failureOf(
    (async () => {
      for await (const { status } of call) {
        statuses.push(status);
        if (statuses.length === 1) void harness.server.drain({ graceMs: 60_000 });
      }
    })(),
  );
  assert.deepEqual(statuses, [ServingStatus.SERVING, ServingStatus.NOT_SERVING]);
  assert.equal(detailsOf(error).reason, "DRAINING");
  await harness.server.drain({ graceMs: 60_000 });
});

test("when the grace period is over, running calls end with DRAINING", async () => {
  const reasons: unknown[] = [];
  const started = createSignal();
  await using harness = await startServer({
    async *openDataDirectory(_request, { signal }) {
      yield { directory: "/data" };
      started.resolve();
      reasons.push(await aborted(signal));
      throw signal.reason;
    },
  });
  const call = download(harness.client, methods.openDataDirectory, { ref: "x" });
  const failure = failureOf(collect(call));
  await started.promise;
  await harness.server.drain({ graceMs: 50 });
  const error = await failure;
  assert.equal(error.code, grpcStatus.UNAVAILABLE);
  assert.equal(detailsOf(error).reason, "DRAINING");
  assert.ok(isStoreError(reasons[0], "DRAINING"));
});

test("a handler that finishes after the grace period still returns its real outcome", async () => {
  const started = createSignal();
  await using harness = await startServer({
    async inspect(_request, { signal }) {
      started.resolve();
      await aborted(signal);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { snapshot: { sizeBytes: 5n } };
    },
  });
  const response = unary(harness.client, methods.inspect, { ref: "x" });
  await started.promise;
  await harness.server.drain({ graceMs: 20 });
  assert.equal((await response).snapshot?.sizeBytes, 5n);
});

test("a drain ends even if a caller cancelled while it was not reading", async () => {
  await using harness = await startServer({
    async *restore() {
      for (;;) yield chunk(512 * 1024);
    },
  });
  await using raw = await openRawClient(harness.port);
  const call = raw.call(pathOf(methods.restore));
  call.stream.end(grpcFrame(encode(methods.restore.input, { ref: "x" })));
  await once(call.stream, "data");
  call.stream.pause();
  call.stream.close(8);
  await harness.server.drain({ graceMs: 60_000 });
  assert.equal(harness.server.activeCalls(), 0);
});

test("a drain ends even if a reader has stopped and a handler ignores its signal", async () => {
  const started = createSignal();
  await using harness = await startServer({
    async *restore() {
      for (;;) yield chunk(512 * 1024);
    },
    inspect: () => {
      started.resolve();
      return new Promise(() => undefined);
    },
  });
  await using raw = await openRawClient(harness.port);
  const stuck = raw.call(pathOf(methods.restore));
  stuck.stream.end(grpcFrame(encode(methods.restore.input, { ref: "x" })));
  await once(stuck.stream, "data");
  stuck.stream.pause();
  const deaf = failureOf(unary(harness.client, methods.inspect, { ref: "x" }));
  await started.promise;
  await harness.server.drain({ graceMs: 10 });
  assert.equal((await deaf).code, grpcStatus.UNAVAILABLE);
  await assertClosed(harness.port);
});

test("closing ends calls and connections at once, and may be repeated", async () => {
  const reason = createSignal<unknown>();
  const started = createSignal();
  await using harness = await startServer({
    async inspect(_request, { signal }) {
      started.resolve();
      reason.resolve(await aborted(signal));
      throw signal.reason;
    },
  });
  const failure = failureOf(unary(harness.client, methods.inspect, { ref: "x" }));
  await started.promise;
  await harness.server.close();
  assert.equal((await failure).code, grpcStatus.UNAVAILABLE);
  assert.ok(isStoreError(await reason.promise, "DRAINING"));
  await harness.server.close();
  await harness.server.drain({ graceMs: 60_000 });
  await assertClosed(harness.port);
});

async function assertClosed(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  assert.equal(error.code, "ECONNREFUSED");
}
