// Tests a fixed error: 256 idle connections prevented all other callers from connecting.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { methods, startServer, unary } from "./harness.js";

function idle(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  return socket.resume();
}

test("idle connections are evicted for new ones, the oldest first, and known callers keep theirs", async () => {
  await using harness = await startServer(
    { list: () => Promise.resolve({}) },
    { maxConnections: 3 },
  );
  await unary(harness.client, methods.list, {});
  const first = idle(harness.port);
  await once(first, "connect");
  const second = idle(harness.port);
  await once(second, "connect");
  const closed = once(first, "close");
  const late = harness.connect();
  await unary(late, methods.list, {});
  await closed;
  assert.equal(second.closed, false);
  await unary(harness.client, methods.list, {});
});

test("if all connections belong to known callers, a new connection is closed", async () => {
  await using harness = await startServer(
    { list: () => Promise.resolve({}) },
    { maxConnections: 2 },
  );
  const other = harness.connect();
  await unary(harness.client, methods.list, {});
  await unary(other, methods.list, {});
  await once(idle(harness.port), "close");
  await unary(harness.client, methods.list, {});
  await unary(other, methods.list, {});
});
