// Tests streams when one side stops: back-pressure, early answers, cancellation, deadlines, and the
// end of idle streams.
import assert from "node:assert/strict";
import { once } from "node:events";
import { constants } from "node:http2";
import { test } from "node:test";
import { status as grpcStatus } from "@grpc/grpc-js";
import { isStoreError, StoreError } from "../../../src/base/errors.js";
import { OwnedChunk } from "../../../src/wire/chunk.js";
import type { CallContext } from "../../../src/transport/handler.js";
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
import { grpcFrame, openRawClient, type RawCall, type RawClient } from "./raw-client.js";

const mib = 1024 * 1024;
const nameTaken = new StoreError("SNAPSHOT_NAME_TAKEN", "the name a is taken");

test("an upload is read to its end, in order", async () => {
  await using harness = await startServer({
    async create(requests) {
      let sum = 0;
      let position = 0;
      for await (const { frame } of requests) {
        position++;
        if (frame.case === "chunk") sum += position * frame.value.length;
      }
      return { snapshot: { sizeBytes: BigInt(sum) } };
    },
  });
  const { call, response } = upload(harness.client, methods.create);
  let expected = 0;
  for (let position = 1; position <= 40; position++) {
    call.write(chunk(position * 1000));
    expected += position * position * 1000;
  }
  call.end();
  assert.equal((await response).snapshot?.sizeBytes, BigInt(expected));
});

test("a received chunk owns its memory, so that it can be transferred", async () => {
  const sizes = [128 * 1024, 512 * 1024, mib - 100];
  const seen: number[] = [];
  await using harness = await startServer({
    async create(requests) {
      for await (const { frame } of requests) {
        if (frame.case !== "chunk") continue;
        const { length, byteOffset } = frame.value;
        const memory = OwnedChunk.handOver(frame.value).takeMemory();
        assert.ok(memory !== undefined && memory.byteLength === byteOffset + length);
        assert.ok(byteOffset < 64, "nothing but the frame's head is in it too");
        seen.push(length);
      }
      return {};
    },
  });
  const { call, response } = upload(harness.client, methods.create);
  for (const size of sizes) call.write(chunk(size));
  call.end();
  await response;
  assert.deepEqual(seen, sizes);
});

test("an upload that is refused at once gets the reason while it still sends 100 MB", async () => {
  await using harness = await startServer({ create: () => Promise.reject(nameTaken) });
  const { call, response } = upload(harness.client, methods.create);
  const failure = failureOf(response);
  let ended = false;
  void failure.then(() => (ended = true));
  for (let sent = 0; sent < 100 && !ended; sent++) {
    if (!call.write(chunk(mib - 100))) await Promise.race([once(call, "drain"), failure]);
  }
  call.end();
  const error = await failure;
  assert.equal(error.code, grpcStatus.ALREADY_EXISTS);
  assert.equal(detailsOf(error).reason, "SNAPSHOT_NAME_TAKEN");
});

test("an upload that is refused in the middle gets the reason", async () => {
  await using harness = await startServer({
    async create(requests) {
      for await (const { frame } of requests) if (frame.case === "chunk") throw nameTaken;
      return {};
    },
  });
  const { call, response } = upload(harness.client, methods.create);
  call.write({ frame: { case: "header", value: {} } });
  for (let sent = 0; sent < 20; sent++) call.write(chunk(mib));
  assert.equal(detailsOf(await failureOf(response)).reason, "SNAPSHOT_NAME_TAKEN");
});

test("a refused upload receives the whole answer and no reset", async () => {
  await using harness = await startServer({ create: () => Promise.reject(nameTaken) });
  await using raw = await openRawClient(harness.port);
  const call = raw.call(pathOf(methods.create));
  const frame = grpcFrame(encode(methods.create.input, chunk(mib - 100)));
  for (let sent = 0; sent < 100; sent++) {
    if (!call.stream.write(frame)) await once(call.stream, "drain");
  }
  call.stream.end();
  const headers = await call.status;
  assert.equal(headers["grpc-status"], String(grpcStatus.ALREADY_EXISTS));
  assert.equal(await call.closed, 0);
  assert.deepEqual(call.events, ["headers", "end", "close:0"]);
});

test("a client that continues to send after its answer is finally reset, with NO_ERROR", async () => {
  await using harness = await startServer(
    { create: () => Promise.reject(nameTaken) },
    { lingerMs: 50 },
  );
  await using raw = await openRawClient(harness.port);
  const call = raw.call(pathOf(methods.create));
  call.stream.write(grpcFrame(encode(methods.create.input, chunk(1000))));
  assert.equal((await call.status)["grpc-status"], String(grpcStatus.ALREADY_EXISTS));
  assert.equal(await call.closed, 0);
  assert.deepEqual(call.events, ["headers", "end", "close:0"]);
});

test("a handler may stop reading and answer early", async () => {
  await using harness = await startServer({
    async create(requests) {
      for await (const request of requests) {
        void request;
        break;
      }
      return { snapshot: { sizeBytes: 1n } };
    },
  });
  const { call, response } = upload(harness.client, methods.create);
  for (let sent = 0; sent < 20; sent++) call.write(chunk(mib));
  assert.equal((await response).snapshot?.sizeBytes, 1n);
});

