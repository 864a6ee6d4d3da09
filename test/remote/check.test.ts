// Tests `stasis remote check` and `stasis remote list` through the CLI with and without a daemon.
// The engine is good over http and https, lacks permissions, or misbehaves through a proxy.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { connect } from "../../src/client/index.js";
import { unobservedRemotes } from "../../src/observe/ports.js";
import { tryRemote, type LitmusVerdict } from "../../src/remote/s3/litmus.js";
import type { LitmusStep } from "../../src/remote/s3/litmus-step.js";
import { openRemoteBucket, readRemote } from "../../src/remote/s3/remote-bucket.js";
import { signedHeaders } from "../../src/remote/s3/sign.js";
import { makeAuthority } from "../access/certificates.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import {
  engineBucket,
  engineProgram,
  noEngine,
  fewAttempts,
  remoteAt,
  startEngine,
  type Engine,
} from "../support/engine.js";
import { failsWith } from "../support/errors.js";
import { errorXml, startFaultyProxy } from "../support/faulty-proxy.js";
import { get } from "../support/http.js";
import { withScratchDir } from "../support/scratch.js";
import { runStasis } from "../unit/cli/run-stasis.js";

const skip = noEngine;
const run = promisify(execFile);
const { signal } = new AbortController();

type Keys = Engine["keys"];

function environment({ accessKeyId, secretAccessKey }: Keys): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
}

interface Report {
  readonly steps: Readonly<Record<string, LitmusStep>>;
  readonly verdict: LitmusVerdict;
}

async function check(
  endpoint: string,
  keys: Keys,
  { table = {}, rounds = 5 }: { table?: Readonly<Record<string, unknown>>; rounds?: number } = {},
): Promise<Report> {
  const open = readRemote(remoteAt(endpoint, table), environment(keys), fewAttempts);
  const steps: Record<string, LitmusStep> = {};
  for await (const event of tryRemote(open, unobservedRemotes, { rounds, signal })) {
    if (event.kind === "verdict") return { steps, verdict: event.verdict };
    steps[event.step.name] = event.step;
  }
  return assert.fail("no verdict");
}

function outcomes({ steps }: Report): Record<string, string> {
  return Object.fromEntries(Object.values(steps).map(({ name, outcome }) => [name, outcome]));
}

