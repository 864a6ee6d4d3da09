// Tests the cycle of an external orchestrator: lock, references, candidates, collection, unlock.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { GcOutcome, connect, type Client } from "../../src/client/index.js";
import { startTestDaemon, type TestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { collect, makeSmallSource, packDirectory } from "./contents.js";

interface Scene extends TestDaemon {
  readonly client: Client;
  create(name: string, blobs?: readonly string[]): Promise<string>;
}

async function openScene(t: TestContext): Promise<Scene> {
  const daemon = await startTestDaemon(t);
  const client = connect(daemon.address);
  t.after(() => client.close());
  const tar = await collect(packDirectory(await makeSmallSource(join(daemon.scratch, "source"))));
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(tar);
  }
  const create: Scene["create"] = async (name, imageBlobIds = []) => {
    const header = { config: { name, imageBlobIds: [...imageBlobIds] } };
    const { snapshot } = await client.create(header, bytes());
    return snapshot?.config?.id ?? "";
  };
  return { ...daemon, client, create };
}

const nobody = { sessionId: randomUUID(), epoch: 1n };

/** Reads all pages of the references. */
async function readReferences(
  client: Client,
  session: { sessionId: string; epoch: bigint },
  pageSize: number,
): Promise<{ blobs: string[]; totalCount: bigint; digest: string }> {
  const { sessionId, epoch } = session;
  const blobs: string[] = [];
  for (let pageToken = ""; ;) {
    const page = await client.listGcReferences({ sessionId, epoch, pageSize, pageToken });
    blobs.push(...page.imageBlobIds);
    pageToken = page.nextPageToken;
    if (pageToken === "") return { blobs, totalCount: page.totalCount, digest: page.digest };
  }
}

test("in a whole cycle every pin is listed, and only listed rows are collected", async (t) => {
  const { client, create } = await openScene(t);
  const blobs = Array.from({ length: 25 }, (_, index) => `blob-${String(index).padStart(2, "0")}`);
  const old = await create("old", blobs.slice(0, 15));
  await create("new", blobs.slice(10));
  const { sessionId, epoch } = await client.beginGc({ owner: "images" });
  const session = { sessionId, epoch };
  const requestId = randomUUID();
  const early = client.collectGc({ ...session, ids: [old], requestId });
  await failsWith(early, "GC_REFERENCES_INCOMPLETE");
  const references = await readReferences(client, session, 7);
  assert.deepEqual(references.blobs, blobs);
  assert.equal(references.totalCount, 25n);
  const lines = blobs.map((blob) => `${blob}\n`).join("");
  assert.equal(references.digest, `sha256:${createHash("sha256").update(lines).digest("hex")}`);
  const policy = { keepLast: 1 };
  const { candidates } = await client.listGcCandidates({ ...session, policy });
  assert.deepEqual(
    candidates.map(({ id }) => id),
    [old],
  );
  const request = { ...session, ids: [old, "unlisted"], requestId: randomUUID() };
  const first = await client.collectGc(request);
  assert.deepEqual(
    first.outcomes.map(({ id, outcome }) => [id, outcome]),
    [
      [old, GcOutcome.REMOVED],
      ["unlisted", GcOutcome.NOT_FOUND],
    ],
  );
  // The test treats the answer as lost. The repeated request gets the same answer.
  assert.deepEqual(await client.collectGc(request), first);
  await failsWith(client.collectGc({ ...request, ids: [old] }), "REQUEST_ID_REUSED");
  await failsWith(client.inspect("old"), "SNAPSHOT_NOT_FOUND");
  assert.deepEqual((await readReferences(client, session, 100)).blobs, blobs.slice(10));
  await client.endGc(session);
  await client.endGc(session);
  await failsWith(client.renewGc(session), "GC_SESSION_FENCED");
});

test("the count and the digest match the pages, even if a snapshot is deleted between two pages", async (t) => {
  const { client, create } = await openScene(t);
  await create("goes", ["a", "c"]);
  await create("stays", ["b", "d", "e"]);
  const { sessionId, epoch } = await client.beginGc({ owner: "images" });
  const first = await client.listGcReferences({ sessionId, epoch, pageSize: 2 });
  await client.delete("goes");
  const pageToken = first.nextPageToken;
  const last = await client.listGcReferences({ sessionId, epoch, pageToken });
  assert.equal(last.nextPageToken, "");
  const told = [...first.imageBlobIds, ...last.imageBlobIds];
  assert.deepEqual(told, ["a", "b", "d", "e"]);
  assert.equal(last.totalCount, 4n);
  const lines = told.map((blob) => `${blob}\n`).join("");
  assert.equal(last.digest, `sha256:${createHash("sha256").update(lines).digest("hex")}`);
  // The test treats the answer as lost, and requests the page again.
  const again = await client.listGcReferences({ sessionId, epoch, pageToken });
  assert.deepEqual(again, last);
});