test("with a slow handler the daemon buffers a window and a message, and not the whole upload", async () => {
  const release = createSignal();
  const streamWindowBytes = 4 * mib;
  await using harness = await startServer(
    {
      async create(requests) {
        const iterator = requests[Symbol.asyncIterator]();
        await iterator.next();
        await release.promise;
        let count = 1;
        while ((await iterator.next()).done !== true) count++;
        return { snapshot: { sizeBytes: BigInt(count) } };
      },
      list: () => Promise.resolve({}),
    },
    { streamWindowBytes },
  );
  await using raw = await openRawClient(harness.port);
  const call = raw.call(pathOf(methods.create));
  const frame = grpcFrame(encode(methods.create.input, chunk(mib / 2)));
  const total = 40;
  let acceptedBytes = 0;
  const written = (async () => {
    for (let sent = 0; sent < total; sent++) {
      await new Promise((resolve) => call.stream.write(frame, resolve));
      acceptedBytes += frame.length;
    }
    call.stream.end();
  })();
  // The first message was read, and its window was returned. Nothing after it may be read.
  const boundBytes = streamWindowBytes + 2 * frame.length;
  while (acceptedBytes < streamWindowBytes - frame.length)
    await unary(harness.client, methods.list, {});
  for (let turn = 0; turn < 200; turn++) await unary(harness.client, methods.list, {});
  assert.ok(acceptedBytes <= boundBytes, `${acceptedBytes} bytes were taken, bound ${boundBytes}`);
  release.resolve();
  await written;
  assert.equal((await call.status)["grpc-status"], "0");
});

test("a download produces no more than its reader requests", async () => {
  let made = 0;
  await using harness = await startServer({
    async *restore() {
      for (; made < 200; made++) yield chunk(mib / 2);
    },
    list: () => Promise.resolve({}),
  });
  const call = download(harness.client, methods.restore, {});
  const iterator = call[Symbol.asyncIterator]();
  await iterator.next();
  const other = harness.connect();
  for (let turn = 0; turn < 200; turn++) await unary(other, methods.list, {});
  // The client's window is 1 MiB, and its grpc-js reads 16 messages ahead.
  assert.ok(made < 40, `${made} chunks were made for a reader that took one`);
  let taken = 1;
  while ((await iterator.next()).done !== true) taken++;
  assert.equal(taken, 200);
});

test("when a client stops reading and cancels, its handler ends", async () => {
  const ended = createSignal<{ reason: unknown; context: CallContext }>();
  await using harness = await startServer({
    async *restore(_request, context) {
      try {
        for (;;) yield chunk(mib / 2);
      } finally {
        ended.resolve({ reason: context.signal.reason, context });
      }
    },
  });
  await using raw = await openRawClient(harness.port);
  const call = raw.call(pathOf(methods.restore));
  call.stream.end(grpcFrame(encode(methods.restore.input, { ref: "x" })));
  await once(call.stream, "data");
  call.stream.pause();
  call.stream.close(constants.NGHTTP2_CANCEL);
  const { reason } = await ended.promise;
  assert.ok(isStoreError(reason, "CALL_CANCELLED"));
  await call.closed;
  assert.equal(await settled(() => harness.server.activeCalls()), 0);
});

test("a cancellation fires the signal of a handler that waits for something else", async () => {
  const started = createSignal();
  const reason = createSignal<unknown>();
  await using harness = await startServer({
    async create(_requests, { signal }) {
      started.resolve();
      reason.resolve(await aborted(signal));
      throw new Error("the pipe broke");
    },
  });
  const { call, response } = upload(harness.client, methods.create);
  const failure = failureOf(response);
  await started.promise;
  call.cancel();
  assert.ok(isStoreError(await reason.promise, "CALL_CANCELLED"));
  assert.equal((await failure).code, grpcStatus.CANCELLED);
});

test("a disconnected client never looks like one that has sent everything", async () => {
  const ways: Record<string, (raw: RawClient, call: RawCall) => unknown> = {
    "the session is destroyed": (raw) => raw.session.destroy(),
    "the stream is reset with CANCEL": (_raw, call) => call.stream.close(constants.NGHTTP2_CANCEL),
    "the stream is reset with NO_ERROR": (_raw, call) =>
      call.stream.close(constants.NGHTTP2_NO_ERROR),
  };
  let started = createSignal();
  let outcome = createSignal<unknown>();
  await using harness = await startServer({
    async create(requests) {
      try {
        for await (const request of requests) {
          void request;
          started.resolve();
        }
      } catch (error) {
        outcome.resolve(error);
        throw error;
      }
      outcome.resolve("a clean end");
      return {};
    },
  });
  for (const [name, leave] of Object.entries(ways)) {
    started = createSignal();
    outcome = createSignal<unknown>();
    await using raw = await openRawClient(harness.port);
    const call = raw.call(pathOf(methods.create));
    call.stream.write(grpcFrame(encode(methods.create.input, chunk(10))));
    await started.promise;
    leave(raw, call);
    assert.ok(isStoreError(await outcome.promise, "CALL_CANCELLED"), name);
  }
});