async function left(engine: Engine): Promise<string[]> {
  const names = await readdir(engine.directory, { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map(({ name }) => name);
}

const good = [
  ...["list", "put", "get", "delete", "missing_key", "ranges", "keys", "pages", "cut_upload"],
  ...["payload_hash", "checksum_header", "clock", "read_after_put", "list_after_put"],
  ...["read_after_delete", "list_after_delete", "cleanup"],
];

test("a good engine passes every step, and the check leaves no objects", { skip }, async () => {
  await using engine = await startEngine();
  const report = await check(engine.endpoint, engine.keys);
  assert.deepEqual(outcomes(report), Object.fromEntries(good.map((name) => [name, "passed"])));
  assert.equal(report.verdict.usability, "usable");
  assert.deepEqual(await left(engine), []);
});

test("over https uploads carry a checksum if the engine checks it", { skip }, () =>
  withScratchDir(async (scratch) => {
    const authority = await makeAuthority(scratch, "authority");
    const tls = await authority.issue("engine", { names: "IP:127.0.0.1" });
    await using engine = await startEngine({ tls });
    const table = { ca: authority.cert };
    const report = await check(engine.endpoint, engine.keys, { table });
    assert.equal(report.verdict.usability, "usable");
    assert.match(report.steps["checksum_header"]?.detail ?? "", /is refused: uploads use it/);
    const open = readRemote(remoteAt(engine.endpoint, table), environment(engine.keys));
    using bucket = openRemoteBucket(open, unobservedRemotes);
    await bucket.put("a", Buffer.from("over TLS"), signal);
    assert.equal(String(await bucket.get("a", { maxBytes: 100, signal })), "over TLS");

    const strange = await makeAuthority(scratch, "strange");
    const untrusting = await check(engine.endpoint, engine.keys, { table: { ca: strange.cert } });
    assert.equal(untrusting.verdict.usability, "unusable");
    assert.match(untrusting.steps["list"]?.detail ?? "", /certificate is not accepted: set ca/);
    assert.equal(untrusting.steps["put"], undefined);
    const missing = remoteAt(engine.endpoint, { ca: join(scratch, "none.pem") });
    assert.throws(() => readRemote(missing, {}), /remote cold: ca cannot be read: ENOENT/);
  }),
);

test(
  "with wrong keys or a missing bucket one step fails, and says what to do",
  { skip },
  async () => {
    await using engine = await startEngine();
    const wrong = await check(engine.endpoint, { ...engine.keys, secretAccessKey: "wrong" });
    assert.equal(wrong.verdict.usability, "unusable");
    assert.match(wrong.steps["list"]?.detail ?? "", /SignatureDoesNotMatch.*Check the secret key/);
    assert.deepEqual(wrong.verdict.missingActions, []);
    const none = await check(engine.endpoint, engine.keys, { table: { bucket: "nothing" } });
    assert.match(none.steps["list"]?.detail ?? "", /NoSuchBucket.*Make the bucket first/);
    assert.equal(none.steps["cleanup"]?.outcome, "skipped");
  },
);

test("each missing permission is reported, and no other", { skip }, async () => {
  await using engine = await startEngine({ accounts: true });
  const keys = { accessKeyId: "limited", secretAccessKey: "limitedsecret" };
  const root = engine.keys;
  await run(engineProgram, [
    ...["admin", "--access", root.accessKeyId, "--secret", root.secretAccessKey],
    ...["--endpoint-url", engine.endpoint, "create-user", "--role", "user"],
    ...["--access", keys.accessKeyId, "--secret", keys.secretAccessKey],
  ]);
  const all = ["s3:ListBucket", "s3:PutObject", "s3:GetObject", "s3:DeleteObject"];
  const whole = `arn:aws:s3:::${engineBucket}`;
  const statement = (actions: readonly string[], resource: string) => ({
    ...{ Effect: "Allow", Principal: { AWS: [keys.accessKeyId] }, Resource: resource },
    Action: actions,
  });
  for (const missing of ["", ...all]) {
    const objects = all.slice(1).filter((action) => action !== missing);
    const lists = missing === "s3:ListBucket" ? [] : [statement(["s3:ListBucket"], whole)];
    await putPolicy(engine, [...lists, statement(objects, `${whole}/*`)]);
    const { verdict } = await check(engine.endpoint, keys, { rounds: 1 });
    assert.deepEqual(verdict.missingActions, missing === "" ? [] : [missing]);
    assert.equal(verdict.usability, missing === "" ? "usable" : "unusable", verdict.summary);
    if (missing !== "") assert.ok(verdict.summary.includes(`Allow the credentials ${missing}.`));
    assert.equal(verdict.objectsLeft > 0, missing === "s3:DeleteObject");
  }
});

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const event of events) void event;
}

/** Sets the policy of the bucket, which only the root account may do. */
async function putPolicy({ endpoint, keys }: Engine, statements: readonly object[]): Promise<void> {
  const body = JSON.stringify({ Version: "2012-10-17", Statement: statements });
  const sha256 = createHash("sha256").update(body).digest("hex");
  const { host, hostname, port } = new URL(endpoint);
  const path = `/${engineBucket}?policy=`;
  const unsigned = { host, "x-amz-content-sha256": sha256, "content-length": String(body.length) };
  const headers = signedHeaders({ method: "PUT", path, headers: unsigned }, "us-east-1", keys);
  const sent = httpRequest({ host: hostname, port, method: "PUT", path, headers, agent: false });
  sent.end(body);
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const text = Buffer.concat(await answer.toArray()).toString();
  assert.ok((answer.statusCode ?? 0) < 300, text);
}

test("an engine that ignores ranges or lists late is unusable", { skip }, async () => {
  await using engine = await startEngine();
  await using proxy = await startFaultyProxy(engine.endpoint);
  proxy.failAll("get", { kind: "change", status: 200 });
  const whole = await check(proxy.endpoint, engine.keys);
  assert.equal(whole.verdict.usability, "unusable");
  assert.match(whole.steps["ranges"]?.detail ?? "", /the whole object instead of the range/);
  proxy.failAll("get", undefined);
  const empty =
    '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';
  proxy.failAll("list", { kind: "answer", status: 200, body: empty });
  const late = await check(proxy.endpoint, engine.keys);
  assert.equal(late.steps["list_after_put"]?.outcome, "failed");
  assert.match(late.verdict.summary, /^Do not use this remote: .*list_after_put/);
  proxy.failAll("list", undefined);
  assert.deepEqual(await left(engine), []);
});

