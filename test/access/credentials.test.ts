// Tests authentication by certificate, token and socket, and the changes that need no restart.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { copyFile, readlink, symlink, writeFile } from "node:fs/promises";
import http2 from "node:http2";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { test } from "node:test";
import { pino } from "pino";
import { HealthCheckResponse_ServingStatus as Serving } from "../../gen/ts/grpc/health/v1/health_pb.js";
import type { WatchResponse } from "../../src/client/index.js";
import { changeTokenFile } from "../../src/config/token-file.js";
import { splitHostPort } from "../../src/base/host-port.js";
import { eventually } from "../support/eventually.js";
import { failsWith } from "../support/errors.js";
import { makeSmallSource, packDirectory } from "../store/contents.js";
import { startScene } from "./callers.js";
import { makeAuthority } from "./certificates.js";

const operator = { role: "operator", namePrefix: "" } as const;
const identities = `
[[identities]]
name = "by-name"
role = "reader"
certificates = ["CN=alice"]
[[identities]]
name = "by-uri"
role = "operator"
certificates = ["DNS:nobody.example", "URI:spiffe://node/1"]
`;

test("a certificate is matched by its common name or an alternative name", async (t) => {
  const scene = await startScene(t, { identities });
  const alice = await scene.authority.issue("alice");
  const node = await scene.authority.issue("node", { names: "DNS:x.example,URI:spiffe://node/1" });
  const mallory = await scene.authority.issue("mallory", { names: "DNS:alice" });
  assert.equal(
    (await scene.client(scene.tcpAddress, { tls: scene.tls(alice) }).list()).totalSize,
    0n,
  );
  await scene.client(scene.tcpAddress, { tls: scene.tls(node) }).collectGarbage();
  const unknown = scene.client(scene.tcpAddress, { tls: scene.tls(mallory) });
  assert.match(
    (await failsWith(unknown.list(), "CREDENTIALS_INVALID")).message,
    /CN=mallory, DNS:alice/,
  );
});

test("changes of identities take effect without a restart, unless the file is bad", async (t) => {
  const scene = await startScene(t, { identities });
  const alice = await scene.authority.issue("alice");
  const client = scene.client(scene.tcpAddress, { tls: scene.tls(alice) });
  await client.list();
  const { configFile = "" } = scene.config;
  await writeFile(configFile, "[[identities]]\nname = 7\n");
  await client.list();
  await writeFile(configFile, identities.replace("CN=alice", "CN=bob"));
  await failsWith(client.list(), "CREDENTIALS_INVALID");
  const bob = await scene.authority.issue("bob");
  await scene.client(scene.tcpAddress, { tls: scene.tls(bob) }).list();
});

test("a certificate of another authority, or an expired one, is not accepted", async (t) => {
  const scene = await startScene(t, { identities });
  const other = await makeAuthority(scene.directory, "other");
  const alice = await other.issue("alice");
  const tls = {
    ...(scene.tls() as object),
    cert: readFileSync(alice.cert),
    key: readFileSync(alice.key),
  };
  await failsWith(scene.client(scene.tcpAddress, { tls }).list(), "CREDENTIALS_INVALID");
  const old = await scene.authority.issue("alice", { days: -1 });
  await failsWith(
    scene.client(scene.tcpAddress, { tls: scene.tls(old) }).list(),
    "CREDENTIALS_INVALID",
  );
});

test("without credentials only health is answered, except over the socket", async (t) => {
  const scene = await startScene(t);
  const client = scene.client(scene.tcpAddress, { tls: scene.tls() });
  await failsWith(client.list(), "CREDENTIALS_INVALID");
  await failsWith(client.getInfo(), "CREDENTIALS_INVALID");
  assert.equal((await client.checkHealth()).status, Serving.SERVING);
  assert.equal((await scene.client(scene.address).list()).totalSize, 0n);
  const plain = scene.client(scene.tcpAddress);
  await failsWith(plain.list({}, { timeoutMs: 20_000 }), "DAEMON_UNREACHABLE");
});

