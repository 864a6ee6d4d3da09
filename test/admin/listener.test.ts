// Tests the admin listener: the requests that it answers, the callers that it admits, and how it
// reports a daemon with problems.
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { defaultAdminLimits } from "../../src/admin/http-server.js";
import { createAdminServer } from "../../src/admin/admin-server.js";
import { createLogger } from "../../src/base/logger.js";
import { loadDaemonConfig } from "../../src/config/load.js";
import { connect } from "../../src/client/index.js";
import { createConceal } from "../../src/transport/auth/conceal.js";
import { defaultAccess } from "../../src/transport/auth/access.js";
import { startScene } from "../access/callers.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { eventually } from "../support/eventually.js";
import { get, rawConnection, untilClosed } from "../support/http.js";

const open = { "admin-listen": "127.0.0.1:0" };

test("by default the listener is a socket beside the main socket, with the same mode", async (t) => {
  const { daemon, root } = await startTestDaemon(t, { "socket-mode": "0660" });
  const path = join(root, "admin.sock");
  assert.equal(daemon.adminAddress, `unix:${path}`);
  assert.equal((await stat(path)).mode & 0o777, 0o660);
  assert.equal((await get(daemon.adminAddress, "/livez")).body, "ok\n");
  assert.equal((await get(daemon.adminAddress, "/readyz")).body, "ok\n");
  await daemon.stop();
  await assert.rejects(stat(path), /ENOENT/);
});

test("the default address follows the socket, and the listener can be switched off", () => {
  const at = (flags: Record<string, string>) =>
    loadDaemonConfig({ flags: { root: "/r", ...flags } }).config.adminListen;
  assert.deepEqual(at({}), { kind: "unix", path: "/r/admin.sock" });
  assert.deepEqual(at({ socket: "/s/a.sock" }), { kind: "unix", path: "/s/a.admin.sock" });
  assert.equal(at({ "admin-listen": "none" }), undefined);
  const alone = { socket: "none", listen: "127.0.0.1:0", "unauthenticated-tcp": "this-machine" };
  assert.equal(at(alone), undefined);
  // The path is longer than the kernel allows. No option requests the listener, so the daemon
  // starts without it.
  assert.equal(at({ socket: `/${"s".repeat(100)}` }), undefined);
});

test("a TCP address has the same requirements as that of the gRPC listener", () => {
  const refused = (flags: Record<string, string>, text: RegExp) =>
    assert.throws(() => loadDaemonConfig({ flags: { root: "/r", ...flags } }), text);
  refused({ "admin-listen": "127.0.0.1:0" }, /admin_listen: .*every user of this machine/);
  refused({ "admin-listen": "0.0.0.0:1", tokens: "/t" }, /admin_listen: .*has no TLS/);
  refused({ "admin-listen": "nonsense" }, /admin_listen: .*unix:PATH/);
  refused({ "admin-listen": "unix:/r/stasis.sock" }, /admin_listen: .*another path/);
  refused({ "admin-listen": `unix:/${"a".repeat(200)}` }, /admin_listen: .*107 bytes/);
});

test("the listener only reads: it refuses other methods and bodies", async (t) => {
  const { daemon } = await startTestDaemon(t);
  const address = daemon.adminAddress ?? "";
  for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]) {
    const { status, headers } = await get(address, "/livez", { method });
    assert.equal(status, 405, method);
    assert.equal(headers["allow"], "GET, HEAD");
    assert.equal(headers["access-control-allow-origin"], undefined);
  }
  assert.equal((await get(address, "/livez", { body: "x" })).status, 400);
  const head = await get(address, "/livez", { method: "HEAD" });
  assert.deepEqual([head.status, head.body, head.headers["content-length"]], [200, "", "3"]);
  assert.equal((await get(address, "/nothing")).status, 404);
  assert.equal((await get(address, "/assets/../package.json")).status, 404);
  assert.equal((await get(address, "/assets/%2e%2e%2fpackage.json")).status, 404);
});

test("every answer has the headers that protect it from pages of other origins", async (t) => {
  const { daemon } = await startTestDaemon(t);
  for (const path of ["/", "/livez", "/nothing", "/metrics", "/api/info"]) {
    const { headers } = await get(daemon.adminAddress ?? "", path);
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'/, path);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe/);
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(headers["cross-origin-resource-policy"], "same-origin");
  }
});

test("a page whose name resolves to this machine is refused, and so are cross-site requests", async (t) => {
  const { daemon } = await startTestDaemon(t, { ...open, "unauthenticated-tcp": "this-machine" });
  const address = daemon.adminAddress ?? "";
  const withHost = (host: string) => get(address, "/livez", { headers: { host } });
  for (const host of ["evil.example", "127.0.0.1.evil.example:80", "0.0.0.0", "[::2]:1"]) {
    assert.equal((await withHost(host)).status, 421, host);
  }
  for (const host of ["localhost", "localhost:1234", "127.0.0.1:9", "[::1]:5"]) {
    assert.equal((await withHost(host)).status, 200, host);
  }
  const across = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" };
  assert.equal((await get(address, "/metrics", { headers: across })).status, 403);
});

