// Tests answers that their callers do not read. Their bytes are bounded, and they are not kept
// forever.
import assert from "node:assert/strict";
import { test } from "node:test";
import { status as grpcStatus } from "@grpc/grpc-js";
import { createAnswerBytes } from "../../../src/transport/answer-bytes.js";
import { isStoreError } from "../../../src/base/errors.js";
import { eventually } from "../../support/eventually.js";
import { encode, methods, pathOf, startServer, unary } from "./harness.js";
import { grpcFrame, openRawClient } from "./raw-client.js";

const mib = 1024 * 1024;
const large = { snapshots: [], nextPageToken: "a".repeat(3 * mib) };
const request = grpcFrame(encode(methods.list.input, {}));

test("unread answers are bounded: one too many is refused, and reading releases its bytes", async () => {
  await using harness = await startServer(
    { list: () => Promise.resolve(large) },
    { maxAnswerBytes: 16 * mib },
  );
  await using raw = await openRawClient(harness.port);
  // The window of each call is 1 MiB, and the client does not read.
  const held = [0, 1].map(() => {
    const call = raw.call(pathOf(methods.list));
    call.stream.pause();
    call.stream.end(request);
    return call;
  });
  await eventually("two answers", () => harness.server.activeCalls() === 0);
  const refused = raw.call(pathOf(methods.list));
  refused.stream.end(request);
  const status = await refused.status;
  assert.equal(status["grpc-status"], String(grpcStatus.RESOURCE_EXHAUSTED));
  assert.match(String(status["grpc-message"]), /KiB%20of%20answers/);
  for (const { stream } of held) stream.resume();
  await Promise.all(held.map(({ closed }) => closed));
  await unary(harness.client, methods.list, {});
});

test("an answer that nobody reads is aborted", async () => {
  await using harness = await startServer(
    { list: () => Promise.resolve(large) },
    { streamIdleMs: 200, lingerMs: 200 },
  );
  await using raw = await openRawClient(harness.port);
  const call = raw.call(pathOf(methods.list));
  call.stream.pause();
  call.stream.end(request);
  await call.closed;
});

test("an answer that exceeds its caller's share is refused with that reason", () => {
  const account = createAnswerBytes(4 * mib).open({ name: "one", role: "reader", namePrefix: "" });
  assert.throws(
    () => account.take(2 * mib),
    (error) => isStoreError(error, "LIMIT_EXCEEDED"),
  );
  account.take(mib);
  assert.throws(
    () => account.take(mib),
    (error) => isStoreError(error, "TOO_MANY_STREAMS"),
  );
  account.close();
  account.take(mib);
});
