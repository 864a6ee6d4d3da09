// Tests that chunks of uploads are freed after they have been sent, and never before. If a stream
// is aborted in the middle of a chunk, Node may still be writing a part of it.
import assert from "node:assert/strict";
import { once } from "node:events";
import http2, { type ClientHttp2Stream } from "node:http2";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../../../src/client/index.js";
import { eventually } from "../../../support/eventually.js";
import {
  dataOf,
  http2Frame,
  http2Preface,
  settingsFrame,
  windowUpdateFrame,
} from "../../../support/http2-frame.js";

const mib = 1024 * 1024;

/** Starts a server with very large flow-control windows that reads nothing until it is resumed. */
async function startDeafServer(): Promise<
  { address: string; socket: Promise<Socket> } & Disposable
> {
  const server = createServer();
  const socket = once(server, "connection").then(([accepted]: Socket[]) => {
    if (accepted === undefined) throw new Error("no connection");
    accepted.pause();
    const window = Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]);
    const update = Buffer.alloc(4);
    update.writeUInt32BE(2 ** 30);
    accepted.write(http2Frame(settingsFrame, 0, 0, window));
    accepted.write(http2Frame(settingsFrame, 1, 0, Buffer.alloc(0)));
    accepted.write(http2Frame(windowUpdateFrame, 0, 0, update));
    return accepted;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, socket, [Symbol.dispose]: () => server.close() };
}

/** Records the streams that grpc-js opens from now on. */
function watchStreams(): ClientHttp2Stream[] & Disposable {
  const streams: ClientHttp2Stream[] = [];
  const original = http2.connect;
  http2.connect = ((...given: Parameters<typeof original>) => {
    const session = original(...given);
    const request = session.request.bind(session);
    session.request = (...headers) => {
      const stream = request(...headers);
      streams.push(stream);
      return stream;
    };
    return session;
  }) as typeof original;
  return Object.assign(streams, {
    [Symbol.dispose]: () => void (http2.connect = original),
  });
}

test("the daemon receives intact data from an upload whose stream was aborted", async () => {
  using server = await startDeafServer();
  using streams = watchStreams();
  await using client = connect(server.address);
  const piece = Buffer.alloc(mib, 0xaa);
  let pieces = 0;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (; ; pieces += 1) yield piece;
  };
  const upload = client.create({ config: { name: "a" } }, source());
  const outcome = upload.catch((error: unknown) => error);
  let before = -1;
  await eventually("the socket to be full", async () => {
    const stands = pieces > 0 && pieces === before;
    before = pieces;
    await sleep(200);
    return stands;
  });
  for (const stream of streams) stream.destroy();
  assert.ok((await outcome) instanceof Error);
  await sleep(100);
  // The allocator may reuse freed memory for these buffers.
  const others = Array.from({ length: 16 }, (_, index) =>
    Buffer.allocUnsafeSlow(mib - 200_000 + index * 30_000).fill(0x55),
  );
  const socket = await server.socket;
  const received: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => received.push(bytes));
  socket.on("error", () => undefined);
  socket.resume();
  await sleep(500);
  socket.destroy();
  const data = dataOf(Buffer.concat(received).subarray(http2Preface.length));
  assert.ok(data.length > 2 * mib, `${data.length} bytes came`);
  const foreign = data.filter((byte) => byte === 0x55).length;
  // A name or a checksum may contain the byte 0x55 too.
  assert.ok(foreign < 100, `${foreign} of ${data.length} bytes are of ${others.length} others`);
});
