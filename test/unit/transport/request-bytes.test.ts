// Tests the count of bytes that have arrived and are unread, on streams of real connections. If an
// upgrade of Node changes the internals on which the hook relies, this test fails.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, constants, createServer } from "node:http2";
import type { ClientHttp2Stream, ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import type { Identity } from "../../../src/model/access.js";
import { createRequestBytes, type RequestBytes } from "../../../src/transport/request-bytes.js";
import { eventually } from "../../support/eventually.js";

const kib = 1024;
const one: Identity = { name: "one", role: "reader", namePrefix: "" };
const other: Identity = { ...one, name: "other" };

interface Pair {
  readonly client: ClientHttp2Stream;
  readonly server: ServerHttp2Stream;
}

/**
 * Starts a server and connects a client to it. The returned function opens a stream, and returns
 * its two ends.
 */
async function startPairs(t: TestContext): Promise<() => Promise<Pair>> {
  const server = createServer();
  const arrived: ServerHttp2Stream[] = [];
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    stream.pause();
    arrived.push(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  session.on("error", () => undefined);
  t.after(() => {
    session.destroy();
    server.close();
  });
  return async () => {
    const client = session.request({ ":method": "POST", ":path": "/" });
    client.on("error", () => undefined);
    await eventually("the stream", () => arrived.length > 0);
    return { client, server: arrived.shift() as ServerHttp2Stream };
  };
}

/** Opens an account, and records its refusals when there is no room for the bytes. */
function watch(requests: RequestBytes, { server }: Pair, owner = one, keepsRequest = false) {
  const told: string[] = [];
  const account = requests.open(server, { owner, keepsRequest });
  account.refuseBy(({ what }) => void told.push(what));
  return { told, account };
}

test("unread bytes are counted by identity and in total, and are released when the stream closes", async (t) => {
  const open = await startPairs(t);
  const requests = createRequestBytes(64 * kib);
  const [first, second, third] = [await open(), await open(), await open()];
  const watched = [watch(requests, first), watch(requests, second), watch(requests, third, other)];
  first.client.write(Buffer.alloc(30 * kib));
  await eventually("the first", () => first.server.readableLength === 30 * kib);
  // An identity may use three quarters, which are 48 KiB.
  second.client.write(Buffer.alloc(30 * kib));
  await eventually("the second", () => watched[1]?.told.length === 1);
  assert.deepEqual(watched[1]?.told, ["KiB of requests of this identity"]);
  third.client.write(Buffer.alloc(30 * kib));
  await eventually("the third", () => third.server.readableLength === 30 * kib);
  assert.deepEqual([watched[0]?.told, watched[2]?.told], [[], []]);
  const closed = once(first.server, "close");
  first.client.close();
  first.server.resume();
  await closed;
  const again = await open();
  const last = watch(requests, again);
  again.client.write(Buffer.alloc(30 * kib));
  await eventually("the last", () => again.server.readableLength === 30 * kib);
  assert.deepEqual(last.told, []);
});

test("a retained request counts sixteen times, including what decompression has added", async (t) => {
  const open = await startPairs(t);
  const requests = createRequestBytes(64 * kib);
  const pair = await open();
  const { told, account } = watch(requests, pair, one, true);
  pair.client.write(Buffer.alloc(1 * kib));
  await eventually("the request", () => pair.server.readableLength === kib);
  account.message(2 * kib);
  assert.deepEqual(told, []);
  account.message(4 * kib);
  assert.equal(told.length, 1);
});

test("of a running upload only the unread frames count", async (t) => {
  const open = await startPairs(t);
  const requests = createRequestBytes(32 * kib);
  const pair = await open();
  const { told, account } = watch(requests, pair);
  account.isBulk();
  pair.client.write(Buffer.alloc(60 * kib));
  await eventually("the bytes", () => pair.server.readableLength === 60 * kib);
  assert.deepEqual(told, []);
  for (let frames = 0; frames < 300; frames++) {
    await new Promise((resolve) => pair.client.write(Buffer.of(1), resolve));
  }
  await eventually("too many frames", () => told.length === 1);
});

test("a stream with too many bytes is reset, unless its call ends it in another way", async (t) => {
  const open = await startPairs(t);
  const requests = createRequestBytes(32 * kib);
  const pair = await open();
  requests.open(pair.server, { owner: one, keepsRequest: false });
  const closed = new Promise((resolve) => pair.client.once("close", resolve));
  pair.client.write(Buffer.alloc(40 * kib));
  await closed;
  assert.equal(pair.client.rstCode, constants.NGHTTP2_ENHANCE_YOUR_CALM);
});
