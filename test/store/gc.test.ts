// Tests collections on a real store through a client: which snapshots are evicted or kept, and why.
import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  EventType,
  GcOutcome,
  GcReason,
  RemovalReason,
  connect,
  type Client,
  type CollectGarbageResponse,
} from "../../src/client/index.js";
import { startTestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import {
  collect,
  createGate,
  entriesOf,
  heldBack,
  makeSmallSource,
  packDirectory,
} from "./contents.js";
import { removeScratch } from "../support/scratch.js";

interface Scene {
  readonly client: Client;
  readonly root: string;
  readonly tar: Uint8Array;
  make(
    name: string,
    extra?: { protected?: boolean; labels?: Record<string, string> },
  ): Promise<string>;
}

async function openScene(
  t: TestContext,
  flags: Readonly<Record<string, string | number>> = {},
): Promise<Scene> {
  const { address, root, scratch } = await startTestDaemon(t, flags);
  const client = connect(address);
  t.after(() => client.close());
  const tar = await collect(packDirectory(await makeSmallSource(join(scratch, "source"))));
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(tar);
  }
  const make: Scene["make"] = async (
    name,
    { protected: isProtected = false, labels = {} } = {},
  ) => {
    const header = { config: { name, labels }, protected: isProtected };
    const { snapshot } = await client.create(header, bytes());
    return snapshot?.config?.id ?? "";
  };
  return { client, root, tar, make };
}

/** Returns each candidate as `NAME reason,reason OUTCOME`, which is easy to read. */
function lines({ candidates }: CollectGarbageResponse): string[] {
  return candidates.map(({ id, name, reasons, outcome }) => {
    const why = reasons.map((reason) => GcReason[reason]).join(",");
    return `${name === "" ? id : name} ${why} ${GcOutcome[outcome]}`;
  });
}

test("keep_last evicts the oldest, but no protected or used ones; a dry run reports the same", async (t) => {
  const { client, root, make } = await openScene(t);
  for (const name of ["a", "b", "c", "d"]) await make(name, { protected: name === "a" });
  const lease = await client.openDataDirectory("b");
  const policy = { keepLast: 1 };
  const dry = await client.collectGarbage({ dryRun: true, policy });
  assert.deepEqual(lines(dry).sort(), [
    "a KEEP_LAST KEPT_PROTECTED",
    "b KEEP_LAST KEPT_IN_USE",
    "c KEEP_LAST PLANNED",
  ]);
  assert.equal((await client.list()).totalSize, 4n);
  const real = await client.collectGarbage({ policy });
  assert.deepEqual(
    lines(real),
    lines(dry).map((line) => line.replace("PLANNED", "REMOVED")),
  );
  assert.equal(real.freedBytes, dry.freedBytes);
  assert.ok(real.freedBytes > 0n);
  const names = async (): Promise<string[]> =>
    (await client.list()).snapshots.map(({ config }) => config?.name ?? "").sort();
  assert.deepEqual(await names(), ["a", "b", "d"]);
  await lease[Symbol.asyncDispose]();
  await eventually("b to be free", async () => {
    await client.collectGarbage({ policy });
    return (await names()).length === 2;
  });
  assert.equal((await entriesOf(root, "data")).length, 2);
  const all = await client.collectGarbage({ policy: { evictAll: true } });
  assert.deepEqual(lines(all).sort(), ["a EVICT_ALL KEPT_PROTECTED", "d EVICT_ALL REMOVED"]);
});

