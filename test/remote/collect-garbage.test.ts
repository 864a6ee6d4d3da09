// Tests collections of a remote through a daemon: by the API and by the CLI.
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { RemoteRunKind, type RemoteGcResult } from "../../src/client/index.js";
import { encodeJson } from "../../src/remote/format/checked-json.js";
import {
  claimKey,
  collectionKey,
  deletionKey,
  mapKey,
  snapshotKey,
} from "../../src/remote/format/keys.js";
import { newRemoteId } from "../../src/remote/format/remote-id.js";
import { putHold } from "../../src/remote/holds.js";
import { bucketAt, noEngine } from "../support/engine.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { startFaultyProxy } from "../support/faulty-proxy.js";
import { never } from "../unit/store/support.js";
import { startRemoteNode } from "./daemons.js";
import { startMaintained, type MaintainedScene } from "./maintained.js";
import { openRemote } from "./nodes.js";

const skip = noEngine;

interface CollectFields {
  readonly grace?: { readonly seconds: bigint };
  readonly dryRun?: boolean;
  readonly abandonRun?: string;
}

/** Collects with a grace time of 0, unless `fields` has another one. */
async function collect(
  { node }: Pick<MaintainedScene, "node">,
  fields: CollectFields = {},
): Promise<RemoteGcResult> {
  let result: RemoteGcResult | undefined;
  let progress = 0;
  const wanted = { remote: "cold", grace: {}, ...fields };
  for await (const { event } of node.client.collectRemoteGarbage(wanted)) {
    if (event.case === "progress") progress += 1;
    if (event.case === "result") result = event.value;
  }
  assert.ok(progress > 0 || fields.abandonRun !== undefined);
  if (result === undefined) throw new Error("the collection has no end");
  return result;
}

/** Stores a JSON object of a protocol in the bucket. */
async function plant({ engine }: MaintainedScene, key: string, content: unknown): Promise<void> {
  using bucket = bucketAt(engine.endpoint, engine.keys);
  const { repository } = await openRemote(bucket);
  await bucket.put(key, encodeJson(key, content, repository.sealFor(key)), never);
}

test(
  "a collection frees the space of deleted snapshots after the grace time",
  { skip },
  async (t) => {
    const scene = await startMaintained(t);
    const { push, keys, engine, stasis } = scene;
    const gone = await push("gone", 1);
    const kept = await push("kept", 2);
    const { node } = scene;
    await node.client.deleteRemoteSnapshots({ remote: "cold", refs: [gone] });
    const young = await collect(scene, { grace: { seconds: 86_400n } });
    assert.deepEqual([young.deleted?.packs, young.keptYoung?.packs], [0n, 1n]);
    const dry = await collect(scene, { dryRun: true });
    const before = await keys("packs");
    assert.equal(before.length, 2);
    const sizes = await Promise.all(
      before.map(async (key) => (await stat(join(engine.directory, "prod", key))).size),
    );
    const done = await collect(scene);
    assert.deepEqual(dry.deleted, done.deleted);
    assert.deepEqual([done.deleted?.packs, done.deleted?.maps, done.snapshots], [1n, 1n, 1n]);
    const after = await keys("packs");
    const freed = before.findIndex((key) => !after.includes(key));
    assert.equal(done.deleted?.packBytes, BigInt(sizes[freed] ?? 0));
    assert.deepEqual(await keys("maps"), [mapKey(kept)]);
    assert.deepEqual(await keys("gc"), []);
    const nothing = await stasis("remote", "gc", "cold", "--grace", "0s");
    assert.equal(nothing.stdout, "nothing to delete\n", nothing.stderr);
  },
);

test("a collection says what claims keep, and which had expired", { skip }, async (t) => {
  const scene = await startMaintained(t);
  const { push, keys, node, stasis } = scene;
  const id = await push("vm", 1);
  const packs = await keys("packs");
  await node.client.deleteRemoteSnapshots({ remote: "cold", refs: ["vm"] });
  const other = newRemoteId(new Date());
  const claim = claimKey(other, 0);
  await plant(scene, claim, { version: 1, push: other, snapshot: id, borrowed: packs });
  const claimed = await collect(scene);
  const { keptClaimed, deleted, expiredClaims } = claimed;
  assert.deepEqual([keptClaimed?.packs, keptClaimed?.maps, expiredClaims], [1n, 1n, 0n]);
  assert.deepEqual([deleted?.packs, deleted?.maps], [0n, 0n]);
  const flags = ["--grace", "0s", "--claim-ttl", "0s"];
  const dry = await stasis("remote", "gc", "cold", ...flags, "--dry-run");
  assert.match(dry.stdout, /^would delete 1 pack and 1 map \(1 MiB\)\n1 claim had expired\n$/);
  assert.deepEqual(await keys("claims"), [claim]);
  const done = await stasis("remote", "gc", "cold", ...flags, "--json");
  const result = JSON.parse(done.stdout) as Record<string, unknown>;
  assert.equal(result["expiredClaims"], "1", done.stderr);
  assert.deepEqual(await keys("packs"), []);
  assert.deepEqual(await keys("claims"), []);
});

