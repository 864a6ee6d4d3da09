// Tests snapshots with SHA-256 block digests from before BLAKE3: they stay unchanged, damage in
// them is found and repaired, and other nodes can pull them.
import assert from "node:assert/strict";
import { open, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import {
  BlockHash,
  connect,
  exportToLocalDirectory,
  importLocalDirectory,
  type Client,
  type VerifyVerdict,
} from "../../src/client/index.js";
import { encodeBlockTable, readBlockTable } from "../../src/files/block-table-codec.js";
import { rootDigest } from "../../src/files/block-table.js";
import { replaceFile } from "../../src/files/durable.js";
import { byName } from "../../src/files/file-order.js";
import { hashFile } from "../../src/files/hash-file.js";
import { blockTableName } from "../../src/files/layout.js";
import { readManifest, snapshotDigest, writeManifest } from "../../src/files/manifest.js";
import type { SnapshotFile } from "../../src/model/snapshot.js";
import { repairUnserved } from "../../src/store/offline.js";
import { checkContent, pull, startNode } from "../replication/nodes.js";
import { findingsIn } from "../support/clean.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { reopen } from "../support/reopen.js";
import { fileOf, flip } from "./damages.js";
import { withStoredScene, type StoredScene } from "./stored-scene.js";
import { storeDefaults } from "../support/defaults.js";

const never = new AbortController().signal;

function tableOf({ layout, a }: StoredScene, index: number): string {
  return join(layout.dataDirectory(a.config.id), "blocks", blockTableName(index));
}

/** Turns `a` into a snapshot with SHA-256 digests. The catalog is rebuilt from the manifests. */
async function makeOld(scene: StoredScene): Promise<void> {
  const { layout, a } = scene;
  const manifest = await readManifest(layout, a.config.id);
  const files: SnapshotFile[] = [];
  for (const [index, file] of [...manifest.files].sort(byName).entries()) {
    await using handle = await open(fileOf(scene, file.name));
    const options = { what: file.name, algorithm: "sha256" } as const;
    const table = await hashFile(handle, file.sizeBytes, options);
    await replaceFile(tableOf(scene, index), encodeBlockTable(table));
    files.push({ ...file, digest: rootDigest(table) });
  }
  await writeManifest(layout, { ...manifest, files, digest: snapshotDigest(files) });
  for (const end of ["", "-wal", "-shm"]) await rm(layout.catalogDatabase + end, { force: true });
  await using store = await reopen(scene.root);
  assert.equal(store.inspect("a").digest, snapshotDigest(files));
}

async function verdictsOf(client: Client, ref: string): Promise<VerifyVerdict[]> {
  const verdicts: VerifyVerdict[] = [];
  for await (const { event } of client.verify({ ref })) {
    if (event.case === "verdict") verdicts.push(event.value);
  }
  return verdicts;
}

test("snapshots with SHA-256 digests are intact, and damage in them is found and named", () =>
  withStoredScene(async (scene) => {
    await makeOld(scene);
    assert.deepEqual(await findingsIn(scene.root), []);
    await using daemon = await startDaemonProcess(scene.root);
    await using client = connect(daemon.address);
    const { snapshot: old } = await client.inspect("a");
    const { snapshot: other } = await client.inspect("b");
    assert.notEqual(old?.digest, other?.digest);
    for (const [snapshot, hash] of [
      [old, BlockHash.SHA256],
      [other, BlockHash.BLAKE3],
    ] as const) {
      assert.ok((snapshot?.files.length ?? 0) > 0);
      assert.ok(snapshot?.files.every(({ blockHash }) => blockHash === hash));
    }
    assert.ok((await verdictsOf(client, "a")).every(({ intact }) => intact));
    await flip(fileOf(scene, "memory-ranges"), 700 * 1024 + 17);
    const damaged = (await verdictsOf(client, "a")).filter(({ intact }) => !intact);
    assert.deepEqual(
      damaged.map(({ file, damaged }) => [file, damaged.map(({ offset }) => Number(offset))]),
      [["memory-ranges", [512 * 1024]]],
    );
  }));

test("a missing block table is rebuilt unchanged", () =>
  withStoredScene(async (scene) => {
    await makeOld(scene);
    const before = await readFile(tableOf(scene, 2));
    await rm(tableOf(scene, 2));
    const options = { dryRun: false, deep: true, limitBytesPerSecond: 0 };
    const outcomes: string[] = [];
    for await (const { outcome } of repairUnserved(scene.root, options, never, storeDefaults)) {
      outcomes.push(outcome);
    }
    assert.deepEqual(outcomes, ["done"]);
    assert.ok((await readFile(tableOf(scene, 2))).equals(before));
    assert.deepEqual(await findingsIn(scene.root), []);
  }));

test("other nodes pull the snapshot unchanged, along with new snapshots, and heal it", (t) =>
  withStoredScene(async (scene) => {
    await makeOld(scene);
    await using daemon = await startDaemonProcess(scene.root);
    await using client = connect(daemon.address);
    const to = await startNode(t);
    const source = daemon.tcpAddress;
    const { snapshot } = await pull(to, { source, ref: "a" });
    assert.equal(snapshot.digest, (await client.inspect("a")).snapshot?.digest);
    await checkContent(to, "a", scene.source);
    const blocks = join(to.root, "data", snapshot.config?.id ?? "", "blocks");
    assert.equal((await readBlockTable(join(blocks, blockTableName(2)))).algorithm, "sha256");

    // The bytes are the same, with digests of another algorithm, so only the tables and the
    // manifest are sent.
    const { progress } = await pull(to, { source, ref: "b" });
    assert.ok(progress.sentBytes < 10_000n, `${progress.sentBytes} bytes`);
    await checkContent(to, "b", scene.source);

    await flip(join(to.root, "data", snapshot.config?.id ?? "", "files/memory-ranges"), 5);
    const repaired = await pull(to, { source, ref: "a", repair: true });
    assert.equal(repaired.snapshot.corrupt, false);
    await checkContent(to, "a", scene.source);
  }));

test("an export names the algorithm of its digests, and an import uses that algorithm", () =>
  withStoredScene(async (scene) => {
    await makeOld(scene);
    await using daemon = await startDaemonProcess(scene.root);
    await using client = connect(daemon.address);
    const directory = join(dirname(scene.root), "exported");
    await exportToLocalDirectory(client, "a", directory);
    const text = await readFile(join(directory, "snapshot.json"), "utf8");
    assert.match(text, /"blocks": "sha256"/);
    assert.doesNotMatch(text, /"blocks": "blake3"/);
    const { snapshot } = await importLocalDirectory(client, directory, { name: "again" });
    assert.notEqual(snapshot?.digest, (await client.inspect("a")).snapshot?.digest);
    await flip(join(directory, "memory-ranges"), 700 * 1024 + 17);
    await assert.rejects(importLocalDirectory(client, directory, { name: "changed" }), {
      reason: "ARCHIVE_INVALID",
      message: /memory-ranges is not what was exported/,
    });
  }));