test("a policy selects by groups, age and size", async (t) => {
  const { client, make } = await openScene(t);
  for (const name of ["x1", "x2", "x3", "y1"])
    await make(name, { labels: { vm: name.slice(0, 1) } });
  const byLabel = { keepLast: 2, groupByLabel: "vm" };
  const grouped = await client.collectGarbage({ policy: byLabel, dryRun: true });
  assert.deepEqual(lines(grouped), ["x1 KEEP_LAST PLANNED"]);
  const young = await client.collectGarbage({ policy: { maxAge: durationFromMs(3_600_000) } });
  assert.deepEqual(lines(young), []);
  const old = await client.collectGarbage({ policy: { maxAge: durationFromMs(1) }, dryRun: true });
  assert.equal(old.candidates.length, 4);
  const { snapshot } = await client.inspect("y1");
  const one = snapshot?.chargedBytes ?? 0n;
  const sized = await client.collectGarbage({ policy: { maxTotalBytes: 2n * one } });
  assert.deepEqual(
    lines(sized).map((line) => line.split(" ")[2]),
    ["REMOVED", "REMOVED"],
  );
});

test("watchers receive evictions as such", async (t) => {
  const { client, make } = await openScene(t);
  const seen: string[] = [];
  const ending = new AbortController();
  const watching = (async () => {
    for await (const { type } of client.watch({}, { signal: ending.signal })) {
      seen.push(EventType[type]);
    }
  })().catch(() => undefined);
  await eventually("the first position", () => seen.length > 0);
  await make("web");
  await client.collectGarbage({ policy: { evictAll: true } });
  await eventually("the eviction", () => seen.includes("EVICTED"));
  ending.abort();
  await watching;
});

test("leftovers are discarded, and running uploads stay", async (t) => {
  const { client, root, tar, make } = await openScene(t);
  const kept = await make("kept");
  const lost = await make("lost");
  await removeScratch(join(root, "data", lost));
  const orphan = "orphan0000000000";
  await mkdir(join(root, "data", orphan));
  await writeFile(join(root, "data", orphan, "something"), Buffer.alloc(10_000));
  await mkdir(join(root, "data", "by-hand"));
  await mkdir(join(root, "staging", "left000000000000"));
  const gate = createGate();
  const upload = client.create({ config: { name: "slow" } }, heldBack(tar, gate));
  await eventually("an upload", async () => (await entriesOf(root, "staging")).length === 2);
  const dry = await client.collectGarbage({ dryRun: true });
  assert.deepEqual(lines(dry).sort(), [
    "by-hand ORPHAN PLANNED",
    "left000000000000 ORPHAN PLANNED",
    "lost MISSING_DIRECTORY PLANNED",
    `${orphan} ORPHAN PLANNED`,
  ]);
  const real = await client.collectGarbage({});
  assert.deepEqual(
    lines(real),
    lines(dry).map((line) => line.replace("PLANNED", "REMOVED")),
  );
  gate.open();
  const { snapshot } = await upload;
  assert.deepEqual(
    (await entriesOf(root, "data")).sort(),
    [kept, snapshot?.config?.id ?? ""].sort(),
  );
  const [aside = ""] = await entriesOf(root, "quarantine");
  assert.match(aside, /^by-hand/);
  assert.deepEqual(await entriesOf(root, "staging"), []);
  assert.equal((await client.list()).totalSize, 2n);
  assert.deepEqual(lines(await client.collectGarbage({})), []);
});

test("a meaningless policy is refused", async (t) => {
  const { client } = await openScene(t);
  for (const policy of [
    { keepLast: -1 },
    { maxTotalBytes: -1n },
    { maxAge: durationFromMs(0) },
    { groupByLabel: "vm" },
  ]) {
    const error = await failsWith(client.collectGarbage({ policy }), "FIELD_INVALID");
    assert.match(error.fields[0]?.field ?? "", /^policy\./);
  }
});

test("a protected snapshot whose directory is missing is kept, and can be deleted", async (t) => {
  const { client, root, make } = await openScene(t);
  const id = await make("safe", { protected: true });
  await removeScratch(join(root, "data", id));
  for (const dryRun of [true, false]) {
    const found = await client.collectGarbage({ dryRun });
    assert.deepEqual(lines(found), ["safe MISSING_DIRECTORY KEPT_PROTECTED"]);
    assert.equal(found.freedBytes, 0n);
  }
  await client.delete(id);
  assert.deepEqual(lines(await client.collectGarbage({})), []);
});

