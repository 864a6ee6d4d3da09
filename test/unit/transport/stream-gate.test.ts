// Tests streams that never become calls: those of clients that ignore the server's settings, and
// those with too many headers.
import assert from "node:assert/strict";
import { constants } from "node:http2";
import { test } from "node:test";
import { Metadata, status as grpcStatus } from "@grpc/grpc-js";
import { openRawConnection, streamId, type RawConnection } from "../../hostile/raw-connection.js";
import { eventually } from "../../support/eventually.js";
import {
  grpcHeaders,
  grpcHeadersAgain,
  indexedHeader,
  literalHeader,
} from "../../support/hpack.js";
import { newestIndex } from "../../support/hpack.js";
import { goawayFrame, headersFrame, http2Frame, resetFrame } from "../../support/http2-frame.js";
import { detailsOf, failureOf, methods, pathOf, startServer, unary } from "./harness.js";

const listed = { list: () => Promise.resolve({}) };
const endHeaders = 4;
const endStreamAndHeaders = 5;

/** Returns the error codes in the frames of this type. */
function codesOf({ frames }: RawConnection, type: number): number[] {
  const at = type === goawayFrame ? 4 : 0;
  return frames().flatMap((frame) => (frame.type === type ? [frame.payload.readUInt32BE(at)] : []));
}

test("a client that does not acknowledge the settings is disconnected", async () => {
  await using harness = await startServer(listed, { settingsTimeoutMs: 200 });
  const ignoring = await openRawConnection(`127.0.0.1:${harness.port}`, { acknowledges: false });
  const obeying = await openRawConnection(`127.0.0.1:${harness.port}`, { acknowledges: true });
  await ignoring.closed;
  assert.deepEqual(codesOf(ignoring, goawayFrame), [constants.NGHTTP2_SETTINGS_TIMEOUT]);
  assert.equal(obeying.socket.closed, false);
  obeying.socket.destroy();
});

test("too many headers before the client acknowledges the settings reset the stream, then end the connection", async () => {
  await using harness = await startServer(listed, { maxMetadataBytes: 16 * 1024 });
  const connection = await openRawConnection(`127.0.0.1:${harness.port}`, { acknowledges: false });
  const first = Buffer.concat([
    grpcHeaders(pathOf(methods.list)),
    literalHeader("x", "a".repeat(3000)),
  ]);
  const times = (count: number): Buffer =>
    Buffer.concat([
      grpcHeadersAgain(1),
      ...Array.from({ length: count }, () => indexedHeader(newestIndex)),
    ]);
  // Five headers are below the limit.
  await connection.send(
    http2Frame(headersFrame, endHeaders, streamId(0), first),
    http2Frame(headersFrame, endHeaders, streamId(1), times(5)),
    http2Frame(headersFrame, endHeaders, streamId(2), times(6)),
  );
  await eventually("the reset", () => codesOf(connection, resetFrame).length > 0);
  assert.deepEqual(codesOf(connection, resetFrame), [constants.NGHTTP2_ENHANCE_YOUR_CALM]);
  for (let index = 3; index < 12; index++) {
    await connection.send(
      http2Frame(headersFrame, endStreamAndHeaders, streamId(index), times(100)),
    );
  }
  await connection.closed;
  assert.deepEqual(codesOf(connection, goawayFrame), [constants.NGHTTP2_ENHANCE_YOUR_CALM]);
  await unary(harness.client, methods.list, {});
});

for (const [limit, named] of [
  ["maxConnectionMetadataBytes", "KiB_of_headers_on_this_connection"],
  ["maxTotalMetadataBytes", "KiB_of_headers"],
] as const) {
  test(`${limit}: one stream too many is answered with a refusal`, async () => {
    await using harness = await startServer(
      // This handler never answers, so the server keeps the headers of its calls.
      { ...listed, inspect: (_, { signal }) => untilAborted(signal) },
      { [limit]: 32 * 1024 },
    );
    const metadata = new Metadata();
    metadata.set("x-large", "a".repeat(12_000));
    const held = Array.from({ length: 2 }, () =>
      unary(
        harness.client,
        methods.inspect,
        { ref: "a" },
        { metadata, deadline: Date.now() + 1000 },
      ),
    );
    await eventually("two calls", () => harness.server.activeCalls() === 2);
    const error = await failureOf(unary(harness.client, methods.list, {}, { metadata }));
    assert.equal(error.code, grpcStatus.RESOURCE_EXHAUSTED);
    assert.equal(detailsOf(error).metadata["limit"], named);
    // There is still room for small headers.
    await unary(harness.client, methods.list, {});
    await Promise.allSettled(held);
    await unary(harness.client, methods.list, {}, { metadata });
  });
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });
}