test("the client refuses a daemon whose certificate it cannot trust", async (t) => {
  const scene = await startScene(t);
  const other = await makeAuthority(scene.directory, "other");
  const client = scene.client(scene.tcpAddress, { tls: { ca: readFileSync(other.cert) } });
  const error = await failsWith(client.list(), "DAEMON_UNREACHABLE");
  assert.match(error.hint ?? "", /--tls-ca/);
  const elsewhere = await scene.authority.issue("server", { names: "IP:127.0.0.2" });
  const flags = { "server-cert": elsewhere.cert, "server-key": elsewhere.key };
  const moved = await startScene(t, { flags });
  const wrongHost = moved.client(moved.tcpAddress, { tls: scene.tls() });
  await failsWith(wrongHost.list(), "DAEMON_UNREACHABLE");
  await failsWith(
    (async () => scene.client("db.example:1", { token: "x" }).list())(),
    "FIELD_INVALID",
  );
});

test("a token is valid until it expires or is revoked, without a restart", async (t) => {
  const scene = await startScene(t);
  const call = (token: string) =>
    scene.client(scene.tcpAddress, { tls: scene.tls(), token }).list();
  const good = scene.newToken({ name: "good", ...operator });
  const late = scene.newToken({ name: "late", ...operator }, new Date(Date.now() - 1));
  const soon = scene.newToken({ name: "soon", ...operator }, new Date(Date.now() + 3_600_000));
  assert.equal((await call(good)).totalSize, 0n);
  assert.equal((await call(soon)).totalSize, 0n);
  await failsWith(call(late), "CREDENTIALS_INVALID");
  const forged = `${good.slice(0, -2)}${good.endsWith("AA") ? "BB" : "AA"}`;
  await failsWith(call(forged), "CREDENTIALS_INVALID");
  await failsWith(call("stasis_000000000000_x"), "CREDENTIALS_INVALID");
  const client = scene.client(scene.tcpAddress, { tls: scene.tls(), token: good });
  await client.list();
  changeTokenFile(scene.tokens, (records) => records.filter(({ name }) => name !== "good"));
  await failsWith(client.list(), "CREDENTIALS_INVALID");
  await call(soon);
});

test("running calls end when their token is revoked, and others continue", async (t) => {
  const scene = await startScene(t);
  const tls = scene.tls();
  const [gone, stays] = ["gone", "stays"].map((name) => {
    const token = scene.newToken({ name, ...operator });
    return scene.client(scene.tcpAddress, { tls, token }).watch()[Symbol.asyncIterator]();
  });
  await gone?.next();
  await stays?.next();
  changeTokenFile(scene.tokens, (records) => records.filter(({ name }) => name !== "gone"));
  await failsWith(Promise.resolve(gone?.next()), "CREDENTIALS_INVALID");
  const source = await makeSmallSource(join(scene.scratch, "source"));
  await scene.client(scene.address).create({ config: { name: "a" } }, packDirectory(source));
  const { value } = (await stays?.next()) as { value: WatchResponse };
  assert.equal(value.snapshot?.config?.name, "a");
  await stays?.return?.(undefined);
});

