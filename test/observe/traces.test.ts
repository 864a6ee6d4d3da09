// Tests the traces of real daemons, which the real exporter sends to a receiver. They show the
// steps of an upload, and a pull that continues at the peer.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect, type Client } from "../../src/client/index.js";
import { createLogger } from "../../src/base/logger.js";
import { inSpan } from "../../src/observe/spans.js";
import { startTracing } from "../../src/observe/tracing.js";
import { makeSmallSource } from "../store/contents.js";
import { createOn, pull } from "../replication/nodes.js";
import { collect } from "../store/contents.js";
import { makeScratch } from "../support/daemon.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from "./otlp-receiver.js";

const soon = { OTEL_BSP_SCHEDULE_DELAY: "50" };
const snapshots = "stasis.v1.SnapshotService";

interface TracedNode {
  readonly process: DaemonProcess;
  readonly client: Client;
}

async function startTraced(
  t: TestContext,
  root: string,
  endpoint: string,
  env: Readonly<Record<string, string>> = {},
): Promise<TracedNode> {
  const flags = endpoint === "" ? {} : { "otlp-endpoint": endpoint };
  const process = await startDaemonProcess(
    root,
    { "access-log": "all", ...flags },
    {
      ...soon,
      ...env,
    },
  );
  const client = connect(process.address);
  t.after(async () => {
    client.close();
    await process.kill();
  });
  return { process, client };
}

/** Waits until the receiver has the span of a served call. This span ends after all others. */
async function served(receiver: OtlpReceiver, method: string): Promise<ReceivedSpan> {
  return eventually(`the span of ${method}`, () =>
    receiver.spans.find(({ name, kind }) => name === method && kind === 2),
  );
}

function childrenOf(receiver: OtlpReceiver, { traceId, spanId }: ReceivedSpan): string[] {
  return receiver.spans
    .filter((span) => span.parentId === spanId)
    .map((span) => {
      assert.equal(span.traceId, traceId);
      return span.name;
    })
    .sort();
}

test("a trace shows an upload, a download and a deletion step by step", async (t) => {
  const receiver = await startOtlpReceiver(t);
  const scratch = await makeScratch(t, "stasis-traces-");
  const all = { OTEL_TRACES_SAMPLER: "always_on" };
  const node = await startTraced(t, join(scratch, "root"), receiver.endpoint, all);
  const source = await makeSmallSource(join(scratch, "source"));
  await createOn(node, source, "one");
  const create = await served(receiver, `${snapshots}/Create`);
  assert.equal(create.parentId, "");
  assert.equal(create.service, "stasis");
  assert.equal(create.attributes.get("rpc.system"), "grpc");
  assert.equal(create.attributes.get("rpc.service"), snapshots);
  assert.equal(create.attributes.get("rpc.method"), "Create");
  assert.equal(create.attributes.get("rpc.grpc.status_code"), 0);
  assert.deepEqual(childrenOf(receiver, create), ["publish", "receive", "reserve"]);
  const publish = receiver.spans.find(({ name }) => name === "publish");
  assert.ok(publish);
  assert.deepEqual(childrenOf(receiver, publish), ["record", "sync"]);

  await collect((await node.client.restore("one")).bytes);
  const restore = await served(receiver, `${snapshots}/Restore`);
  assert.deepEqual(childrenOf(receiver, restore), ["open", "read"]);

  await node.client.delete("one");
  const deletion = await served(receiver, `${snapshots}/Delete`);
  await eventually("the purge", () => receiver.spans.some(({ name }) => name === "purge"));
  assert.deepEqual(childrenOf(receiver, deletion), ["purge", "put away", "tombstone"]);

  // A caller's mistake is not an error of the server.
  await assert.rejects(node.client.inspect("none"));
  const inspect = await served(receiver, `${snapshots}/Inspect`);
  assert.equal(inspect.attributes.get("rpc.grpc.status_code"), 5);
  assert.equal(inspect.attributes.get("stasis.reason"), "SNAPSHOT_NOT_FOUND");
  assert.equal(inspect.status, 0);

  // The access log line of the call contains the trace id.
  const [line] = await node.process.line(new RegExp(`^.*"access":true.*Create.*$`));
  assert.equal((JSON.parse(line) as { traceId?: string }).traceId, create.traceId);
});

