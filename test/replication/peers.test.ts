// Tests peers by name: over TLS with certificates or tokens, over a socket, and the errors.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { startScene, type AccessScene } from "../access/callers.js";
import { connect, isStoreError, type StoreError } from "../../src/client/index.js";
import { changeTokenFile } from "../../src/config/token-file.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { makeSmallSource } from "../store/contents.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { checkContent, createOn, pull, type Node } from "./nodes.js";

const identities = ["peer", "operator", "reader"]
  .map(
    (role) =>
      `[[identities]]\nname = "c-${role}"\nrole = "${role}"\ncertificates = ["DNS:${role}.example"]\n`,
  )
  .join("");

interface Pair {
  /** This node has the snapshot `web`. It requires TLS, and a certificate or a token. */
  readonly from: AccessScene;
  readonly source: string;
  /** This node has the peers of `configFile`. */
  readonly to: Node;
  readonly configFile: string;
  /** Replaces the peers. Each peer consists of the lines of its table without the name. */
  setPeers(
    peers: Readonly<Record<string, Readonly<Record<string, string | boolean>>>>,
  ): Promise<void>;
}

async function startPair(t: TestContext): Promise<Pair> {
  const from = await startScene(t, { identities });
  const operator = connect(from.address);
  t.after(() => operator.close());
  const source = await makeSmallSource(join(from.directory, "source"));
  await createOn({ ...from, client: operator }, source, "web");
  const configFile = join(await makeScratch(t, "stasis-peers-"), "stasis.toml");
  await writeFile(configFile, "");
  const daemon = await startTestDaemon(t, {}, { configFile });
  const client = connect(daemon.address);
  t.after(() => client.close());
  const to = { ...daemon, client };
  const setPeers: Pair["setPeers"] = (peers) =>
    writeFile(
      configFile,
      Object.entries(peers)
        .map(([name, keys]) => {
          const lines = Object.entries({ name, ...keys });
          return `[[peers]]\n${lines.map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join("")}`;
        })
        .join(""),
    );
  return { from, source, to, configFile, setPeers };
}

async function failureOf(to: Node, source: string): Promise<StoreError> {
  try {
    await pull(to, { source, ref: "web" });
  } catch (error) {
    if (isStoreError(error)) return error;
    throw error;
  }
  throw new Error("the pull went well");
}

test("a pull by certificate, by token or over a socket brings the snapshot", async (t) => {
  const { from, source, to, setPeers } = await startPair(t);
  const { tcpAddress: address, authority, directory } = from;
  const ca = authority.cert;
  const { cert, key } = await authority.issue("node", { names: "DNS:peer.example" });
  const tokenFile = join(directory, "node.token");
  await writeFile(tokenFile, `${from.newToken({ name: "node", role: "peer", namePrefix: "" })}\n`);
  await setPeers({
    certificate: { address, ca, cert, key },
    token: { address, ca, token_file: tokenFile },
    socket: { address: from.address },
    "socket-token": { address: from.address, token_file: tokenFile },
    renamed: { address, ca, cert, key, server_name: "localhost" },
  });
  for (const name of ["certificate", "token", "socket", "socket-token", "renamed"]) {
    await pull(to, { source: name, ref: "web", name });
    await checkContent(to, name, source);
  }
  await pull(to, { source: from.address, ref: "web", name: "by-address" });
});

test("a peer may only fetch, and other roles may not fetch", async (t) => {
  const { from, to, setPeers } = await startPair(t);
  const { tcpAddress: address, authority } = from;
  const ca = authority.cert;
  const peer = await authority.issue("node", { names: "DNS:peer.example" });
  const client = from.client(address, { tls: from.tls(peer) });
  for (const call of [
    () => client.list(),
    () => client.inspect("web"),
    () => client.delete("web"),
    () => client.listTransfers(),
  ]) {
    await assert.rejects(call(), { reason: "ROLE_INSUFFICIENT" });
  }
  const reader = await authority.issue("reader", { names: "DNS:reader.example" });
  const stranger = await authority.issue("stranger", { names: "DNS:stranger.example" });
  await setPeers({
    reader: { address, ca, ...reader },
    stranger: { address, ca, ...stranger },
    nobody: { address, ca },
  });
  for (const name of ["reader", "stranger", "nobody"]) {
    const { reason, text } = await failureOf(to, name);
    assert.equal(reason, "PEER_REFUSED", text);
    assert.match(text, new RegExp(`^peer ${name}: .*\\[\\[peers\\]\\] here`));
  }
});