test("scheduled collections follow the policy of the configuration", async (t) => {
  const flags = { "gc-interval": "100ms", "gc-keep-last": 1, "gc-group-by-label": "vm" };
  const { client, make } = await openScene(t, flags);
  await make("x1", { labels: { vm: "x" } });
  await make("y1", { labels: { vm: "y" } });
  await make("x2", { labels: { vm: "x" } });
  const names = await eventually("the eviction", async () => {
    const { snapshots } = await client.list();
    return snapshots.length === 2 && snapshots.map(({ config }) => config?.name);
  });
  assert.deepEqual(names, ["x2", "y1"]);
});

test("a snapshot that is deleted during the survey does not count as a leftover", async (t) => {
  const { client, root, make } = await openScene(t);
  // Real leftovers keep the collection busy between its listing and its check of each name.
  for (let index = 0; index < 100; index += 1) {
    await mkdir(join(root, "data", `leftover-${index}`));
  }
  const ids = await Promise.all(Array.from({ length: 60 }, () => make("")));
  let deleting = true;
  const looking = (async () => {
    while (deleting) {
      const { candidates } = await client.collectGarbage({ dryRun: true });
      const others = candidates.filter(({ id }) => !id.startsWith("leftover-"));
      assert.deepEqual(others, []);
    }
  })();
  const deletions = Promise.all(ids.map((id) => client.delete(id)));
  await Promise.all([deletions.finally(() => (deleting = false)), looking]);
});

test("expired snapshots go with any collection; those protected, in use or extended stay", async (t) => {
  const { client, make } = await openScene(t);
  const past = timestampFromDate(new Date(Date.now() - 1000));
  const expire = (ref: string, expireTime = past) =>
    client.update({ ref, expireTime, updateMask: { paths: ["expire_time"] } });
  for (const name of ["gone", "safe", "open", "extended", "fresh"]) {
    await make(name, { protected: name === "safe" });
    if (name !== "fresh") await expire(name);
  }
  await expire("fresh", timestampFromDate(new Date(Date.now() + 3_600_000)));
  const lease = await client.openDataDirectory("open");
  const { sessionId, epoch } = await client.beginGc({ owner: "test" });
  const session = { sessionId, epoch };
  await client.listGcReferences(session);
  const { candidates } = await client.listGcCandidates(session);
  assert.deepEqual(candidates.map(({ name }) => name).sort(), ["extended", "gone"]);
  await client.update({ ref: "extended", updateMask: { paths: ["expire_time"] } });
  const ids = candidates.map(({ id }) => id);
  const requestId = "11111111-2222-4333-8444-555555555555";
  const watcher = client.watch();
  const events = watcher[Symbol.asyncIterator]();
  await events.next();
  const { outcomes } = await client.collectGc({ ...session, ids, requestId });
  await client.endGc(session);
  assert.deepEqual(outcomes.map(({ name, outcome }) => `${name} ${GcOutcome[outcome]}`).sort(), [
    "extended KEPT_CHANGED",
    "gone REMOVED",
  ]);
  const { value: event } = await events.next();
  assert.equal(event?.type, EventType.EVICTED);
  assert.equal(event?.removalReason, RemovalReason.EXPIRED);
  await events.return?.();
  assert.deepEqual(lines(await client.collectGarbage({})).sort(), [
    "open EXPIRED KEPT_IN_USE",
    "safe EXPIRED KEPT_PROTECTED",
  ]);
  await lease[Symbol.asyncDispose]();
  await eventually("the lease's end", async () => {
    return lines(await client.collectGarbage({})).includes("open EXPIRED REMOVED");
  });
  const left = (await client.list()).snapshots.map(({ config }) => config?.name).sort();
  assert.deepEqual(left, ["extended", "fresh", "safe"]);
});