test("other runs are named, finished or abandoned", { skip }, async (t) => {
  const scene = await startMaintained(t);
  const { push, keys, stasis } = scene;
  const id = await push("vm", 1);
  const packs = await keys("packs");
  const [run, deletion] = [newRemoteId(new Date()), newRemoteId(new Date())];
  await plant(scene, collectionKey(run), { version: 1, keys: packs });
  await plant(scene, deletionKey(id, deletion), { version: 1, snapshot: id });
  const { otherRuns } = await collect(scene);
  assert.deepEqual(
    otherRuns.map((each) => [each.run, each.kind, each.snapshotId, each.objects]),
    [
      [run, RemoteRunKind.COLLECTION, "", 1n],
      [deletion, RemoteRunKind.DELETION, id, 0n],
    ],
  );
  const shown = await stasis("remote", "gc", "cold", "--dry-run");
  assert.match(shown.stdout, new RegExp(`^${run} +collection .* 1 object$`, "m"));
  assert.match(shown.stdout, new RegExp(`^${deletion} +deletion .* ${id}$`, "m"));

  const refused = await stasis("remote", "gc", "cold", "--abandon", run);
  assert.equal(refused.code, 7);
  assert.match(refused.stderr, /--abandon loses snapshots/);
  assert.equal((await keys("gc")).length, 1);
  for (const each of [run, deletion]) {
    const done = await stasis("remote", "gc", "cold", "--abandon", each, "--yes");
    assert.equal(done.stdout, "abandoned\n", done.stderr);
  }
  assert.deepEqual([await keys("gc"), await keys("deletes")], [[], []]);
  await failsWith(collect(scene, { abandonRun: run }), "REMOTE_COPY_MISSING");
  await failsWith(collect(scene, { abandonRun: "no run" }), "FIELD_INVALID");
  await failsWith(collect(scene, { abandonRun: run, dryRun: true }), "FIELD_INVALID");
  await failsWith(collect(scene, { grace: { seconds: -1n } }), "FIELD_INVALID");
});

test(
  "a collection names broken snapshots, and removes holds of deleted ones",
  { skip },
  async (t) => {
    const scene = await startMaintained(t);
    const { push, keys, engine } = scene;
    const broken = await push("broken", 1);
    const gone = await push("gone", 2);
    const held = await push("held", 3);
    using bucket = bucketAt(engine.endpoint, engine.keys);
    const parts = { ...(await openRemote(bucket)), clock: systemClock };
    const hold = (snapshot: string) =>
      putHold(parts, { snapshot, nodeId: "node-a", onNewKey: () => undefined }, never);
    const [stays] = [await hold(held), await hold(gone)];
    await bucket.delete(snapshotKey(gone), never);
    await bucket.delete(mapKey(broken), never);
    const done = await collect(scene);
    assert.deepEqual(done.brokenSnapshotIds, [broken]);
    assert.deepEqual([done.snapshots, done.leftovers], [1n, 1n]);
    assert.deepEqual(await keys("holds"), [stays]);
  },
);

test("one collection of a remote runs at a time, and the next finishes it", { skip }, async (t) => {
  const { engine, push, keys } = await startMaintained(t);
  await push("vm", 1);
  await using proxy = await startFaultyProxy(engine.endpoint);
  const node = await startRemoteNode(t, { endpoint: proxy.endpoint, keys: engine.keys });
  const { client } = node;
  await client.deleteRemoteSnapshots({ remote: "cold", refs: ["vm"] });
  // The answers of the deletions never come.
  proxy.failAll("delete", { kind: "silent" });
  const request = { remote: "cold", grace: {} };
  const stop = new AbortController();
  const stuck = failsWith(
    drain(client.collectRemoteGarbage(request, { signal: stop.signal })),
    "CALL_CANCELLED",
  );
  await eventually("the intent", async () => (await keys("gc")).length > 0);
  await failsWith(collect({ node }), "OPERATION_IN_PROGRESS");
  const [run = ""] = (await keys("gc")).map((key) => key.slice("gc/".length, -".json".length));
  await failsWith(collect({ node }, { abandonRun: run }), "OPERATION_IN_PROGRESS");
  stop.abort();
  await stuck;
  proxy.failAll("delete", undefined);
  const done = await eventually("the next collection", () =>
    collect({ node }).catch(() => undefined),
  );
  assert.deepEqual(done.otherRuns, []);
  assert.deepEqual([await keys("gc"), await keys("packs")], [[], []]);
});

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const message of messages) void message;
}
