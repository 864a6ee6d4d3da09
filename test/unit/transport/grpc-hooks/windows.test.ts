// Contract: grpc-js makes one HTTP/2 server, which uses our windows, so that a client sees them.
import assert from "node:assert/strict";
import http2 from "node:http2";
import { test } from "node:test";
import { Server } from "@grpc/grpc-js";
import type { TlsFiles } from "../../../../src/transport/auth/tls-files.js";
import { createInjector } from "../../../../src/transport/grpc-hooks/windows.js";
import { eventually } from "../../../support/eventually.js";
import { methods, pathOf, startServer, unary } from "../harness.js";
import { openRawClient, type RawClient } from "../raw-client.js";
import { grpcLimits } from "../../../support/defaults.js";

const { list } = methods;
const listed = { list: () => Promise.resolve({}) };

async function answered(raw: RawClient): Promise<void> {
  const call = raw.call(pathOf(list));
  // The stream sends no bytes, so the connection's window is not used.
  call.stream.end();
  await call.status;
  // The server's settings and the WINDOW_UPDATE of the connection precede the answer to a ping.
  await new Promise((resolve) => raw.session.ping(resolve));
}

test("a known caller receives the configured windows and limits", async () => {
  const streamWindowBytes = 3_000_000;
  const connectionWindowBytes = 7_000_000;
  const limits = { streamWindowBytes, connectionWindowBytes, maxStreamsPerConnection: 777 };
  await using harness = await startServer(listed, limits);
  await using raw = await openRawClient(harness.port);
  // The client has not made a call yet.
  assert.equal(raw.session.remoteSettings.initialWindowSize, 65_535);
  assert.equal(raw.session.remoteSettings.maxConcurrentStreams, 100);
  await answered(raw);
  assert.equal(raw.session.remoteSettings.initialWindowSize, streamWindowBytes);
  assert.equal(raw.session.state.remoteWindowSize, connectionWindowBytes);
});

test("a connection with many admitted streams may open more of them", async () => {
  await using harness = await startServer(listed, { maxStreamsPerConnection: 777 });
  await using raw = await openRawClient(harness.port);
  const calls = Array.from({ length: 90 }, () => raw.call(pathOf(list)));
  await eventually(
    "a second number",
    () => raw.session.remoteSettings.maxConcurrentStreams === 777,
  );
  for (const { stream } of calls) stream.close();
});

test("the defaults also reach the client", async () => {
  await using harness = await startServer(listed);
  await using raw = await openRawClient(harness.port);
  await answered(raw);
  const { streamWindowBytes, connectionWindowBytes } = grpcLimits;
  assert.equal(raw.session.remoteSettings.initialWindowSize, streamWindowBytes);
  assert.equal(raw.session.state.remoteWindowSize, connectionWindowBytes);
  await unary(harness.client, list, {});
});

test("node:http2 is unchanged afterwards", () => {
  const { createServer, createSecureServer } = http2;
  const server = new Server();
  const hooks = { onSession: () => undefined, onStream: () => undefined };
  const options = { limits: grpcLimits, hooks, areNewcomers: true };
  createInjector(server, options);
  assert.equal(http2.createServer, createServer);
  assert.equal(http2.createSecureServer, createSecureServer);
  assert.throws(() => createInjector(server, { ...options, tls: null as unknown as TlsFiles }));
  assert.equal(http2.createServer, createServer);
  server.forceShutdown();
});