test("success does not fire the signal", async () => {
  const contexts: CallContext[] = [];
  await using harness = await startServer({
    inspect: (_request, context) => {
      contexts.push(context);
      return Promise.resolve({});
    },
    async *restore(_request, context) {
      contexts.push(context);
      yield chunk(10);
    },
    async create(requests, context) {
      contexts.push(context);
      for await (const request of requests) void request;
      return {};
    },
  });
  await unary(harness.client, methods.inspect, { ref: "x" });
  await collect(download(harness.client, methods.restore, {}));
  const { call, response } = upload(harness.client, methods.create);
  call.end();
  await response;
  // grpc-js reports its cancellation in a later turn of the event loop. This other call on the
  // connection ends even later.
  await unary(harness.client, methods.inspect, { ref: "x" });
  assert.equal(contexts.length, 4);
  assert.deepEqual(
    contexts.map(({ signal }) => signal.aborted),
    [false, false, false, false],
  );
});

test("a passed deadline fires the signal with DEADLINE_PASSED", async () => {
  const reason = createSignal<unknown>();
  const deadline = createSignal<Date | undefined>();
  await using harness = await startServer({
    async inspect(_request, context) {
      deadline.resolve(context.deadline);
      reason.resolve(await aborted(context.signal));
      throw context.signal.reason;
    },
  });
  // This client sends a deadline without enforcing it, so only the clock of the server counts.
  await using raw = await openRawClient(harness.port);
  const call = raw.call(pathOf(methods.inspect), { "grpc-timeout": "50m" });
  call.stream.end(grpcFrame(encode(methods.inspect.input, { ref: "x" })));
  assert.equal((await call.status)["grpc-status"], String(grpcStatus.DEADLINE_EXCEEDED));
  assert.ok(isStoreError(await reason.promise, "DEADLINE_PASSED"));
  assert.ok((await deadline.promise) instanceof Date);
});

test("a deadline more than 24.8 days away is shortened to the maximum of a timer", async () => {
  const deadlines: (Date | undefined)[] = [];
  await using harness = await startServer({
    inspect: (_request, { deadline }) => {
      deadlines.push(deadline);
      return Promise.resolve({});
    },
  });
  await using raw = await openRawClient(harness.port);
  const timeouts = ["2592000S", "99999999H", "99999999M", "60S"];
  for (const timeout of timeouts) {
    const call = raw.call(pathOf(methods.inspect), { "grpc-timeout": timeout });
    call.stream.end(grpcFrame(encode(methods.inspect.input, { ref: "x" })));
    assert.equal((await call.status)["grpc-status"], "0", timeout);
  }
  const days = deadlines.map((at) => ((at?.getTime() ?? 0) - Date.now()) / 86_400_000);
  assert.deepEqual(
    days.map((count) => Math.round(count)),
    [25, 25, 25, 0],
  );
});

test("an idle byte stream is ended", async () => {
  await using harness = await startServer(
    {
      async create(requests) {
        for await (const request of requests) void request;
        return {};
      },
    },
    { streamIdleMs: 50 },
  );
  const { call, response } = upload(harness.client, methods.create);
  call.write(chunk(10));
  const error = await failureOf(response);
  assert.equal(error.code, grpcStatus.DEADLINE_EXCEEDED);
  assert.equal(detailsOf(error).reason, "DEADLINE_PASSED");
});

test("a download whose reader has stopped is ended, and its handler ends", async () => {
  const reason = createSignal<unknown>();
  await using harness = await startServer(
    {
      async *restore(_request, { signal }) {
        try {
          for (;;) yield chunk(mib / 2);
        } finally {
          reason.resolve(signal.reason);
        }
      },
    },
    { streamIdleMs: 100 },
  );
  await using raw = await openRawClient(harness.port);
  const call = raw.call(pathOf(methods.restore));
  call.stream.end(grpcFrame(encode(methods.restore.input, { ref: "x" })));
  await once(call.stream, "data");
  call.stream.pause();
  assert.ok(isStoreError(await reason.promise, "DEADLINE_PASSED"));
  // The stream is not destroyed, so the time limit has ended the handler, and not a broken stream.
  assert.ok(!call.stream.destroyed);
});

test("a busy handler does not count as an idle caller", async () => {
  await using harness = await startServer(
    {
      async create(requests) {
        for await (const request of requests) {
          void request;
          await new Promise((resolve) => setTimeout(resolve, 150));
        }
        return {};
      },
    },
    { streamIdleMs: 50 },
  );
  const { call, response } = upload(harness.client, methods.create);
  call.write(chunk(10));
  call.write(chunk(10));
  call.end();
  await response;
});

/** Returns the value after 50 turns of the event loop. */
async function settled(read: () => number): Promise<number> {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  return read();
}
