// Tests the limits of a whole daemon: disk space, uploads with false sizes, and the share of one
// identity.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type Client } from "../../src/client/index.js";
import { startScene } from "../access/callers.js";
import { startTestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { cannotMount, patternBytes, withFilesystem } from "../support/scratch.js";
import { createGate, entriesOf, heldBack, kib, mib, streamOf } from "../store/contents.js";
import { endMarker } from "../hostile/hostile-case.js";
import { rawFile } from "../unit/archive/support.js";

function tarOf(bytes: number): Buffer {
  return Buffer.concat([rawFile("memory", patternBytes(bytes, 1)), endMarker]);
}

async function assertEmpty(root: string): Promise<void> {
  await eventually("the end of the clean-up", async () => {
    return (
      (await entriesOf(root, "staging")).length + (await entriesOf(root, "trash")).length === 0
    );
  });
}

test("max_upload: an upload of exactly that size is stored, and a larger one is not", async (t) => {
  const { address, root } = await startTestDaemon(t, { "max-upload": "1MiB" });
  const client = connect(address);
  t.after(() => client.close());
  const fits = tarOf(mib - 512 - 1024);
  assert.equal(fits.length, mib);
  await client.create({}, streamOf(fits));
  const error = await failsWith(client.create({}, streamOf(tarOf(mib - 1024))), "LIMIT_EXCEEDED");
  assert.equal(error.metadata["limit"], "max_upload_bytes");
  await assertEmpty(root);
});

/** The archive takes 256 KiB on disk, whatever the block size of the filesystem is. */
const small = tarOf(256 * kib);
/** The quota has room for two such archives, including their metadata. */
const quota = "704KiB";
const quotaBytes = 704 * kib;

async function chargedTo(client: Client): Promise<number> {
  const { snapshots } = await client.list({});
  return snapshots.reduce((sum, { chargedBytes }) => sum + Number(chargedBytes), 0);
}

function assertNearlyFull(bytes: number): void {
  assert.ok(bytes > 512 * kib && bytes <= quotaBytes, `${bytes} bytes are charged`);
}

test("max_store: uploads that fit are stored, and the next is refused at its header and at its end", async (t) => {
  const { address, root } = await startTestDaemon(t, { "max-store": quota });
  const client = connect(address);
  t.after(() => client.close());
  await client.create({ config: { name: "a" } }, streamOf(small));
  const gate = createGate();
  const late = client.create({ config: { name: "late" } }, heldBack(small, gate));
  await eventually("an upload", async () => (await entriesOf(root, "staging")).length > 0);
  await client.create({ config: { name: "b" } }, streamOf(small));
  assertNearlyFull(await chargedTo(client));
  gate.open();
  const error = await failsWith(late, "STORAGE_FULL");
  assert.equal(error.code, "RESOURCE_EXHAUSTED");
  assert.deepEqual(error.metadata["limit"], "max_store");
  await failsWith(client.create({ config: { name: "c" } }, streamOf(small)), "STORAGE_FULL");
  await client.delete({ refs: ["a"] });
  await client.create({ config: { name: "c" } }, streamOf(small));
  await assertEmpty(root);
});

test("max_store: an upload that exceeds it ends while it runs, not at its end", async (t) => {
  const { address, root } = await startTestDaemon(t, { "max-store": "16MiB" });
  const client = connect(address);
  t.after(() => client.close());
  let sent = 0;
  const sizeBytes = 256 * mib;
  async function* large() {
    const head = rawFile("memory", "").subarray(0, 512);
    yield headerOfSize(head, sizeBytes);
    for (; sent < sizeBytes; sent += mib) yield patternBytes(mib, sent);
    yield endMarker;
  }
  await failsWith(client.create({}, large()), "STORAGE_FULL");
  assert.ok(sent < 128 * mib, `${sent} bytes were taken`);
  await assertEmpty(root);
});

function headerOfSize(head: Buffer, sizeBytes: number): Buffer {
  const copy = Buffer.from(head);
  copy.write(`${sizeBytes.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  copy.fill(" ", 148, 156);
  const sum = copy.reduce((total, byte) => total + byte, 0);
  copy.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return copy;
}

const noTmpfs = cannotMount("tmpfs");

test("reserve: the limit is checked while an upload runs", { skip: noTmpfs }, (t) =>
  withFilesystem("tmpfs", 96, async (mountPoint) => {
    await t.test("the upload ends while the disk still has space", async (inner) => {
      const root = join(mountPoint, "root");
      const { address } = await startTestDaemon(inner, { root, reserve: "40MiB" });
      const client = connect(address);
      inner.after(() => client.close());
      const error = await failsWith(client.create({}, streamOf(tarOf(80 * mib))), "STORAGE_FULL");
      assert.equal(error.metadata["limit"], "reserve");
      assert.ok(Number(error.metadata["free_bytes"]) > 8 * mib, error.message);
      await client.create({}, streamOf(tarOf(mib)));
      await assertEmpty(root);
    });
  }),
);

test("prefix_quota: the snapshots of one tenant fill its own quota and no other quota", async (t) => {
  const scene = await startScene(t, { flags: { "prefix-quota": quota } });
  const clientOf = (namePrefix: string) => {
    const token = scene.newToken({ name: namePrefix.slice(0, 1), role: "writer", namePrefix });
    return scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  };
  const [a, b] = [clientOf("a/"), clientOf("b/")];
  await a.create({ config: { name: "a/1" } }, streamOf(small));
  await a.create({ config: { name: "a/2" } }, streamOf(small));
  const error = await failsWith(
    a.create({ config: { name: "a/3" } }, streamOf(small)),
    "STORAGE_FULL",
  );
  assert.equal(error.metadata["limit"], "prefix_quota");
  await b.create({ config: { name: "b/1" } }, streamOf(small));
  const operator = scene.client(scene.address);
  await operator.create({ config: { name: "a/4" } }, streamOf(small));
});

for (const [limit, namePrefix] of [
  ["max-store", ""],
  ["prefix-quota", "a/"],
] as const) {
  test(`${limit}: of uploads that end together, only those that fit are stored`, async (t) => {
    const scene = await startScene(t, { flags: { [limit]: quota } });
    const token = scene.newToken({ name: "a", role: "writer", namePrefix });
    const client = scene.client(scene.tcpAddress, { tls: scene.tls(), token });
    const gate = createGate();
    const uploads = ["a/1", "a/2", "a/3", "a/4", "a/5"].map((name) =>
      client.create({ config: { name } }, heldBack(small, gate)),
    );
    const outcomes = Promise.allSettled(uploads);
    await eventually(
      "five uploads",
      async () => (await entriesOf(scene.root, "staging")).length === 5,
    );
    gate.open();
    const stored = (await outcomes).filter(({ status }) => status === "fulfilled");
    assert.equal(stored.length, 2);
    assertNearlyFull(await chargedTo(client));
    // No refused upload still has a reservation.
    await client.delete({ refs: ["a/1", "a/2", "a/3", "a/4", "a/5"], allowMissing: true });
    await client.create({ config: { name: "a/6" } }, streamOf(small));
    await client.create({ config: { name: "a/7" } }, streamOf(small));
  });
}

test("max_store: a refusal does not reveal how much other tenants store", async (t) => {
  const scene = await startScene(t, { flags: { "max-store": quota } });
  const operator = scene.client(scene.address);
  await operator.create({ config: { name: "b/1" } }, streamOf(small));
  await operator.create({ config: { name: "b/2" } }, streamOf(small));
  const told = await failsWith(operator.create({}, streamOf(small)), "STORAGE_FULL");
  const actual = told.metadata["actual"] ?? "";
  assert.ok(Number(actual) > quotaBytes);
  const token = scene.newToken({ name: "a", role: "writer", namePrefix: "a/" });
  const tenant = scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  const upload = tenant.create({ config: { name: "a/1" } }, streamOf(small));
  const { message, metadata } = await failsWith(upload, "STORAGE_FULL");
  assert.deepEqual(metadata, { limit: "max_store", max: String(quotaBytes) });
  assert.doesNotMatch(message, /take \d|deleted or replaced/);
});

test("max_streams_per_identity: the streams of one identity leave room for others", async (t) => {
  const flags = { "max-streams": 4, "max-streams-per-identity": 2 };
  const scene = await startScene(t, { flags });
  const tls = scene.tls();
  const clientOf = (name: string) => {
    const token = scene.newToken({ name, role: "writer", namePrefix: "" });
    return scene.client(scene.tcpAddress, { tls, token });
  };
  const [greedy, also, other] = [clientOf("greedy"), clientOf("greedy"), clientOf("other")];
  const gate = createGate();
  const held = [greedy.create({}, heldBack(small, gate)), also.create({}, heldBack(small, gate))];
  await eventually(
    "two uploads",
    async () => (await entriesOf(scene.root, "staging")).length === 2,
  );
  const error = await failsWith(greedy.create({}, streamOf(small)), "TOO_MANY_STREAMS");
  assert.equal(error.code, "RESOURCE_EXHAUSTED");
  assert.equal(error.metadata["limit"], "byte_streams_of_this_identity");
  assert.ok(error.retryAfterMs !== undefined);
  await other.create({}, streamOf(small));
  await greedy.list({});
  gate.open();
  await Promise.all(held);
  await greedy.create({}, streamOf(small));
});

test("stream_idle: a stalled upload is ended and leaves nothing, and a stalled reader is ended", async (t) => {
  const { address, root } = await startTestDaemon(t, { "stream-idle": "1s" });
  const client = connect(address);
  t.after(() => client.close());
  const never = createGate();
  const silent = client.create({ config: { name: "silent" } }, heldBack(tarOf(8 * mib), never));
  const error = await failsWith(silent, "DEADLINE_PASSED");
  assert.equal(error.code, "DEADLINE_EXCEEDED");
  await assertEmpty(root);
  never.open();
  await client.create({ config: { name: "silent" } }, streamOf(tarOf(64 * mib)));
  await using download = await client.restore("silent");
  const bytes = download.bytes[Symbol.asyncIterator]();
  await bytes.next();
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const rest = async () => {
    while ((await bytes.next()).done !== true);
  };
  await failsWith(rest(), "DEADLINE_PASSED");
});
