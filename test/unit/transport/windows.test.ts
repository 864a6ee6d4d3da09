// The flow-control windows that a client sees: an upgrade of grpc-js that breaks them fails here.
import assert from "node:assert/strict";
import http2 from "node:http2";
import { test } from "node:test";
import { Server } from "@grpc/grpc-js";
import type { TlsFiles } from "../../../src/transport/auth/tls-files.js";
import { createInjector } from "../../../src/transport/windows.js";
import { defaultGrpcLimits } from "../../../src/transport/server.js";
import { methods, startServer, unary } from "./harness.js";
import { openRawClient } from "./raw-client.js";

test("clients see the windows and limits that were asked for", async () => {
  const streamWindowBytes = 3_000_000;
  const connectionWindowBytes = 7_000_000;
  await using harness = await startServer(
    { list: () => Promise.resolve({}) },
    { streamWindowBytes, connectionWindowBytes, maxStreamsPerConnection: 77 },
  );
  await using raw = await openRawClient(harness.port);
  assert.equal(raw.session.remoteSettings.initialWindowSize, streamWindowBytes);
  assert.equal(raw.session.remoteSettings.maxConcurrentStreams, 77);
  // The WINDOW_UPDATE of the connection follows the settings: a ping's answer comes after it.
  await new Promise((resolve) => raw.session.ping(resolve));
  assert.equal(raw.session.state.remoteWindowSize, connectionWindowBytes);
});

test("the defaults reach the client too", async () => {
  await using harness = await startServer({ list: () => Promise.resolve({}) });
  await using raw = await openRawClient(harness.port);
  const { streamWindowBytes, connectionWindowBytes } = defaultGrpcLimits;
  assert.equal(raw.session.remoteSettings.initialWindowSize, streamWindowBytes);
  await new Promise((resolve) => raw.session.ping(resolve));
  assert.equal(raw.session.state.remoteWindowSize, connectionWindowBytes);
  await unary(harness.client, methods.list, {});
});

test("node:http2 is as it was afterwards", () => {
  const { createServer, createSecureServer } = http2;
  const server = new Server();
  const hooks = { onSession: () => undefined, onStream: () => undefined };
  createInjector(server, undefined, defaultGrpcLimits, hooks);
  assert.equal(http2.createServer, createServer);
  assert.equal(http2.createSecureServer, createSecureServer);
  assert.throws(() =>
    createInjector(server, null as unknown as TlsFiles, defaultGrpcLimits, hooks),
  );
  assert.equal(http2.createServer, createServer);
  server.forceShutdown();
});
