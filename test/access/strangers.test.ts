// Tests attacks of strangers on other callers, and the owner of the token file after a change by
// root.
import assert from "node:assert/strict";
import { chmodSync, chownSync, readFileSync, statSync } from "node:fs";
import { once } from "node:events";
import http2 from "node:http2";
import { connect as tlsConnect, type TLSSocket } from "node:tls";
import { test, type TestContext } from "node:test";
import { splitHostPort } from "../../src/base/host-port.js";
import { changeTokenFile } from "../../src/config/token-file.js";
import { startScene, type AccessScene } from "./callers.js";

/** The daemon accepts this many unfinished requests from all callers together. */
const halfOpenCalls = 256;

async function openRaw(t: TestContext, scene: AccessScene): Promise<http2.ClientHttp2Session> {
  const ca = readFileSync(scene.authority.cert);
  const session = http2.connect(`https://${scene.tcpAddress}`, { ca });
  t.after(() => session.destroy());
  session.on("error", () => undefined);
  await once(session, "remoteSettings");
  return session;
}

test("half-open health checks of a stranger do not block other callers", async (t) => {
  const scene = await startScene(t);
  const session = await openRaw(t, scene);
  for (let n = 0; n < halfOpenCalls; n++) {
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => undefined).resume();
  }
  // The answer to the ping arrives after the daemon has read everything that was sent before.
  await new Promise((resolve) => session.ping(resolve));
  const token = scene.newToken({ name: "known", role: "reader", namePrefix: "" });
  const client = scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  assert.equal((await client.list()).totalSize, 0n);
  assert.equal((await scene.client(scene.address).list()).totalSize, 0n);
});

test("a TLS session is not resumed, and each handshake requests the certificate", async (t) => {
  const scene = await startScene(t);
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const first = await shakeHands(t, scene, { maxVersion });
    const session = await sessionOf(first);
    const second = await shakeHands(t, scene, { maxVersion, ...(session && { session }) });
    assert.equal(second.isSessionReused(), false, maxVersion);
  }
});

async function shakeHands(
  t: TestContext,
  scene: AccessScene,
  options: { readonly maxVersion: "TLSv1.2" | "TLSv1.3"; readonly session?: Buffer },
): Promise<TLSSocket> {
  const { port = 0 } = splitHostPort(scene.tcpAddress) ?? {};
  const ca = readFileSync(scene.authority.cert);
  const socket = tlsConnect({ host: "127.0.0.1", port, ca, ALPNProtocols: ["h2"], ...options });
  t.after(() => socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

/**
 * Waits for the first bytes of the daemon, and returns the TLS session with its ticket. The daemon
 * sends its tickets before those bytes, which begin HTTP/2.
 */
async function sessionOf(socket: TLSSocket): Promise<Buffer | undefined> {
  let session = socket.getSession();
  socket.on("session", (newer) => (session = newer));
  await once(socket, "data");
  return session;
}

const notRoot = process.getuid?.() === 0 ? false : "only root gives files away";

test(
  "after a change by root, the token file still belongs to the daemon's user",
  { skip: notRoot },
  async (t) => {
    const scene = await startScene(t);
    scene.newToken({ name: "gone", role: "operator", namePrefix: "" });
    assert.equal(statSync(scene.tokens).mode & 0o777, 0o600);
    const daemonsUser = 65_534;
    chownSync(scene.tokens, daemonsUser, daemonsUser);
    chmodSync(scene.tokens, 0o640);
    changeTokenFile(scene.tokens, () => []);
    const { uid, gid, mode } = statSync(scene.tokens);
    assert.deepEqual([uid, gid, mode & 0o777], [daemonsUser, daemonsUser, 0o640]);
  },
);
