// Tests the source of each value, and the errors for unusable values.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { StoreError } from "../../../src/base/errors.js";
import { daemonOptions } from "../../../src/config/daemon-options.js";
import { loadDaemonConfig } from "../../../src/config/load.js";
import { renderOptionsTable } from "../../../src/config/options-table.js";
import { defaultRoot, rootEnv, socketEnv } from "../../../src/base/default-paths.js";

function configFile(t: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "stasis-config-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "stasis.toml");
  writeFileSync(path, text);
  return path;
}

function failure(action: () => unknown): StoreError {
  try {
    action();
  } catch (error) {
    if (error instanceof StoreError) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: "expected an error" });
}

test("every value that is not set has its default", () => {
  const { config, origins } = loadDaemonConfig({ env: { XDG_DATA_HOME: "/data" } });
  assert.equal(config.listen, undefined);
  assert.equal(config.drainGraceMs, 30_000);
  assert.equal(config.chunkBytes, 512 * 1024);
  assert.equal(config.socket, join(config.root, "stasis.sock"));
  assert.equal(config.root, defaultRoot({ XDG_DATA_HOME: "/data" }));
  assert.equal(config.unauthenticatedTcp, "none");
  assert.equal(config.plaintextNetwork, false);
  assert.ok(Object.values(origins).every((origin) => origin === "default"));
});

test("the default socket is in the configured root", () => {
  const { config } = loadDaemonConfig({ flags: { root: "/srv/snapshots" } });
  assert.equal(config.socket, "/srv/snapshots/stasis.sock");
});

test("a flag takes precedence over the environment, then the file, then the default", (t) => {
  const file = configFile(t, 'drain_grace = "1m"\nmax_streams = 7\ngzip_level = 3\n');
  const { config, origins } = loadDaemonConfig({
    configFile: file,
    env: { STASIS_DRAIN_GRACE: "2m", STASIS_MAX_STREAMS: "8", STASIS_CONFIG: "/ignored" },
    flags: { "drain-grace": "3m" },
  });
  assert.equal(config.drainGraceMs, 180_000);
  assert.equal(config.maxStreams, 8);
  assert.equal(config.gzipLevel, 3);
  assert.deepEqual(
    [origins.drainGraceMs, origins.maxStreams, origins.gzipLevel, origins.zstdLevel],
    ["flag", "environment", "file", "default"],
  );
});

test("STASIS_CONFIG names the file, and an empty variable counts as unset", (t) => {
  const file = configFile(t, "plaintext_network = true\nreserve = 4096\n");
  const { config } = loadDaemonConfig({ env: { STASIS_CONFIG: file, STASIS_LISTEN: "" } });
  assert.equal(config.plaintextNetwork, true);
  assert.equal(config.reserveBytes, 4096);
  assert.equal(config.listen, undefined);
});

test("`none` disables one listener, but not both", () => {
  assert.equal(loadDaemonConfig({ flags: { listen: "none" } }).config.listen, undefined);
  const tcp = { listen: "127.0.0.1:0", tokens: "t.json" };
  assert.equal(loadDaemonConfig({ flags: { ...tcp, socket: "none" } }).config.socket, undefined);
  const error = failure(() => loadDaemonConfig({ flags: { listen: "none", socket: "none" } }));
  assert.equal(error.reason, "FIELD_INVALID");
});

test("the error for an invalid value names the key, the source, the accepted and the actual value", (t) => {
  const fromFlag = failure(() => loadDaemonConfig({ flags: { "drain-grace": "soon" } }));
  assert.match(fromFlag.message, /drain_grace: expected a duration .* from 0s to 1h, got "soon"/);
  assert.match(fromFlag.text, /flag --drain-grace/);
  const fromEnv = failure(() => loadDaemonConfig({ env: { STASIS_CHUNK: "2MiB" } }));
  assert.match(fromEnv.text, /chunk: .*4KiB to 1MiB, got "2MiB".*environment STASIS_CHUNK/);
  const file = configFile(t, "max_streams = 1.5\n");
  const fromFile = failure(() => loadDaemonConfig({ configFile: file }));
  assert.match(fromFile.text, /max_streams: expected a whole number .*got 1\.5.*stasis\.toml/);
});

