// Tests that frames of downloads are freed after they have been sent, and never before. If a
// connection is aborted in the middle of a frame, Node may still be writing a part of it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../../support/eventually.js";
import {
  dataFrame,
  dataOf,
  headersFrame,
  http2Frame,
  http2Preface,
  settingsFrame,
  windowUpdateFrame,
} from "../../support/http2-frame.js";
import { chunk, startServer } from "./harness.js";

const mib = 1024 * 1024;

/** Encodes a header as RFC 7541, 6.2.2 says, without Huffman coding. Lengths must be below 127. */
function literalHeader(name: string, value: string): Buffer {
  const part = (text: string): Buffer =>
    Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
  return Buffer.concat([Buffer.from([0]), part(name), part(value)]);
}

test("a reader receives intact data from an aborted connection", async () => {
  let sent = 0;
  let ended = false;
  const keepaliveMs = 1000;
  await using harness = await startServer(
    {
      async *restore() {
        const { frame } = chunk(mib);
        const value = (frame?.case === "chunk" ? frame.value : Buffer.alloc(0)).fill(0xaa);
        try {
          for (; ; sent += 1) yield { frame: { case: "chunk" as const, value } };
        } finally {
          ended = true;
        }
      },
    },
    { maxMessageBytes: 8 * mib, keepaliveMs, keepaliveTimeoutMs: keepaliveMs },
  );
  const socket = connect(harness.port, "127.0.0.1");
  await once(socket, "connect");
  // The client reads nothing, and its window ends in the middle of a message.
  socket.pause();
  const window = Buffer.from([0, 4, 0, 0, 0, 0]);
  window.writeUInt32BE(5_230_000, 2);
  const connectionWindow = Buffer.alloc(4);
  connectionWindow.writeUInt32BE(2 ** 30);
  const headers = Object.entries({
    ":method": "POST",
    ":scheme": "http",
    ":path": "/stasis.v1.SnapshotService/Restore",
    ":authority": "localhost",
    "content-type": "application/grpc",
    te: "trailers",
  }).map(([name, value]) => literalHeader(name, value));
  socket.write(
    Buffer.concat([
      http2Preface,
      http2Frame(settingsFrame, 0, 0, window),
      http2Frame(windowUpdateFrame, 0, 0, connectionWindow),
      http2Frame(headersFrame, 4, 1, Buffer.concat(headers)),
      http2Frame(dataFrame, 1, 1, Buffer.alloc(5)),
    ]),
  );
  await eventually("the end of the call, whose connection is dead", () => ended);
  // The buffers of the kernel determine whether more messages were sent.
  assert.ok(sent >= 3, `${sent} messages were sent`);
  await sleep(100);
  // The allocator may reuse freed memory for these buffers.
  const others = Array.from({ length: 9 }, (_, index) =>
    Buffer.allocUnsafeSlow(100 * 1024 + index * 30_000).fill(0x55),
  );
  const received: Buffer[] = [];
  socket.on("data", (bytes: Buffer) => received.push(bytes));
  socket.on("error", () => undefined);
  socket.resume();
  await Promise.race([once(socket, "close"), sleep(2000)]);
  socket.destroy();
  const data = dataOf(Buffer.concat(received));
  assert.ok(data.length > 2 * mib, `${data.length} bytes came`);
  const foreign = data.filter((byte) => byte === 0x55).length;
  assert.equal(foreign, 0, `${foreign} of ${data.length} bytes are of ${others.length} others`);
});
