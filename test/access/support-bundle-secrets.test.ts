// Tests that no secret leaves the node in a support bundle: no bundle contains credentials, and
// with --no-names a bundle contains no names.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect } from "../../src/client/index.js";
import { daemonOptions } from "../../src/config/daemon-options.js";
import { changeTokenFile, makeToken } from "../../src/config/token-file.js";
import { createOn } from "../replication/nodes.js";
import { makeSmallSource, packDirectory } from "../store/contents.js";
import { flip } from "../store/damages.js";
import { takeBundle, type Bundle } from "../support/bundle.js";
import { makeScratch } from "../support/daemon.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { get } from "../support/http.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { makeAuthority } from "./certificates.js";

/**
 * The values of these options appear in a bundle. No option here is a credential, because files
 * with credentials are only named. A new option belongs here, or src/config/shown-config.ts must
 * hide it.
 */
const shownOptions = [
  ...["root", "data_group", "listen", "socket", "admin_listen", "unauthenticated_tcp"],
  ...["plaintext_network", "socket_mode", "socket_group", "socket_role", "allowed_directories"],
  ...["server_cert", "server_key", "client_ca", "tokens", "reflection", "log_level", "access_log"],
  ...["drain_grace", "max_connections", "max_streams", "max_streams_per_identity", "max_watchers"],
  ...["max_events", "stream_window", "connection_window", "max_message", "max_upload", "max_ratio"],
  ...["chunk", "gzip_level", "zstd_level", "access_flush", "request_retention", "stream_idle"],
  ...["reserve", "max_store", "prefix_quota", "advertise", "replication_limit", "peer_idle"],
  ...["transfer_ttl", "scrub_interval", "scrub_limit", "gc_interval", "gc_keep_last", "gc_max_age"],
  ...["gc_max_size", "gc_group_by_label"],
];
const cutOptions = ["otlp_endpoint"];

test("every option is either shown or hidden", () => {
  const keys = Object.values(daemonOptions).map(({ key }) => key);
  assert.deepEqual(keys.sort(), [...shownOptions, ...cutOptions].sort());
});

const endpoint =
  "http://otlpuser:otlp-pass-1@127.0.0.1:9/otlp-path-key-0123456789?key=otlp-query-1";
const environment = {
  OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=otlp-header-1,authorization=Bearer%20otlp-bearer-1",
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: "api-key=otlp-header-2",
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "https://metricsuser:metrics-pass-1@collector.example/v1",
  OTEL_BSP_SCHEDULE_DELAY: "20",
  STASIS_UNKNOWN_PASSWORD: "environment-pass-1",
};

/**
 * Starts a daemon with a secret in each place that can have one. Some of the secrets also occur in
 * its log.
 */
async function startWithSecrets(t: TestContext) {
  const scratch = await makeScratch(t, "stasis-secrets-");
  const authority = await makeAuthority(scratch, "authority");
  const server = await authority.issue("server", { names: "IP:127.0.0.1" });
  const own = makeToken(
    { name: "op", role: "operator", namePrefix: "", expiresAt: undefined },
    new Date(),
  );
  const tokens = join(scratch, "tokens.json");
  changeTokenFile(tokens, () => [own.record]);
  const peerToken = join(scratch, "peer-token");
  await writeFile(peerToken, "stasis_0123456789ab_peertokenpeertokenpeertokenpeertokenpeertok\n");
  const configFile = join(scratch, "stasis.toml");
  await writeFile(
    configFile,
    [
      `tokens = "${tokens}"`,
      `server_cert = "${server.cert}"`,
      `server_key = "${server.key}"`,
      `client_ca = "${authority.cert}"`,
      `otlp_endpoint = "${endpoint}"`,
      `advertise = "user:advertise-pass-1@node1:7420"`,
      "[[peers]]",
      'name = "node7"',
      'address = "127.0.0.1:7420"',
      `ca = "${authority.cert}"`,
      `token_file = "${peerToken}"`,
    ].join("\n"),
  );
  const root = join(scratch, "root");
  const daemon = await startDaemonProcess(root, { config: configFile, tokens }, environment);
  t.after(() => daemon.kill());
  const key = (await readFile(server.key, "utf8")).split("\n")[1] ?? "";
  const secrets = [
    ...[own.token.slice(20), own.record.sha256, "peertokenpeer", key],
    ...["otlpuser", "otlp-pass-1", "otlp-path-key-0123456789", "otlp-query-1"],
    ...["otlp-header-1", "otlp-bearer-1", "otlp-header-2", "metrics-pass-1"],
    ...["environment-pass-1", "advertise-pass-1"],
  ];
  return { scratch, root, daemon, configFile, token: own.token, secrets };
}

function assertWithout(bundle: Bundle, secrets: readonly string[]): void {
  for (const secret of secrets) {
    assert.ok(secret.length >= 6, secret);
    for (const [file, text] of bundle.files) {
      assert.ok(!text.includes(secret), `${file} contains ${secret}`);
    }
  }
}