test("over TCP, metrics need a token that reads all snapshots, and probes need none", async (t) => {
  const scene = await startScene(t, { flags: open });
  const address = scene.daemon.adminAddress ?? "";
  const port = address.split(":")[1] ?? "";
  const { ca } = scene.tls() as { ca: Buffer };
  const tls = { ca };
  const status = (path: string, token?: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const where = { host: "127.0.0.1", port, path, headers, agent: false, ...tls };
      const sent = httpsRequest(where, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
      });
      sent.on("error", reject);
      sent.end();
    });
  const reader = scene.newToken({ name: "prometheus", role: "reader", namePrefix: "" });
  const tenant = scene.newToken({ name: "tenant", role: "operator", namePrefix: "a/" });
  const peer = scene.newToken({ name: "peer", role: "peer", namePrefix: "" });
  assert.equal(await status("/livez"), 200);
  assert.equal(await status("/readyz"), 200);
  await eventually("the token is known", async () => (await status("/metrics", reader)) === 200);
  assert.equal(await status("/metrics"), 401);
  assert.equal(await status("/metrics", "wrong"), 401);
  await eventually("the tenant is known", async () => (await status("/metrics", tenant)) === 403);
  await eventually("the peer is known", async () => (await status("/metrics", peer)) === 403);
  assert.equal(await status("/api/info"), 401);
});

test("the socket's role applies: a daemon whose socket is for readers gives them metrics", async (t) => {
  const { daemon } = await startTestDaemon(t, { "socket-role": "reader" });
  const { status, body, headers } = await get(daemon.adminAddress ?? "", "/metrics");
  assert.equal(status, 200);
  assert.match(headers["content-type"] ?? "", /^text\/plain/);
  assert.match(body, /^stasis_build_info\{.*\} 1$/m);
});

test("a draining daemon reports it until its last call has ended", async (t) => {
  const { daemon, address } = await startTestDaemon(t, { "drain-grace": "30s" });
  const admin = daemon.adminAddress ?? "";
  await using client = connect(address);
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const upload = client.create(
    { config: { name: "slow" } },
    (async function* () {
      yield Buffer.alloc(512);
      await released;
      throw new Error("the test has seen enough");
    })(),
  );
  const ended = assert.rejects(upload);
  await pause(100);
  const stopped = daemon.stop();
  const { status, body } = await get(admin, "/readyz");
  assert.equal(status, 503);
  assert.match(body, /^\[-\]serving failed: draining$/m);
  assert.equal((await get(admin, "/livez")).status, 200);
  release();
  await Promise.all([ended, stopped]);
  await assert.rejects(get(admin, "/livez"), /ENOENT|ECONNREFUSED/);
});

test("the list of checks is available as text and as JSON", async (t) => {
  const { daemon } = await startTestDaemon(t);
  const admin = daemon.adminAddress ?? "";
  const verbose = await get(admin, "/readyz?verbose");
  assert.match(verbose.body, /^\[\+\]recovery ok\n\[\+\]serving ok\n.*readyz check passed\n$/s);
  const { ready, checks } = JSON.parse((await get(admin, "/readyz?format=json")).body) as {
    ready: boolean;
    checks: { name: string }[];
  };
  assert.equal(ready, true);
  assert.deepEqual(
    checks.map(({ name }) => name),
    ["recovery", "serving", "root", "catalog", "writes", "space"],
  );
});

/** Starts a separate server with small limits. */
async function limited(t: TestContext, limits: object): Promise<string> {
  const scratch = await makeScratch(t, "stasis-admin-");
  const server = createAdminServer({
    access: defaultAccess,
    peerUser: () => undefined,
    conceal: createConceal(undefined),
    logger: createLogger("silent"),
    limits,
    routes: async ({ path }) => {
      if (path === "/slow") await pause(300);
      const body = path === "/large" ? "x".repeat(4 * 1024 * 1024) : "ok";
      return { status: 200, contentType: "text/plain", body };
    },
  });
  t.after(() => server.close());
  return (await server.listenUnix(join(scratch, "s"))).address;
}

test("a client that sends its headers byte by byte is disconnected", async (t) => {
  const address = await limited(t, { headersTimeoutMs: 500 });
  const socket = await rawConnection(address);
  const closed = untilClosed(socket);
  socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nX: ");
  const timer = setInterval(() => socket.write("a"), 50);
  t.after(() => clearInterval(timer));
  assert.doesNotMatch(await closed, /200 OK/);
});

test("headers that are too long are answered with 431", async (t) => {
  const address = await limited(t, {});
  const socket = await rawConnection(address);
  const closed = untilClosed(socket);
  socket.write(`GET / HTTP/1.1\r\nX: ${"a".repeat(defaultAdminLimits.maxHeaderBytes)}\r\n\r\n`);
  assert.match(await closed, /^HTTP\/1\.1 431 /);
});

test("connections without a request are closed to make room for new ones", async (t) => {
  const address = await limited(t, { maxConnections: 4 });
  const idle = await Promise.all(Array.from({ length: 4 }, () => rawConnection(address)));
  t.after(() => idle.forEach((socket) => socket.destroy()));
  assert.equal((await get(address, "/")).status, 200);
});

test("a connection that sends many requests at once is closed", async (t) => {
  const address = await limited(t, { maxPipelined: 2 });
  const socket = await rawConnection(address);
  const closed = untilClosed(socket);
  socket.write("GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(20));
  assert.doesNotMatch(await closed, /200 OK/);
});

test("unread answers are bounded: the next one is refused, and a client that never reads is disconnected", async (t) => {
  const address = await limited(t, { maxAnswerBytes: 6 * 1024 * 1024, idleMs: 1000 });
  const stalled = await rawConnection(address);
  stalled.pause();
  stalled.write("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await eventually("a second large answer is refused", async () => {
    return (await get(address, "/large")).status === 429;
  });
  await eventually("the silent reader is cut off", async () => {
    return (await get(address, "/large")).status === 200;
  });
  stalled.destroy();
});
