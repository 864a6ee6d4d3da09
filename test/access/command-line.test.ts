// Tests the commands for tokens, and the options that present credentials, through the real
// program.
import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runStasis } from "../unit/cli/run-stasis.js";
import { startScene } from "./callers.js";

interface Created {
  readonly token: string;
  readonly id: string;
}

test("a token is made, used, listed and revoked", async (t) => {
  const scene = await startScene(t);
  const env = { STASIS_TOKENS: scene.tokens };
  const create = ["token", "create", "ci", "--role", "reader", "--name-prefix", "ci/"];
  const made = await runStasis([...create, "--expires", "1h", "--json"], { env });
  assert.equal(made.code, 0, made.stderr);
  const { token, id } = JSON.parse(made.stdout) as Created;
  assert.equal((await stat(scene.tokens)).mode & 0o777, 0o600);
  const tokenFile = join(scene.directory, "token");
  await writeFile(tokenFile, `${token}\n`);
  const list = ["ls", "--addr", scene.tcpAddress, "--tls-ca", scene.authority.cert];
  const listed = await runStasis([...list, "--token-file", tokenFile, "--json"]);
  assert.equal(listed.code, 0, listed.stderr);
  assert.equal(listed.stderr, "");
  const inEnvironment = {
    STASIS_ADDR: scene.tcpAddress,
    STASIS_TLS_CA: scene.authority.cert,
    STASIS_TOKEN_FILE: tokenFile,
  };
  const denied = await runStasis(["rm", "x"], { env: inEnvironment });
  assert.equal(denied.code, 10);
  assert.match(denied.stderr, /ci is a reader/);
  assert.equal((await runStasis(list)).code, 10);
  const shown = await runStasis(["token", "ls"], { env });
  assert.match(shown.stdout, new RegExp(`^${id}  reader  ci/ .* good +ci$`, "m"));
  assert.ok(!shown.stdout.includes(token));
  assert.equal((await runStasis(["token", "revoke", "nobody"], { env })).code, 7);
  assert.equal((await runStasis(["token", "revoke", id], { env })).stdout, `${id}\n`);
  const revoked = await runStasis(["ls"], { env: inEnvironment });
  assert.equal(revoked.code, 10);
});

test("a certificate is presented with --tls-cert and --tls-key", async (t) => {
  const identities = '[[identities]]\nname = "n"\nrole = "reader"\ncertificates = ["CN=n"]\n';
  const scene = await startScene(t, { identities });
  const { cert, key } = await scene.authority.issue("n");
  const tls = ["--tls-ca", scene.authority.cert, "--tls-cert", cert, "--tls-key", key];
  const info = await runStasis(["info", "--addr", scene.tcpAddress, ...tls]);
  assert.equal(info.code, 0, info.stderr);
  const half = await runStasis(["info", "--addr", scene.tcpAddress, ...tls.slice(0, 4)]);
  assert.equal(half.code, 7);
  const wrong = await runStasis(["info", "--addr", scene.tcpAddress, "--tls-ca", key]);
  assert.notEqual(wrong.code, 0);
});

test("tokens need a role, a file, and a prefix that ends", async (t) => {
  const scene = await startScene(t);
  const create = ["token", "create", "ci", "--tokens", scene.tokens];
  assert.equal((await runStasis(create)).code, 2);
  assert.equal((await runStasis(["token", "create", "ci", "--role", "reader"])).code, 2);
  const prefix = await runStasis([...create, "--role", "reader", "--name-prefix", "ci"]);
  assert.equal(prefix.code, 7);
});

test("the socket has the requested mode and group", async (t) => {
  const group = String(process.getgid?.() ?? 0);
  const flags = { "socket-mode": "0660", "socket-group": group };
  const { config } = await startScene(t, { flags });
  const { mode, gid } = await stat(config.socket ?? "");
  assert.equal(mode & 0o777, 0o660);
  assert.equal(String(gid), group);
});
