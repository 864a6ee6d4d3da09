// Kills the daemon in the middle of an upload, of which no part is visible afterwards. Also kills
// it after a deletion while the files still exist: the snapshot stays deleted.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type Client } from "../../src/client/index.js";
import { assertClean } from "../support/clean.js";
import { startDaemonProcess } from "../support/daemon-process.js";
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

interface Running {
  readonly client: Client;
  readonly source: string;
}

/** Kills a daemon while `upload` waits for the second half of its bytes. */
async function killDuring(upload: (running: Running) => Promise<unknown>): Promise<void> {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const source = await makeSmallSource(join(scratch, "source"));
    await using daemon = await startDaemonProcess(root);
    await using client = connect(daemon.address);
    const kept = await client.create({ config: { name: "kept" } }, packDirectory(source));
    const outcome = upload({ client, source }).then(
      () => assert.fail("the upload was acknowledged"),
      (error: unknown) => error,
    );
    const [id = ""] = await eventually("an upload", async () => {
      const ids = await entriesOf(root, "staging");
      return ids.length > 0 && ids;
    });
    await daemon.kill();
    await failsWith(Promise.reject(await outcome), "DAEMON_UNREACHABLE");
    await assertClean(root);
    await using store = await reopen(root);
    assert.equal(store.recovery.uploads, 1);
    for (const ref of ["web", id]) {
      assert.throws(() => store.inspect(ref), { reason: "SNAPSHOT_NOT_FOUND" });
    }
    assert.deepEqual(
      store.list({ pageSize: 10 }).snapshots.map(({ config }) => config.id),
      [kept.snapshot?.config?.id],
    );
    for (const part of ["staging", "trash", "quarantine"] as const) {
      assert.deepEqual(await entriesOf(root, part), [], part);
    }
    assert.deepEqual(await entriesOf(root, "data"), [kept.snapshot?.config?.id]);
    // The name of the upload is free.
    assert.equal((await store.update({ ref: "kept", name: "web" })).config.name, "web");
    await store[Symbol.asyncDispose]();
    await assertClean(root);
  });
}

test("a kill during a create", () =>
  killDuring(async ({ client, source }) => {
    const tar = await collect(packDirectory(source));
    await client.create({ config: { name: "web" } }, heldBack(tar, createGate()));
  }));

for (const compression of [1, 2]) {
  test(`a kill during an import, compression ${compression}`, () =>
    killDuring(async ({ client }) => {
      await using archive = await client.export({ ref: "kept", compression });
      const whole = await collect(archive.bytes);
      await client.import({ name: "web" }, heldBack(whole, createGate()));
    }));
}

test("a kill after a deletion whose snapshot is still being read", () =>
  withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const bytes = 24 * mib;
    const file = { name: "memory", sizeBytes: bytes, pieces: [piece(0, bytes)] };
    const source = await makeSource(join(scratch, "source"), [file]);
    await using daemon = await startDaemonProcess(root);
    await using client = connect(daemon.address);
    await client.create({ config: { name: "web" } }, packDirectory(source));
    // The data exceeds the windows of the connection, so the lease of this read keeps all files in
    // the trash.
    await using reading = await client.restore("web");
    const { deletedIds } = await client.delete({ refs: ["web"] });
    assert.deepEqual(await entriesOf(root, "trash"), deletedIds);
    assert.ok(reading.header.dataBytes > 0n);
    await daemon.kill();
    await using store = await reopen(root);
    assert.equal(store.recovery.adopted, 0);
    assert.deepEqual(store.list({ pageSize: 10 }).snapshots, []);
    for (const part of ["data", "trash", "quarantine"] as const) {
      assert.deepEqual(await entriesOf(root, part), [], part);
    }
  }));