test(
  "an engine that fails sometimes is retried, and a wrong clock is noted",
  { skip },
  async () => {
    await using engine = await startEngine();
    await using proxy = await startFaultyProxy(engine.endpoint);
    const date = new Date(Date.now() + 600_000).toUTCString();
    proxy.failNext("put", { kind: "answer", status: 503, body: errorXml("SlowDown") });
    proxy.failNext("list", { kind: "reset-after" });
    proxy.failAll("head", { kind: "change", headers: { date } });
    const report = await check(proxy.endpoint, engine.keys);
    assert.equal(report.verdict.usability, "limited");
    assert.equal(report.steps["clock"]?.outcome, "noted");
    assert.match(report.steps["clock"].detail, /^this node's clock is [56]\d\d s behind/);
  },
);

test("an aborted check ends at once", { skip }, async () => {
  await using engine = await startEngine();
  const stop = new AbortController();
  const open = readRemote(remoteAt(engine.endpoint), environment(engine.keys), fewAttempts);
  await assert.rejects(async () => {
    for await (const event of tryRemote(open, unobservedRemotes, { signal: stop.signal })) {
      if (event.kind === "step" && event.step.name === "ranges") stop.abort(new Error("enough"));
    }
  }, /enough/);
});

test("the CLI follows the daemon's configuration, or --config without a daemon", { skip }, () =>
  withScratchDir(async (scratch) => {
    await using engine = await startEngine();
    const config = join(scratch, "stasis.toml");
    const credentials = join(scratch, "credentials");
    const { accessKeyId, secretAccessKey } = engine.keys;
    const keys = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
    await writeFile(credentials, `[default]\n${keys}`, { mode: 0o644 });
    await writeFile(config, "");
    const flags = { config, "admin-listen": "127.0.0.1:0", "unauthenticated-tcp": "this-machine" };
    await using daemon = await startDaemonProcess(join(scratch, "root"), flags);
    const stasis = (...args: string[]) => runStasis(["--addr", daemon.address, ...args]);
    const unknown = await stasis("remote", "check", "cold");
    assert.equal(unknown.code, 7);
    assert.match(unknown.stderr, /remote: expected a remote, got "cold".*which has none/s);

    await writeFile(
      config,
      `[[remotes]]\nname = "cold"\nendpoint = "${engine.endpoint}"\nbucket = "${engineBucket}"\n` +
        `prefix = "prod/"\ncredentials_file = "${credentials}"\n`,
    );
    const list = await stasis("remote", "list");
    assert.match(list.stdout, /^NAME +ENDPOINT +BUCKET +PREFIX +REGION\ncold +http:.* +prod\/ /);
    const checked = await stasis("remote", "check", "cold", "--rounds", "2");
    assert.equal(checked.code, 0, checked.stderr);
    assert.match(checked.stderr, /^passed +list_after_put +2 of 2 were seen at once$/m);
    assert.equal(
      checked.stdout,
      "This remote can be used: the object store keeps what stasis relies on.\n",
    );
    const json = await stasis("--json", "remote", "check", "cold", "--rounds", "1");
    const { steps, verdict } = JSON.parse(json.stdout) as {
      steps: { name: string; outcome: string }[];
      verdict: { usability: string; objectsLeft: number };
    };
    assert.deepEqual(
      steps.map(({ name }) => name),
      good,
    );
    assert.deepEqual([verdict.usability, verdict.objectsLeft], ["REMOTE_USABILITY_USABLE", 0]);

    daemon.signal("SIGHUP");
    await daemon.line(/^SIGHUP: read .*\[\[remotes\]\].*$/);
    await daemon.line(/"option":"remotes\.cold\.credentials_file"/);
    assert.ok(!daemon.output().includes(secretAccessKey));
    await using client = connect(daemon.address);
    const rounds = client.checkRemote({ remote: "cold", rounds: -1 });
    await failsWith(drain(rounds), "FIELD_INVALID");

    const [, admin = ""] = await daemon.line(/^admin page on (127\.0\.0\.1:\d+)$/);
    const { body } = await get(admin, "/metrics");
    const puts =
      /^stasis_remote_http_requests_total\{remote="cold",kind="put",outcome="ok"\} (\d+)$/m;
    assert.ok(Number(puts.exec(body)?.[1]) > 10);
    assert.match(body, /^stasis_remote_sent_bytes_total\{remote="cold"\} \d+$/m);

    const offline = await runStasis(["remote", "list", "--config", config, "--json"]);
    assert.equal(offline.code, 0, offline.stderr);
    assert.match(offline.stdout, /"endpoint": "http:/);
    await writeFile(credentials, "[default]\naws_access_key_id = a\naws_secret_access_key = b\n");
    const refused = await runStasis(["remote", "check", "cold", "--config", config]);
    assert.equal(refused.code, 11);
    assert.match(refused.stdout, /^Do not use this remote: these steps have failed: list\.\n$/);
    assert.match(refused.stderr, /^FAILED +list .*does not know this access key/m);
  }),
);
