// Tests SIGTERM on the real program: running calls finish, and new calls are refused.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { HealthCheckResponse_ServingStatus } from "../../gen/ts/grpc/health/v1/health_pb.js";
import { ServerReflection } from "../../gen/ts/grpc/reflection/v1/reflection_pb.js";
import { connect, type Client, type Download } from "../../src/client/index.js";
import { firstAnswer, openCaller } from "../access/one-call.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { reopen } from "../support/reopen.js";
import { withScratchDir } from "../support/scratch.js";
import {
  collect,
  createGate,
  entriesOf,
  heldBack,
  makeSmallSource,
  makeSource,
  mib,
  packDirectory,
  piece,
} from "./contents.js";

/** The size exceeds all the buffers between the store and a waiting reader. */
const longReadBytes = 48 * mib;

interface Scene {
  readonly daemon: DaemonProcess;
  readonly client: Client;
  readonly root: string;
  readonly scratch: string;
}

async function withDaemon(
  flags: Readonly<Record<string, string>>,
  body: (scene: Scene) => Promise<void>,
): Promise<void> {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    await using daemon = await startDaemonProcess(root, flags);
    await using client = connect(daemon.address);
    const file = { name: "cow.raw", sizeBytes: longReadBytes, pieces: [piece(0, longReadBytes)] };
    const source = await makeSource(join(scratch, "long"), [file]);
    await client.create({ config: { name: "long" } }, packDirectory(source));
    await body({ daemon, client, root, scratch });
  });
}

/** Stops the daemon. Resolves when the daemon has begun to stop. */
async function beginDrain(daemon: DaemonProcess): Promise<void> {
  daemon.signal("SIGTERM");
  await daemon.line(/^SIGTERM: draining/);
}

async function readAll(download: Download): Promise<number> {
  let bytes = 0;
  for await (const chunk of download.bytes) bytes += chunk.length;
  return bytes;
}

test("running calls finish, new calls are refused, and the daemon ends with status 0", () =>
  withDaemon({ "drain-grace": "10m" }, async ({ daemon, client, root, scratch }) => {
    const socket = daemon.address.slice("unix:".length);
    assert.ok(existsSync(socket));
    const download = await client.restore("long");
    const tar = await collect(packDirectory(await makeSmallSource(join(scratch, "small"))));
    const gate = createGate();
    const upload = client.create({ config: { name: "small" } }, heldBack(tar, gate));
    await eventually("an upload", async () => (await entriesOf(root, "staging")).length > 0);
    await beginDrain(daemon);
    const refused = await failsWith(client.list(), "DRAINING");
    assert.ok((refused.retryAfterMs ?? 0) > 0);
    await failsWith(client.create({}, packDirectory(join(scratch, "small"))), "DRAINING");
    await using newcomer = connect(daemon.address);
    await failsWith(newcomer.list(), "DRAINING");
    const { status } = await client.checkHealth();
    assert.equal(status, HealthCheckResponse_ServingStatus.NOT_SERVING);
    // grpcurl has no proto files of its own, so it begins with this call.
    const reflect = ServerReflection.method.serverReflectionInfo;
    const asking = openCaller({ address: daemon.address });
    assert.equal(await firstAnswer(asking, reflect), "OK");
    asking.close();
    gate.open();
    const { snapshot } = await upload;
    assert.ok((await readAll(download)) > longReadBytes);
    assert.ok(download.trailer);
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
    assert.ok(!existsSync(socket), "the socket's file is gone");
    assert.match(daemon.output(), /^stopped$/m);
    await using store = await reopen(root);
    assert.equal(store.inspect("small").config.id, snapshot?.config?.id);
    assert.ok(Object.values(store.recovery).every((count) => count === 0));
  }));

test("calls that outlast the grace period end with DRAINING", () =>
  withDaemon({ "drain-grace": "0s" }, async ({ daemon, client, root, scratch }) => {
    const download = await client.restore("long");
    const tar = await collect(packDirectory(await makeSmallSource(join(scratch, "small"))));
    const upload = client.create({ config: { name: "small" } }, heldBack(tar, createGate()));
    await eventually("an upload", async () => (await entriesOf(root, "staging")).length > 0);
    const outcomes = [failsWith(readSlowly(download, daemon), "DRAINING")];
    outcomes.push(failsWith(upload, "DRAINING"));
    await Promise.all(outcomes);
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
    await using store = await reopen(root);
    assert.equal(store.list({ pageSize: 10 }).totalSize, 1);
  }));

/** Reads a little, stops the daemon, and continues to read. */
async function readSlowly(download: Download, daemon: DaemonProcess): Promise<void> {
  let begun = false;
  for await (const _ of download.bytes) {
    if (begun) continue;
    begun = true;
    await beginDrain(daemon);
  }
}

test("a second signal ends the daemon at once", () =>
  withDaemon({ "drain-grace": "10m" }, async ({ daemon, client, root }) => {
    await using download = await client.restore("long");
    await beginDrain(daemon);
    daemon.signal("SIGTERM");
    assert.deepEqual(await daemon.exited, { code: 1, signal: null });
    await failsWith(readAll(download), "DAEMON_UNREACHABLE");
    await using store = await reopen(root);
    assert.equal(store.inspect("long").sizeBytes, longReadBytes);
  }));