test("an unknown key, a table and a malformed line in the file are refused", (t) => {
  const unknown = failure(() => loadDaemonConfig({ configFile: configFile(t, "drain_grase = 1") }));
  assert.match(unknown.text, /drain_grase: expected one of .*drain_grace/);
  const table = failure(() =>
    loadDaemonConfig({ configFile: configFile(t, "[listen]\nport = 1") }),
  );
  assert.match(
    table.message,
    /listen: expected a string, number, boolean or array of strings, got "a table"/,
  );
  const broken = failure(() => loadDaemonConfig({ configFile: configFile(t, "root = ") }));
  assert.match(broken.message, /not valid TOML/);
  const missing = failure(() => loadDaemonConfig({ configFile: "/nowhere/stasis.toml" }));
  assert.match(missing.message, /\/nowhere\/stasis\.toml cannot be read/);
});

const elsewhere = ["0.0.0.0:7420", "[::]:7420", "node7:7420", "10.0.0.1:1"];
const here = ["127.0.0.1:0", "127.8.8.8:1", "[::1]:7420", "localhost:7420"];

test("nobody is admitted over TCP without credentials unless the configuration says so", () => {
  for (const listen of [...elsewhere, ...here]) {
    const error = failure(() => loadDaemonConfig({ flags: { listen } }));
    const scope = here.includes(listen) ? "this-machine" : "network";
    assert.match(error.text, new RegExp(`--unauthenticated-tcp ${scope} lets `), listen);
    loadDaemonConfig({ flags: { listen, "unauthenticated-tcp": "network" } });
  }
  for (const listen of here) {
    loadDaemonConfig({ flags: { listen, "unauthenticated-tcp": "this-machine" } });
    loadDaemonConfig({ flags: { listen, tokens: "t.json" } });
  }
  for (const listen of elsewhere) {
    const flags = { listen, "unauthenticated-tcp": "this-machine" };
    assert.equal(failure(() => loadDaemonConfig({ flags })).reason, "FIELD_INVALID", listen);
  }
});

test("callers over TCP either need credentials or do not, and a configuration of both is refused", () => {
  const flags = { listen: "127.0.0.1:0", tokens: "t.json", "unauthenticated-tcp": "this-machine" };
  const error = failure(() => loadDaemonConfig({ flags }));
  assert.match(error.message, /^unauthenticated_tcp: expected "none", since tokens or client_ca/);
});

test("an option of earlier versions is refused, and the error names its replacement", (t) => {
  const listen = { listen: "0.0.0.0:1" };
  const expected = /insecure_listen: there is no such option any more .*unauthenticated_tcp = /;
  for (const sources of [
    { flags: { ...listen, "insecure-listen": true } },
    { flags: listen, env: { STASIS_INSECURE_LISTEN: "1" } },
    { flags: listen, configFile: configFile(t, "insecure_listen = true") },
  ]) {
    const error = failure(() => loadDaemonConfig(sources));
    assert.match(error.text, expected);
  }
});

test("other machines are admitted with TLS and credentials", (t) => {
  const tls = { "server-cert": "a.pem", "server-key": "a.key" };
  const listen = "0.0.0.0:7420";
  const noTokens = failure(() => loadDaemonConfig({ flags: { listen, ...tls } }));
  assert.match(noTokens.message, /asks for no credentials$/);
  const noTls = failure(() => loadDaemonConfig({ flags: { listen, tokens: "t.json" } }));
  assert.match(noTls.message, /no TLS$/);
  loadDaemonConfig({ flags: { listen, tokens: "t.json", "plaintext-network": true } });
  loadDaemonConfig({ flags: { listen, ...tls, tokens: "t.json" } });
  const flags = { listen, ...tls, "client-ca": "ca.pem" };
  loadDaemonConfig({ flags });
  const file = configFile(t, '[[identities]]\nname = "n"\nrole = "peer"\ncertificates = ["CN=n"]');
  const { identities } = loadDaemonConfig({ flags, configFile: file }).config;
  const expected = { name: "n", role: "peer", namePrefix: "", certificates: ["CN=n"] };
  assert.deepEqual(identities, [expected]);
});