test("some of many short reads are recorded, and all other calls are", async (t) => {
  const receiver = await startOtlpReceiver(t);
  const scratch = await makeScratch(t, "stasis-traces-");
  const node = await startTraced(t, join(scratch, "root"), receiver.endpoint);
  const source = await makeSmallSource(join(scratch, "source"));
  await createOn(node, source, "one");
  const reads = 200;
  for (let count = 0; count < reads; count++) await node.client.inspect("one");
  await node.client.delete("one");
  await served(receiver, `${snapshots}/Create`);
  await served(receiver, `${snapshots}/Delete`);
  const recorded = receiver.spans.filter(({ name }) => name === `${snapshots}/Inspect`).length;
  // One of 16 reads is chosen at random. In three of a million runs no read is chosen.
  assert.ok(recorded > 0 && recorded < reads / 2, `${recorded} of ${reads}`);
});

test("a pull continues at the peer, and a caller's trace continues at the daemon", async (t) => {
  const receiver = await startOtlpReceiver(t);
  const scratch = await makeScratch(t, "stasis-traces-");
  const from = await startTraced(t, join(scratch, "from"), receiver.endpoint);
  // The standard environment variable sets this endpoint.
  const to = await startTraced(t, join(scratch, "to"), "", {
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
    OTEL_SERVICE_NAME: "puller",
  });
  await createOn(from, await makeSmallSource(join(scratch, "source")), "one");
  {
    // This process traces its own work, and the client library joins its trace.
    const logger = createLogger("silent");
    await using _ = await startTracing({ endpoint: receiver.endpoint, logger });
    await inSpan("deploy", {}, () => pull(to, { source: from.process.address, ref: "one" }));
  }
  const service = "stasis.v1.ReplicationService";
  const pulled = await served(receiver, `${service}/Pull`);
  assert.equal(pulled.service, "puller");
  const deploy = receiver.spans.find(({ name }) => name === "deploy");
  assert.equal(pulled.parentId, deploy?.spanId);
  assert.equal(pulled.traceId, deploy?.traceId);
  const read = await served(receiver, `${service}/ReadBlocks`);
  await eventually("the span of the lease", () => manifests(receiver).length === 2);
  assert.equal(read.service, "stasis");
  const byId = new Map(receiver.spans.map((span) => [span.spanId, span]));
  assert.equal(byId.get(read.parentId)?.name, "fetch");
  assert.equal(byId.get(read.parentId)?.service, "puller");
  for (const manifest of manifests(receiver)) {
    assert.equal(manifest.traceId, pulled.traceId);
    assert.match(byId.get(manifest.parentId)?.name ?? "", /^(describe|manifest)$/);
  }
  assert.deepEqual(childrenOf(receiver, pulled).sort(), [
    ...["describe", "fetch", "manifest", "publish", "reserve"],
  ]);
});

function manifests({ spans }: OtlpReceiver): ReceivedSpan[] {
  return spans.filter(({ name }) => name === "stasis.v1.ReplicationService/GetManifest");
}

test("without the packages the daemon refuses to start and prints the command that installs them", async (t) => {
  const scratch = await makeScratch(t, "stasis-traces-");
  const hooks = `export async function resolve(name, context, next) {
    if (!name.startsWith("@opentelemetry/sdk")) return next(name, context);
    throw Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" });
  }`;
  const missing = join(scratch, "missing.mjs");
  await writeFile(
    missing,
    `import { register } from "node:module";
     register("data:text/javascript," + encodeURIComponent(${JSON.stringify(hooks)}));`,
  );
  const started = startDaemonProcess(
    join(scratch, "root"),
    { "otlp-endpoint": "http://127.0.0.1:4318" },
    { NODE_OPTIONS: `--import=${missing}` },
  );
  await assert.rejects(started, /npm install @opentelemetry\/sdk-trace-node@2/);
});

test("an unreachable collector delays nothing, and the daemon logs it", async (t) => {
  const scratch = await makeScratch(t, "stasis-traces-");
  const node = await startTraced(t, join(scratch, "root"), "http://127.0.0.1:9", {
    OTEL_EXPORTER_OTLP_TIMEOUT: "200",
  });
  await node.client.getInfo();
  await node.process.line(/traces could not be sent/);
  await node.client.getInfo();
});