test("under TLS the flow-control windows have the configured size", async (t) => {
  const scene = await startScene(t, { flags: { "stream-window": "3MiB" } });
  const session = http2.connect(`https://${scene.tcpAddress}`, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  await once(session, "remoteSettings");
  // Strangers get HTTP/2's initial windows.
  assert.equal(session.remoteSettings.initialWindowSize, 65_535);
  const token = scene.newToken({ name: "known", role: "reader", namePrefix: "" });
  const raised = once(session, "remoteSettings");
  const stream = session.request({
    ":method": "POST",
    ":path": "/stasis.v1.SnapshotService/List",
    "content-type": "application/grpc",
    te: "trailers",
    authorization: `Bearer ${token}`,
  });
  stream.on("error", () => undefined).end();
  await raised;
  assert.equal(session.remoteSettings.initialWindowSize, 3 * 1024 * 1024);
  await new Promise((resolve) => session.ping(resolve));
  assert.equal(session.state.remoteWindowSize, 64 * 1024 * 1024);
});

test("a wrong token is refused even if no token is needed", async (t) => {
  const scene = await startScene(t);
  const client = scene.client(scene.address, { token: "stasis_000000000000_x" });
  await failsWith(client.list(), "CREDENTIALS_INVALID");
});

test("a token file behind a symbolic link is changed in its place", async (t) => {
  const scene = await startScene(t);
  const token = scene.newToken({ name: "good", ...operator });
  const client = scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  await client.list();
  const link = join(scene.directory, "link.json");
  await symlink(scene.tokens, link);
  changeTokenFile(link, () => []);
  await failsWith(client.list(), "CREDENTIALS_INVALID");
  assert.equal(await readlink(link), scene.tokens);
});

test("the token file contains no token", async (t) => {
  const scene = await startScene(t);
  const token = scene.newToken({ name: "good", ...operator });
  const text = readFileSync(scene.tokens, "utf8");
  assert.ok(!text.includes(token.slice(-43)));
});

test("a renewed certificate is served without a restart, and a bad one is not", async (t) => {
  const scene = await startScene(t);
  const token = scene.newToken({ name: "good", ...operator });
  const before = await servedSerial(scene.tcpAddress);
  const running = scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  await running.list();
  const next = await scene.authority.issue("server", { names: "DNS:localhost,IP:127.0.0.1" });
  const { serverCert = "", serverKey = "" } = scene.config;
  // The files are replaced one after the other, so the key does not match the certificate in
  // between.
  await copyFile(next.cert, serverCert);
  assert.equal(await servedSerial(scene.tcpAddress), before);
  await copyFile(next.key, serverKey);
  await eventually(
    "the new certificate",
    async () => (await servedSerial(scene.tcpAddress)) !== before,
  );
  await running.list();
  await scene.client(scene.tcpAddress, { tls: scene.tls(), token }).list();
});

test("a partly written or invalid client_ca locks no caller out", async (t) => {
  const messages: string[] = [];
  const write = (text: string) => void messages.push(text);
  const scene = await startScene(t, { identities, logger: pino({}, { write }) });
  const client = { tls: scene.tls(await scene.authority.issue("alice")) };
  const { clientCa = "" } = scene.config;
  const whole = readFileSync(clientCa, "utf8");
  const bad = [
    whole.slice(0, whole.length / 2),
    "",
    "no certificate\n",
    whole + whole.slice(0, 99),
  ];
  for (const text of bad) {
    messages.length = 0;
    await writeFile(clientCa, text);
    await eventually("a word in the log", () =>
      Promise.resolve(messages.some((message) => message.includes("TLS files"))),
    );
    await scene.client(scene.tcpAddress, client).list();
  }
  const next = await makeAuthority(scene.directory, "next");
  await writeFile(clientCa, `# two\n${whole}\n${readFileSync(next.cert, "utf8")}`);
  const tls = scene.tls(await next.issue("alice"));
  await eventually("the new authority", async () => {
    const found = scene.client(scene.tcpAddress, { tls }).list();
    return found.then(
      () => true,
      () => false,
    );
  });
  await scene.client(scene.tcpAddress, client).list();
});

test("TLS below 1.2 is refused", async (t) => {
  const scene = await startScene(t);
  const { host, port } = splitHostPort(scene.tcpAddress) ?? { host: "", port: 0 };
  const version = {
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "ALL:@SECLEVEL=0",
  } as const;
  await assert.rejects(
    new Promise((resolve, reject) => {
      const socket = tlsConnect({ host, port, rejectUnauthorized: false, ...version }, () => {
        socket.destroy();
        resolve(undefined);
      });
      socket.once("error", reject);
    }),
    /protocol version|unsupported protocol|alert/i,
  );
});

async function servedSerial(address: string): Promise<string> {
  const { host, port } = splitHostPort(address) ?? { host: "", port: 0 };
  return await new Promise((resolve, reject) => {
    const options = { host, port, rejectUnauthorized: false, ALPNProtocols: ["h2"] };
    const socket = tlsConnect(options, () => {
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      resolve(serialNumber);
    });
    socket.once("error", reject);
  });
}
