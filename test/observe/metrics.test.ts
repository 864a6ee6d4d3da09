// Tests that the metrics page of a real daemon reports what has happened to the daemon.
import assert from "node:assert/strict";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isStoreError } from "../../src/base/errors.js";
import { collect, makeSmallSource, packDirectory } from "../store/contents.js";
import { startTestDaemon, type TestDaemon } from "../support/daemon.js";
import { eventually } from "../support/eventually.js";
import { createOn, drainPull, pull, startNode } from "../replication/nodes.js";
import { startScene } from "../access/callers.js";
import { flip } from "../store/damages.js";
import { parsePage, type Page } from "./samples.js";

async function read({ daemon }: Pick<TestDaemon, "daemon">): Promise<Page> {
  return parsePage(await daemon.metrics.render());
}

const snapshots = "stasis.v1.SnapshotService";

test("the page counts calls, their bytes and their codes", async (t) => {
  const node = await startNode(t);
  const tar = await collect(packDirectory(await makeSmallSource(join(node.scratch, "source"))));
  await node.client.create(
    { config: { name: "one" } },
    (async function* () {
      yield tar;
    })(),
  );
  await node.client.inspect("one");
  await node.client.inspect("one");
  await assert.rejects(node.client.inspect("two"));
  const restored = await collect((await node.client.restore("one")).bytes);
  const page = await read(node);
  const count = (method: string, code: string) =>
    page.get(`stasis_rpc_seconds_count{method="${snapshots}/${method}",code="${code}"}`);
  assert.equal(count("Create", "OK"), 1);
  assert.equal(count("Inspect", "OK"), 2);
  assert.equal(count("Inspect", "NOT_FOUND"), 1);
  assert.equal(count("Restore", "OK"), 1);
  assert.equal(count("Delete", "OK"), undefined);
  const received = page.get(`stasis_rpc_received_bytes_total{method="${snapshots}/Create"}`) ?? 0;
  const sent = page.get(`stasis_rpc_sent_bytes_total{method="${snapshots}/Restore"}`) ?? 0;
  // Frames contain little besides the bytes of the archive.
  assert.ok(received >= tar.length && received < tar.length + 2000, `${received} received`);
  assert.ok(sent >= restored.length && sent < restored.length + 5000, `${sent} sent`);
  assert.equal(page.get(`stasis_rpc_active{method="${snapshots}/Restore"}`), 0);
  assert.ok((page.get("stasis_catalog_commit_seconds_count") ?? 0) >= 2);
});

test("a running call is active, and counts against its limits", async (t) => {
  const node = await startNode(t);
  const ended = new AbortController();
  const watching = (async () => {
    for await (const event of node.client.watch({}, { signal: ended.signal })) void event;
  })().catch(() => undefined);
  const active = `stasis_rpc_active{method="${snapshots}/Watch"}`;
  const page = await eventually("an active call", async () => {
    const found = await read(node);
    return found.get("stasis_watchers") === 1 && found.get(active) === 1 && found;
  });
  assert.equal(page.get('stasis_limit_in_use{limit="calls"}'), 1);
  assert.equal(page.get('stasis_limit{limit="calls"}'), 4096);
  assert.equal(page.get('stasis_connections{listener="unix"}'), 1);
  assert.equal(page.get('stasis_connections{listener="tcp"}'), 0);
  ended.abort();
  await watching;
  await eventually("the end of the call", async () => (await read(node)).get(active) === 0);
});

test("refusals are counted by limit, and no value of a caller becomes a label", async (t) => {
  const node = await startNode(t, { "max-store": "16KiB" });
  const source = await makeSmallSource(join(node.scratch, "source"));
  await assert.rejects(createOn(node, source, "three-secret-name"), (error) =>
    isStoreError(error, "STORAGE_FULL"),
  );
  const text = await node.daemon.metrics.render();
  const page = parsePage(text);
  const refused = page.get('stasis_rpc_refusals_total{reason="STORAGE_FULL",limit="max_store"}');
  assert.ok((refused ?? 0) >= 1, `${refused} refused`);
  assert.equal(page.get("stasis_store_quota_bytes"), 16 * 1024);
  assert.doesNotMatch(text, /three-secret-name|stasis-daemon-/);
});