test("certificates, keys and identities must be set together", (t) => {
  const alone = failure(() => loadDaemonConfig({ flags: { "server-cert": "a.pem" } }));
  assert.match(alone.message, /^server_key: /);
  const ca = failure(() => loadDaemonConfig({ flags: { "client-ca": "a.pem" } }));
  assert.match(ca.message, /^server_cert: /);
  const valid = 'name = "n"\nrole = "reader"\ncertificates = ["CN=n"]';
  const orphan = configFile(t, `[[identities]]\n${valid}`);
  assert.match(failure(() => loadDaemonConfig({ configFile: orphan })).message, /^client_ca: /);
  for (const [field, text] of [
    ["identities[0].role", valid.replace("reader", "king")],
    ["identities[0].certificates.0", valid.replace("CN=n", "n")],
    ["identities[0].name", valid.replace('"n"', '""')],
    ["identities[0].name_prefix", `${valid}\nname_prefix = "team"`],
    ["identities[0]", `${valid}\ncolour = "red"`],
    ["identities[1].certificates", `${valid}\n[[identities]]\n${valid}`],
  ] as const) {
    const bad = configFile(t, `[[identities]]\n${text}`);
    const error = failure(() => loadDaemonConfig({ configFile: bad }));
    assert.ok(error.message.startsWith(`${field}: `), `${field}: ${error.message}`);
  }
});

test("rules that concern several options are checked", () => {
  const chunk = failure(() => loadDaemonConfig({ flags: { "max-message": "512KiB" } }));
  assert.match(chunk.message, /^chunk: expected at most max_message/);
  const window = failure(() => loadDaemonConfig({ flags: { "connection-window": "1MiB" } }));
  assert.match(
    window.message,
    /^connection_window: expected at least stream_window, which is 4MiB/,
  );
  const idle = failure(() => loadDaemonConfig({ flags: { "gc-keep-last": 3 } }));
  assert.match(idle.text, /^gc_interval: expected a duration above 0 .*--gc-interval/);
  const ungrouped = { "gc-interval": "1h", "gc-group-by-label": "vm" };
  const group = failure(() => loadDaemonConfig({ flags: ungrouped }));
  assert.match(group.message, /^gc_group_by_label: expected gc_keep_last or gc_max_size/);
  const socket = failure(() => loadDaemonConfig({ flags: { root: `/${"x".repeat(120)}` } }));
  assert.match(socket.message, /^socket: expected a path of at most 107 bytes/);
});

test("flags and variables are named after the key, and the table has a row for each option", () => {
  const table = renderOptionsTable();
  for (const option of Object.values(daemonOptions)) {
    assert.equal(option.flag, option.key.replaceAll("_", "-"));
    assert.equal(option.env, `STASIS_${option.key.toUpperCase()}`);
    assert.ok(table.includes(`| \`${option.env}\` | \`${option.key}\` |`), option.key);
  }
  assert.deepEqual([rootEnv, socketEnv], [daemonOptions.root.env, daemonOptions.socket.env]);
  const columns = table
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/(?<!\\)\|/).length);
  assert.deepEqual(new Set(columns), new Set([8]));
});

test("valid combinations of options for peers are accepted, and errors name the key", (t) => {
  const read = (text: string) => loadDaemonConfig({ configFile: configFile(t, text) }).config.peers;
  const two =
    '[[peers]]\nname = "a"\naddress = "a:1"\n[[peers]]\nname = "b"\naddress = "unix:/s"\n';
  assert.deepEqual(
    read(two).map(({ name, address, tls }) => ({ name, address, tls })),
    [
      { name: "a", address: "a:1", tls: undefined },
      { name: "b", address: "unix:/s", tls: undefined },
    ],
  );
  const valid = '[[peers]]\nname = "a"\naddress = "a:1"\n';
  assert.deepEqual(read(`${valid}ca = "/ca.pem"`)[0]?.tls, {
    ...{ ca: "/ca.pem", cert: undefined, key: undefined, serverName: undefined },
  });
  assert.ok(read(`${valid}tls = true\ntoken_file = "/t"`)[0]?.tls);
  for (const [field, text] of [
    ["peers[0].name", valid.replace('"a"', '"a:b"')],
    ["peers[0].address", valid.replace("a:1", "a")],
    ["peers[0].address", valid.replace("a:1", "unix:")],
    ["peers[0].key", `${valid}cert = "/c.pem"`],
    ["peers[0].cert", `${valid}key = "/k.pem"`],
    ["peers[0].tls", `${valid}tls = false\nca = "/ca.pem"`],
    ["peers[0].tls", `${valid}token_file = "/t"`],
    ["peers[0].ca", `${valid}ca = 7`],
    ["peers[0]", `${valid}colour = "red"`],
    ["peers[1].name", `${valid}${valid}`],
    ["peers", "peers = 3"],
  ] as const) {
    const error = failure(() => read(text));
    assert.ok(error.message.startsWith(`${field}: `), `${field}: ${error.message}`);
  }
});