test("a bundle contains no secret of an option or of a caller in the log", async (t) => {
  const { scratch, root, daemon, token, secrets } = await startWithSecrets(t);
  const env = { STASIS_ADDR: daemon.address };
  // Users make such mistakes: each of these texts is logged as the name of a snapshot or of a peer.
  const mistakes = [
    token,
    "https://user:url-pass-1@example.com/x?sig=url-query-1",
    "authorization: Bearer header-bearer-1",
    "password=written-pass-1",
    // Only the daemon knows that this text is a secret.
    "otlp-header-1",
  ];
  for (const text of mistakes) await runStasis(["inspect", text], { env });
  for (const text of mistakes) await runStasis(["rm", text], { env });
  await runStasis(["pull", "user:peer-pass-1@127.0.0.1:9", "x"], { env });
  await eventually("the log of the exporter", () =>
    daemon.output().includes("traces could not be sent"),
  );
  const logged = [
    ...["url-pass-1", "url-query-1", "header-bearer-1", "written-pass-1"],
    ...["otlp-header-1", token.slice(20)],
  ];
  // Without these lines in the log, the search below would prove nothing.
  for (const secret of logged) {
    assert.ok(daemon.output().includes(secret), `the log does not contain ${secret}`);
  }
  const bundle = await takeBundle(scratch, [], { env });
  assert.equal(bundle.code, 0, bundle.stderr);
  assertWithout(bundle, [...secrets, ...logged, "peer-pass-1"]);
  // The daemon itself returns no secret, whichever program sends the request.
  const { body } = await get(`unix:${join(root, "admin.sock")}`, "/api/support/log");
  for (const secret of logged) assert.ok(!body.includes(secret), `the daemon gives ${secret}`);
  const { options, environment: names } = bundle.json("config.json") as {
    options: Record<string, unknown>;
    environment: string[];
  };
  assert.equal(options["otlp_endpoint"], "http://127.0.0.1:9/<hidden>");
  assert.ok(names.includes("OTEL_EXPORTER_OTLP_HEADERS"));
  const log = bundle.files.get("log.jsonl") ?? "";
  assert.match(log, /stasis_[0-9a-f]{12}_<hidden>/);
  for (const line of log.trim().split("\n")) JSON.parse(line);
});

test("a bundle without a daemon contains no secret, even if the file is invalid", async (t) => {
  const { scratch, root, daemon, configFile, secrets } = await startWithSecrets(t);
  await daemon.kill();
  const args = ["--addr", daemon.address, "--config", configFile, "--root", root];
  const whole = await takeBundle(scratch, args, { env: environment });
  assert.ok(whole.files.has("config-file.json"), whole.stderr);
  assertWithout(whole, secrets);
  const good = await readFile(configFile, "utf8");
  const wrong = [
    "password = unquoted-pass-1\n",
    'key = "quoted-pass-1"\n',
    'tokens = "torn-pass-1\n',
  ];
  for (const line of wrong) {
    await writeFile(configFile, line + good);
    const bundle = await takeBundle(scratch, args, { env: environment });
    assert.match(bundle.stderr, /not collected: config-file\.json: /);
    assertWithout(bundle, [...secrets, "unquoted-pass-1", "quoted-pass-1", "torn-pass-1"]);
    assert.ok(!bundle.stderr.includes("-pass-1"), bundle.stderr);
  }
});

test("--no-names leaves out every name that a user chose", async (t) => {
  const scratch = await makeScratch(t, "stasis-names-");
  const root = join(scratch, "root");
  const tokens = join(scratch, "tokens.json");
  changeTokenFile(tokens, () => []);
  await using daemon = await startDaemonProcess(root, { tokens, "access-log": "all" });
  await using client = connect(daemon.address);
  const source = await makeSmallSource(join(scratch, "source"));
  const labels = { "zebra-key": "zebra-value" };
  const { snapshot } = await client.create(
    { config: { name: "zebra-one", labels, description: "zebra-text", image: "zebra-image" } },
    packDirectory(source),
  );
  await createOn({ client }, source, "zebra-two");
  const identity = { name: "zebra-caller", role: "operator", namePrefix: "zebra-" } as const;
  const made = makeToken({ ...identity, expiresAt: undefined }, new Date());
  changeTokenFile(tokens, () => [made.record]);
  await using tenant = connect(daemon.tcpAddress, { token: made.token });
  await eventually("the token is known", () =>
    tenant.list().then(
      () => true,
      () => false,
    ),
  );
  await assert.rejects(tenant.inspect("zebra-absent"));
  await assert.rejects(createOn({ client: tenant }, source, "zebra-two"));
  await assert.rejects(client.exportToDirectory({ ref: "zebra-one", directory: "/zebra/x" }));
  await using _held = await client.openDataDirectory({ ref: "zebra-two" });
  const id = snapshot?.config?.id ?? "";
  await flip(join(root, "data", id, "files", "cow.raw"), 65536);
  for await (const verdict of client.verify({ ref: id })) void verdict;

  const env = { STASIS_ADDR: daemon.address };
  const named = await takeBundle(scratch, [], { env });
  for (const file of ["log.jsonl", "activity.json", "damage.json", "check.json"]) {
    assert.match(named.files.get(file) ?? "", /zebra-/, file);
  }
  const bundle = await takeBundle(scratch, ["--no-names"], { env });
  assert.equal(bundle.code, 0, bundle.stderr);
  assertWithout(bundle, ["zebra-"]);
  assert.ok(!bundle.all.includes("/zebra"));
  // The bundle still describes what happened.
  assert.deepEqual(bundle.json("damage.json")["damaged"], [id]);
  const log = bundle.files.get("log.jsonl") ?? "";
  assert.match(log, /"method":"stasis\.v1\.SnapshotService\/Inspect".*"code":"NOT_FOUND"/);
  assert.match(log, /"message":"started"/);
});