test("the page reports the states, space, damage and collections of the store", async (t) => {
  const node = await startNode(t);
  const source = await makeSmallSource(join(node.scratch, "source"));
  const one = await createOn(node, source, "one");
  await createOn(node, source, "two");
  await createOn(node, source, "three");
  const before = await read(node);
  assert.equal(before.get('stasis_snapshots{state="ready"}'), 3);
  assert.equal(before.get("stasis_snapshots_damaged"), 0);
  assert.ok((before.get("stasis_store_data_bytes") ?? 0) > 0);
  assert.ok(
    (before.get("stasis_store_charged_bytes") ?? 0) > (before.get("stasis_store_data_bytes") ?? 0),
  );
  const wal = await stat(join(node.root, "catalog.db-wal"));
  assert.equal(before.get("stasis_catalog_wal_bytes"), wal.size);

  const id = one.config?.id ?? "";
  await flip(join(node.root, "data", id, "files", "cow.raw"), 64 * 1024);
  for await (const verdict of node.client.verify({ ref: id })) void verdict;
  assert.equal((await read(node)).get("stasis_snapshots_damaged"), 1);
  await node.client.delete("one");
  assert.equal((await read(node)).get("stasis_snapshots_damaged"), 0);

  await node.client.collectGarbage({ policy: { keepLast: 1 }, dryRun: true });
  assert.equal((await read(node)).get('stasis_gc_collections_total{outcome="OK"}'), undefined);
  await node.client.collectGarbage({ policy: { keepLast: 1 } });
  const after = await read(node);
  assert.equal(after.get('stasis_gc_collections_total{outcome="OK"}'), 1);
  assert.equal(after.get('stasis_gc_rows_total{reason="keep_last",outcome="removed"}'), 1);
  assert.ok((after.get('stasis_gc_freed_bytes_total{reason="keep_last"}') ?? 0) > 0);
  assert.equal(after.get('stasis_snapshots{state="ready"}'), 1);
});

test("the page reports how many bytes a pull transferred and how many it reused", async (t) => {
  const [from, to] = [await startNode(t), await startNode(t)];
  const source = await makeSmallSource(join(from.scratch, "source"));
  await createOn(from, source, "one");
  await pull(to, { source: from.address, ref: "one" });
  const first = await read(to);
  assert.equal(first.get('stasis_pulls_total{kind="pull",outcome="OK"}'), 1);
  assert.ok((first.get("stasis_pull_received_bytes_total") ?? 0) > 0);
  assert.equal(first.get("stasis_pull_reused_bytes_total"), 0);
  await pull(to, { source: from.address, ref: "one", name: "again" });
  const second = await read(to);
  const data = second.get("stasis_pull_data_bytes_total") ?? 0;
  assert.equal(data, 2 * (first.get("stasis_pull_data_bytes_total") ?? 0));
  assert.equal(second.get("stasis_pull_reused_bytes_total"), data / 2);
  await assert.rejects(drainPull(to.client, { source: from.address, ref: "none" }));
  const last = await read(to);
  assert.equal(last.get('stasis_pulls_total{kind="pull",outcome="SNAPSHOT_NOT_FOUND"}'), 1);
  assert.equal(last.get('stasis_transfers{state="running"}'), 0);
});

test("a daemon that cannot work is not ready, but still serves its metrics page", async (t) => {
  const node = await startTestDaemon(t);
  assert.equal((await read(node)).get("stasis_ready"), 1);
  await rm(node.root, { recursive: true });
  const page = await eventually("a problem", async () => {
    const found = await read(node);
    return found.get("stasis_ready") === 0 && found;
  });
  assert.equal(page.get('stasis_condition{reason="ROOT_UNAVAILABLE"}'), 1);
  assert.equal(page.get('stasis_condition{reason="STORAGE_FULL"}'), 0);
  assert.equal(page.get('stasis_metrics_source_up{source="store"}'), 0);
  // The metric is missing and not 0, because the number of bytes is unknown.
  assert.equal(page.get("stasis_filesystem_free_bytes"), undefined);
  assert.ok((page.get("process_resident_memory_bytes") ?? 0) > 0);
});

test("two daemons in one process have separate metrics", async (t) => {
  const [one, two] = [await startNode(t), await startTestDaemon(t)];
  await one.client.list();
  const method = `stasis_rpc_seconds_count{method="${snapshots}/List",code="OK"}`;
  assert.equal((await read(one)).get(method), 1);
  assert.equal((await read(two)).get(method), undefined);
});

test("callers without credentials are counted", async (t) => {
  const node = await startScene(t);
  await assert.rejects(node.client(node.tcpAddress, { tls: node.tls() }).list());
  const refused = 'stasis_rpc_refusals_total{reason="CREDENTIALS_INVALID"}';
  assert.equal((await read(node)).get(refused), 1);
});
