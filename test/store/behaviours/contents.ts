// Tests that stored data is returned unchanged: the same bytes and the same holes, without more
// space than necessary.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { writeTar } from "../../../src/archive/tar-writer.js";
import { zstdAvailable } from "../../../src/archive/compression.js";
import { allocatedBytesOf, patternBytes } from "../../support/scratch.js";
import {
  claimsOf,
  collect,
  compareDirectories,
  createFrom,
  entryNames,
  envelopeText,
  gib,
  kib,
  makeSmallSource,
  makeSource,
  mib,
  packDirectory,
  piece,
  restoreTo,
  streamOf,
  unpackReading,
} from "../contents.js";
import type { StoreTest } from "../store-test.js";
import { lend, OwnedChunk } from "../../../src/wire/chunk.js";
import { compressions, sparseFormats } from "../subject.js";

const sha256 = /^sha256:[0-9a-f]{64}$/;

export function contentBehaviours(storeTest: StoreTest): void {
  storeTest(
    "a created snapshot is inspected and restored unchanged",
    async ({ store, scratch }) => {
      const source = await makeSource(join(scratch, "source"), [
        { name: "dense", sizeBytes: mib + 123, pieces: [piece(0, mib + 123)], mode: 0o755 },
        { name: "empty", sizeBytes: 0, pieces: [], mode: 0o400 },
        { name: "far", sizeBytes: 6 * gib + 5, pieces: [piece(4 * gib - 6 * kib, 12 * kib)] },
        { name: "hole", sizeBytes: 64 * mib, pieces: [] },
        { name: "tail", sizeBytes: 5 * gib + 17, pieces: [piece(0, 1), piece(5 * gib, 17)] },
      ]);
      const created = await createFrom(store, source, { name: "web", labels: { a: "1" } });
      assert.equal(created.sizeBytes, mib + 123 + 6 * gib + 5 + 64 * mib + 5 * gib + 17);
      assert.match(created.digest, sha256);
      const seen = await store.inspect("web");
      assert.deepEqual(seen, created);
      const shown = seen.files.map(({ name, sizeBytes, mode }) => ({ name, sizeBytes, mode }));
      assert.deepEqual(shown, [
        { name: "dense", sizeBytes: mib + 123, mode: 0o755 },
        { name: "empty", sizeBytes: 0, mode: 0o400 },
        { name: "far", sizeBytes: 6 * gib + 5, mode: 0o600 },
        { name: "hole", sizeBytes: 64 * mib, mode: 0o600 },
        { name: "tail", sizeBytes: 5 * gib + 17, mode: 0o600 },
      ]);
      for (const file of seen.files) assert.match(file.digest, sha256);
      await compareDirectories(await restoreTo(store, "web", join(scratch, "restored")), source);
    },
  );

  storeTest(
    "an upload that is cut off after a large file ends, and its name is free",
    async (t) => {
      const { store, scratch } = t;
      const source = await makeSource(join(scratch, "source"), [
        { name: "a", sizeBytes: 6 * mib, pieces: [piece(0, 6 * mib)] },
        { name: "b", sizeBytes: 6 * mib, pieces: [piece(0, 6 * mib)] },
      ]);
      const whole = await collect(packDirectory(source));
      for (const keptBytes of [whole.length - 700, 7 * mib]) {
        const cut = streamOf(whole.subarray(0, keptBytes));
        await assert.rejects(store.create(cut, { name: "web" }), { reason: "ARCHIVE_INVALID" });
      }
      await createFrom(store, source, { name: "web" });
      await compareDirectories(await restoreTo(store, "web", join(scratch, "restored")), source);
    },
  );

  storeTest("10 GiB with 25 MB of data cost 25 MB everywhere", async ({ store, scratch }) => {
    const pieces = [...Array(25).keys()].map((index) => piece(index * 400 * mib + 4 * kib, mib));
    const source = await makeSource(join(scratch, "source"), [
      { name: "cow.raw", sizeBytes: 10 * gib, pieces },
    ]);
    const snapshot = await createFrom(store, source, { storageBytes: 10 * gib });
    assert.equal(snapshot.sizeBytes, 10 * gib);
    const stored = join(store.root, "data", snapshot.id, "files", "cow.raw");
    assert.ok((await allocatedBytesOf(stored)) < 60_000_000);
    assert.ok(snapshot.allocatedBytes < 60_000_000);
    const restored = await restoreTo(store, snapshot.id, join(scratch, "restored"));
    assert.ok((await allocatedBytesOf(join(restored, "cow.raw"))) < 60_000_000);
    await compareDirectories(restored, source);
    await using archive = await store.export(snapshot.id);
    let archiveBytes = 0;
    for await (const bytes of archive.bytes) archiveBytes += bytes.length;
    assert.ok(archiveBytes >= 25 * mib && archiveBytes < 26 * mib, `${archiveBytes} bytes`);
  });

  storeTest("every kind of archive imports to the same files", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const original = await createFrom(store, source, { name: "web", description: "of 2030" });
    const zstd = await zstdAvailable();
    for (const compression of compressions.filter((each) => each !== "zstd" || zstd)) {
      for (const sparseFormat of sparseFormats) {
        const name = `${compression}-${sparseFormat}`;
        await using archive = await store.export("web", { compression, sparseFormat });
        const copy = await store.import(archive.bytes, { name });
        assert.notEqual(copy.id, original.id);
        assert.equal(copy.name, name);
        assert.equal(copy.description, "of 2030");
        assert.equal(copy.digest, original.digest, name);
        await compareDirectories(await restoreTo(store, name, join(scratch, name)), source);
      }
    }
  });

  // This test guards against a bug in which each end of one connection waited for the other to
  // read; see src/client/channel.ts.
  storeTest("one caller can stream an export into an import", async ({ store, scratch }) => {
    const source = await makeSource(join(scratch, "source"), [
      { name: "dense", sizeBytes: 24 * mib, pieces: [piece(0, 24 * mib)] },
    ]);
    const original = await createFrom(store, source);
    await using archive = await store.export(original.id);
    const copy = await store.import(archive.bytes);
    assert.equal(copy.digest, original.digest);
  });

  storeTest("a restore has data files only, an export snapshot.json first", async (context) => {
    const { store, scratch } = context;
    const source = await makeSmallSource(join(scratch, "source"));
    const original = await createFrom(store, source, { name: "web", image: "debian" });
    const files = (await readdir(source)).sort();
    await using restored = await store.restore("web");
    assert.deepEqual(await entryNames(restored.bytes), files);
    await using exported = await store.export("web");
    const directory = await unpackReading(exported, join(scratch, "exported"));
    assert.deepEqual((await readdir(directory)).sort(), [...files, "snapshot.json"].sort());
    await using again = await store.export("web");
    assert.deepEqual(await entryNames(again.bytes), ["snapshot.json", ...files]);
    await using envelope = await store.export("web");
    assert.deepEqual(JSON.parse(await envelopeText(await collect(envelope.bytes))), {
      config: { id: original.id, name: "web", image: "debian" },
      version: 1,
      files,
      stasis: claimsOf(original),
    });
  });

  storeTest("unknown keys survive import and export", async ({ store }) => {
    const text =
      '{"config":{"name":"web","future":{"deep":[1,{"é":12345678901234567890}]}},' +
      '"version":1,"signature":1.50}';
    const archive = writeTar([memoryFile("state", patternBytes(5000, 1))], {
      envelope: Buffer.from(text),
    });
    await store.import(lend(archive));
    await store.restart();
    await store.update("web", { description: "changed" });
    await using exported = await store.export("web");
    const out = await envelopeText(await collect(exported.bytes));
    assert.match(out, /12345678901234567890/);
    assert.match(out, /"signature": 1\.50/);
    assert.match(out, /"future": \{/);
    assert.match(out, /"description": "changed"/);
  });
}

function memoryFile(name: string, bytes: Uint8Array) {
  return {
    name,
    mode: 0o600,
    sizeBytes: bytes.length,
    extents: undefined,
    pieces: async function* () {
      yield await Promise.resolve({ offset: 0, chunk: OwnedChunk.copyOf(bytes) });
    },
  };
}
