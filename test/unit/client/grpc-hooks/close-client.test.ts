// Contract: a closed client of grpc-js leaves no connection, even if it was connecting.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "../../../../src/client/index.js";
import { eventually } from "../../../support/eventually.js";
import { failsWith } from "../../../support/errors.js";

/**
 * This is longer than the delay of grpc-js before it retries, which is one second plus or minus a
 * fifth.
 */
const retriedMs = 2500;

async function listenOn(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

test("a client that is closed after a failed call does not connect when the daemon starts", async (t) => {
  const before = createServer();
  const port = await listenOn(before, 0);
  before.close();
  await once(before, "close");
  for (let count = 0; count < 3; count++) {
    await using client = connect(`127.0.0.1:${port}`);
    await failsWith(client.getInfo(), "DAEMON_UNREACHABLE");
  }
  // This client is closed during its first attempt.
  const hasty = connect(`127.0.0.1:${port}`);
  const call = failsWith(hasty.getInfo(), "DAEMON_UNREACHABLE");
  hasty.close();
  await call;

  const connected = new Set<Socket>();
  const server = createServer((socket) => {
    connected.add(socket);
    socket.on("error", () => undefined).resume();
    socket.on("close", () => connected.delete(socket));
    t.after(() => socket.destroy());
  });
  await listenOn(server, port);
  t.after(() => server.close());
  // This client is closed before the server has answered its connection.
  const waiting = connect(`127.0.0.1:${port}`);
  const unanswered = failsWith(waiting.getInfo(), "DAEMON_UNREACHABLE");
  await eventually("a connection", () => connected.size > 0);
  waiting.close();
  await unanswered;
  const open = connect(`127.0.0.1:${port}`);
  t.after(() => open.close());
  const pending = open.getInfo({ timeoutMs: retriedMs });
  await failsWith(pending, "DEADLINE_PASSED");
  await sleep(200);
  assert.equal(connected.size, 1, "only the client that is open is connected");
});