test("a peer that is not in the file, and a peer with a wrong identity, are refused", async (t) => {
  const { from, to, setPeers } = await startPair(t);
  const { tcpAddress: address, authority, directory } = from;
  const alone = await failureOf(to, "node7");
  assert.match(alone.text, /^source: expected HOST:PORT or unix:PATH, since .* no \[\[peers\]\]/);
  const ca = authority.cert;
  const { cert: strange } = await authority.issue("strange");
  const { cert, key } = await authority.issue("node", { names: "DNS:peer.example" });
  await setPeers({
    b: { address, ca, cert, key, server_name: "elsewhere.example" },
    a: { address, ca: strange, cert, key },
    plain: { address },
    gone: { address: "127.0.0.1:1", ca },
    missing: { address, ca: join(directory, "none.pem") },
    "no-token": { address, ca, token_file: join(directory, "none.token") },
  });
  const unknown = await failureOf(to, "node7");
  assert.equal(unknown.reason, "FIELD_INVALID");
  assert.match(
    unknown.text,
    /source: expected one of the peers a, b, gone, missing, no-token, plain, HOST:PORT or unix:PATH, got "node7"/,
  );
  for (const name of ["a", "b", "plain", "gone"]) {
    const { reason, text } = await failureOf(to, name);
    assert.equal(reason, "DAEMON_UNREACHABLE", text);
    assert.match(text, new RegExp(`^peer ${name}: .* ca and server_name of the peer`));
  }
  const missing = await failureOf(to, "missing");
  assert.match(missing.text, /^ca of the peer missing cannot be read: ENOENT/);
  const noToken = await failureOf(to, "no-token");
  assert.match(noToken.text, /token_file of the peer no-token cannot be read: ENOENT/);
});

test("changes of peers and their tokens take effect while the daemon runs", async (t) => {
  const { from, to, setPeers } = await startPair(t);
  const { tcpAddress: address, authority, directory, tokens } = from;
  const tokenFile = join(directory, "node.token");
  const renew = () =>
    writeFile(tokenFile, from.newToken({ name: "node", role: "peer", namePrefix: "" }));
  await renew();
  await setPeers({ late: { address, ca: authority.cert, token_file: tokenFile } });
  await pull(to, { source: "late", ref: "web", name: "first" });
  changeTokenFile(tokens, () => []);
  assert.equal((await failureOf(to, "late")).reason, "PEER_REFUSED");
  await renew();
  await pull(to, { source: "late", ref: "web", name: "second" });
  await setPeers({});
  assert.equal((await failureOf(to, "late")).reason, "FIELD_INVALID");
});

test("for a push by name, the other daemon pulls by the name that it has for this one", async (t) => {
  const { from, source, to, setPeers } = await startPair(t);
  const { authority } = from;
  const ca = authority.cert;
  const operator = await authority.issue("operator", { names: "DNS:operator.example" });
  await setPeers({ hub: { address: from.tcpAddress, ca, ...operator } });
  await pull(to, { source: "hub", ref: "web", name: "mine" });
  // The hub does not know this node as a peer. The address comes from the request.
  const stasis = (...args: string[]) => runStasis(["--addr", to.tcpAddress, ...args]);
  const pushed = await stasis("push", "hub", "mine", "--as", "back", "--source", to.tcpAddress);
  assert.equal(pushed.code, 0, pushed.stderr);
  const client = from.client(from.address);
  await checkContent({ ...from, client }, "back", source);
  const unknown = await stasis("push", "hub", "mine", "--as", "again", "--source", "node3");
  assert.match(unknown.stderr, /peer hub: source: expected HOST:PORT or unix:PATH, .*"node3"/s);
  const nobody = await stasis("push", "hup", "mine");
  assert.match(nobody.stderr, /target: expected one of the peers hub, HOST:PORT/);
});
