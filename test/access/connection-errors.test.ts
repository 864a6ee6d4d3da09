// Tests the client's errors when no call gets through: TLS on one side only, a bad certificate, or
// another server.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { startTestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { startScene } from "./callers.js";

async function listening(t: TestContext, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test("a plain-text client at a TLS port gets a clear error", async (t) => {
  const { tcpAddress, client, tls } = await startScene(t);
  const error = await failsWith(client(tcpAddress).list(), "DAEMON_UNREACHABLE");
  assert.equal(
    error.message,
    `the daemon at ${tcpAddress} expects TLS, and this client speaks plain text`,
  );
  assert.match(error.hint ?? "", /--tls-ca FILE/);
  const { code, stderr } = await runStasis(["ls", "--addr", tcpAddress]);
  assert.equal(code, 6);
  assert.match(stderr, /^stasis: the daemon at .* expects TLS/);
  // With TLS the call reaches the daemon, which requires credentials.
  await failsWith(client(tcpAddress, { tls: tls() }).list(), "CREDENTIALS_INVALID");
});

test("a TLS client at a plain-text port gets a clear error", async (t) => {
  const scene = await startScene(t);
  const { tcpAddress } = await startTestDaemon(t);
  const { client, tls } = scene;
  const error = await failsWith(client(tcpAddress, { tls: tls() }).list(), "DAEMON_UNREACHABLE");
  assert.match(error.message, /^the server at 127\.0\.0\.1:\d+ does not speak TLS \([^:]+\)$/);
  assert.match(error.hint ?? "", /Leave out --tls/);
});

test("the error for an untrusted certificate names the reason", async (t) => {
  const scene = await startScene(t);
  const error = await failsWith(
    scene.client(scene.tcpAddress, { tls: true }).list(),
    "DAEMON_UNREACHABLE",
  );
  assert.match(error.message, /^the certificate of the daemon at \S+ is not trusted \([^:]+\)$/);
  assert.match(error.hint ?? "", /--tls-ca/);
});

test("the error distinguishes another server from a daemon that closes the connection", async (t) => {
  const { client } = await startScene(t);
  const http = await listening(t, createHttp());
  const other = await failsWith(client(http).list(), "DAEMON_UNREACHABLE");
  assert.match(other.message, /^the server at \S+ does not speak gRPC/);
  const closing = await listening(
    t,
    createServer((socket) => socket.on("error", () => undefined).destroy()),
  );
  const closed = await failsWith(client(closing).list(), "DAEMON_UNREACHABLE");
  assert.doesNotMatch(closed.message, /TLS|gRPC/);
});