test("remotes have defaults, valid combinations are accepted, and errors name the key", (t) => {
  const read = (text: string) => loadDaemonConfig({ configFile: configFile(t, text) }).config;
  const valid = '[[remotes]]\nname = "cold"\nendpoint = "https://s3.test"\nbucket = "snapshots"\n';
  assert.deepEqual(read(valid).remotes, [
    {
      ...{ name: "cold", endpoint: "https://s3.test", bucket: "snapshots", prefix: "" },
      ...{ region: "us-east-1", anonymous: false, credentialsFile: undefined, profile: undefined },
      ...{ encryptionKeyFile: undefined, ca: undefined, forcePathStyle: true, maxRequests: 16 },
      ...{ maxRequestsPerSecond: 0, limitBytesPerSecond: 0, autoPush: undefined, keep: undefined },
    },
  ]);
  const more = `${valid}credentials_file = "/c"\nprefix = "a/b/"\nlimit = "10MiB"\nmax_requests = 4\n`;
  const [remote] = read(more).remotes;
  assert.equal(remote?.limitBytesPerSecond, 10 * 1024 * 1024);
  assert.equal(remote.prefix, "a/b/");
  const aws = valid.replace("https://s3.test", "https://s3.eu-west-1.amazonaws.com");
  assert.equal(read(aws).remotes[0]?.forcePathStyle, false);
  assert.equal(read(`${aws}force_path_style = true`).remotes[0]?.forcePathStyle, true);
  const selects = `auto_push = { name_prefix = "prod/"`;
  const [kept] = read(`${valid}${selects} }\nkeep = { last = 10, daily = 7 }`).remotes;
  assert.deepEqual(kept?.autoPush, { namePrefix: "prod/", labels: {} });
  assert.deepEqual(kept.keep, { last: 10, daily: 7 });
  const peer = '[[peers]]\nname = "cold"\naddress = "a:1"\n';
  for (const [field, text] of [
    ["remotes[0].name", valid.replace('"cold"', '"a:b"')],
    ["remotes[0].name", peer + valid],
    ["remotes[1].name", valid + valid],
    ["remotes[0].endpoint", valid.replace("https://s3.test", "s3.test")],
    ["remotes[0].endpoint", valid.replace("s3.test", "s3.test/path")],
    ["remotes[0].endpoint", valid.replace("s3.test", "key:secret@s3.test")],
    ["remotes[0].endpoint", `${valid.replace("https", "http")}ca = "/ca.pem"`],
    ["remotes[0].bucket", valid.replace('"snapshots"', '"Snap/shots"')],
    ["remotes[0].prefix", `${valid}prefix = "a"`],
    ["remotes[0].prefix", `${valid}prefix = "/a/"`],
    ["remotes[0].prefix", `${valid}prefix = "a//b/"`],
    ["remotes[0].prefix", `${valid}prefix = "../"`],
    ["remotes[0].limit", `${valid}limit = "fast"`],
    ["remotes[0].max_requests", `${valid}max_requests = 0`],
    ["remotes[0].anonymous", `${valid}anonymous = true\ncredentials_file = "/c"`],
    ["remotes[0].auto_push.name_prefix", `${valid}auto_push = {}`],
    ["remotes[0].auto_push.name_prefix", `${valid}auto_push = { name_prefix = "" }`],
    ["remotes[0].auto_push.labels.keep", `${valid}${selects}, labels = { keep = 1 } }`],
    ["remotes[0].keep", `${valid}keep = { last = 1 }`],
    ["remotes[0].keep", `${valid}${selects} }\nkeep = {}`],
    ["remotes[0].keep.last", `${valid}${selects} }\nkeep = { last = 0 }`],
    ["remotes[0]", `${valid}offload_after = "7d"`],
    ["remotes", "remotes = 3"],
  ] as const) {
    const error = failure(() => read(text));
    assert.ok(error.message.startsWith(`${field}: `), `${field}: ${error.message}`);
  }
});