test("pages of long references and of large snapshots fit into the usual 4 MiB of a message", async (t) => {
  const { client, create } = await openScene(t);
  const made: string[] = [];
  for (let n = 0; n < 6; n += 1) {
    const blobs = Array.from({ length: 1000 }, (_, index) => `${n}-${index}-`.padEnd(1024, "b"));
    await create(`s${n}`, blobs);
    made.push(...blobs);
  }
  const names: (string | undefined)[] = [];
  for (let pageToken = ""; ;) {
    const page = await client.list({ pageSize: 1000, pageToken });
    names.push(...page.snapshots.map(({ config }) => config?.name));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  assert.deepEqual(names, ["s5", "s4", "s3", "s2", "s1", "s0"]);
  const { sessionId, epoch } = await client.beginGc({ owner: "images" });
  const { blobs, totalCount } = await readReferences(client, { sessionId, epoch }, 10_000);
  assert.deepEqual(blobs, made.sort());
  assert.equal(totalCount, 6000n);
});

test("a busy lock is reported at once; unknown and ended sessions have different errors", async (t) => {
  const { client } = await openScene(t);
  const { sessionId, epoch } = await client.beginGc({ owner: "first" });
  const busy = await failsWith(client.beginGc({ owner: "second" }), "GC_LOCK_BUSY");
  assert.equal(busy.metadata["owner"], "first");
  assert.ok((busy.retryAfterMs ?? 0) > 0);
  await failsWith(client.collectGarbage({}), "GC_LOCK_BUSY");
  await failsWith(client.renewGc({ sessionId, epoch: epoch + 1n }), "GC_SESSION_FENCED");
  await failsWith(client.endGc(nobody), "GC_SESSION_NOT_FOUND");
  await failsWith(client.renewGc(nobody), "GC_SESSION_NOT_FOUND");
  await client.endGc({ sessionId, epoch });
  const next = await client.beginGc({ owner: "second" });
  assert.ok(next.epoch > epoch);
  await failsWith(client.listGcReferences({ sessionId, epoch }), "GC_SESSION_FENCED");
  await client.endGc({ sessionId: next.sessionId, epoch: next.epoch });
  await failsWith(client.beginGc({ owner: "" }), "FIELD_INVALID");
  await failsWith(client.beginGc({ owner: "x", ttl: durationFromMs(1) }), "FIELD_INVALID");
});

test("a session that is not renewed expires, and its calls change nothing", async (t) => {
  const { client, create } = await openScene(t);
  const old = await create("old");
  const ttl = durationFromMs(1000);
  const { sessionId, epoch } = await client.beginGc({ owner: "slow", ttl });
  const session = { sessionId, epoch };
  await readReferences(client, session, 10);
  await client.listGcCandidates({ ...session, policy: { evictAll: true } });
  const next = await eventually("the expiry", () =>
    client.beginGc({ owner: "next" }).catch(() => undefined),
  );
  const late = client.collectGc({ ...session, ids: [old], requestId: randomUUID() });
  await failsWith(late, "GC_SESSION_FENCED");
  assert.equal((await client.inspect("old")).snapshot?.config?.id, old);
  await client.endGc({ sessionId: next.sessionId, epoch: next.epoch });
});

test("while a GC session is open, publication is paused", async (t) => {
  const { client, create } = await openScene(t);
  const { sessionId, epoch } = await client.beginGc({ owner: "images" });
  const pinned = create("pinned", ["blob"]);
  const plain = create("plain");
  const blocked = await Promise.race([
    Promise.allSettled([pinned, plain]).then(() => "published"),
    readReferences(client, { sessionId, epoch }, 10).then(({ blobs }) => blobs.join()),
  ]);
  assert.equal(blocked, "", "no page lists the blob");
  assert.equal((await client.list()).totalSize, 0n);
  await client.endGc({ sessionId, epoch });
  await Promise.all([pinned, plain]);
  assert.equal((await client.list()).totalSize, 2n);
});

test("an upload that the open session blocks for too long ends with BLOCKED_BY_GC and leaves nothing", async (t) => {
  const { client, create } = await openScene(t);
  const { sessionId, epoch } = await client.beginGc({ owner: "images" });
  const error = await failsWith(create("late"), "BLOCKED_BY_GC");
  assert.ok((error.retryAfterMs ?? 0) > 0);
  await client.endGc({ sessionId, epoch });
  await create("late");
});

test("after a restart a session is over, and reported as fenced instead of unknown", async (t) => {
  const first = await startTestDaemon(t);
  const client = connect(first.address);
  const { sessionId, epoch } = await client.beginGc({ owner: "images" });
  client.close();
  await first.daemon.stop();
  const second = await startTestDaemon(t, { root: first.root });
  const again = connect(second.address);
  t.after(() => again.close());
  await failsWith(again.renewGc({ sessionId, epoch }), "GC_SESSION_FENCED");
  await again.endGc({ sessionId, epoch });
  const next = await again.beginGc({ owner: "images" });
  assert.ok(next.epoch > epoch);
});
