// Tests that a snapshot that is made from a parent and from what has changed equals a snapshot that
// was stored whole, and that a refused delta changes nothing.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { writeSync } from "node:fs";
import { mkdir, open, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { writeTar } from "../../src/archive/tar-writer.js";
import type { ErrorReason, StoreError } from "../../src/base/errors.js";
import { countProgress } from "../../src/client/progress.js";
import { unpackInto } from "../../src/client/unpack.js";
import type { FilePiece } from "../../src/holes/extents.js";
import type { DeltaRequest } from "../../src/model/delta.js";
import type { FindingKind } from "../../src/model/finding.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import type { DownloadStreamOptions } from "../../src/store/read/read.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { OwnedChunk } from "../../src/wire/chunk.js";
import { assertClean } from "../support/clean.js";
import { owned } from "../support/chunks.js";
import { failsWith } from "../support/errors.js";
import {
  cannotMount,
  extentsOf,
  patternBytes,
  withFilesystem,
  withScratchDir,
} from "../support/scratch.js";
import { openPastMode } from "../support/tamper.js";
import { kib, mib, packDirectory } from "./contents.js";
import {
  compareStoredSnapshots,
  deltaOf,
  hashed,
  makeDelta,
  makeExpected,
  openDeltaStore,
  pageBytes,
  requestOf,
  sendDelta,
  storeWhole,
  untilDone,
  verifyIntact,
  type Change,
} from "./delta-scene.js";

const run = promisify(execFile);
const blockBytes = 256 * kib;

interface Scene {
  readonly store: SnapshotStore;
  readonly at: (name: string) => string;
}

async function withScene(directory: string, body: (scene: Scene) => Promise<void>): Promise<void> {
  const root = join(directory, "root");
  {
    await using store = await openDeltaStore(root);
    await body({ store, at: (name) => join(directory, name) });
  }
  assert.deepEqual(await readdir(join(root, "staging")), [], "left in staging");
}

const sizes = fc.oneof(
  fc.constantFrom(0, 1, pageBytes, blockBytes, 3 * blockBytes, 2 * mib),
  fc.integer({ min: 1, max: 2 * mib }),
);

/** Generates ranges of whole pages. Most lie in one block or across the border of two blocks. */
function changesWithin(sizeBytes: number): fc.Arbitrary<Change[]> {
  const pages = Math.max(1, Math.ceil(sizeBytes / pageBytes));
  const change = fc.record({
    kind: fc.constantFrom("data", "data", "zeros", "hole"),
    offset: fc.integer({ min: 0, max: pages - 1 }).map((page) => page * pageBytes),
    length: fc
      .oneof(fc.constantFrom(1, 2, 63, 64, 65, 128, pages), fc.integer({ min: 1, max: 16 }))
      .map((count) => count * pageBytes),
  });
  return fc.array(change, { maxLength: 12 });
}

const anyCase = sizes.chain((sizeBytes) =>
  fc.record({
    sizeBytes: fc.constant(sizeBytes),
    parent: changesWithin(sizeBytes),
    changes: fc.array(changesWithin(sizeBytes), { minLength: 1, maxLength: 2 }),
  }),
);

/** Stores a chain of deltas through both calls, and the same content whole. */
async function compareChain(
  { store, at }: Scene,
  { sizeBytes, parent, changes }: { sizeBytes: number; parent: Change[]; changes: Change[][] },
): Promise<void> {
  const run = randomUUID().slice(0, 8);
  await mkdir(at(run));
  const place = (name: string): string => at(join(run, name));
  await makeDelta(place("0"), sizeBytes, parent);
  // Storing moves the directory into the store, so the chain continues from a copy.
  await makeExpected(place("next-0"), place("0"), place("0"), []);
  await storeWhole(store, `${run}-0`, place("0"));
  for (const [index, each] of changes.entries()) {
    const [before, now] = [`${run}-${index}`, `${run}-${index + 1}`];
    const delta = await makeDelta(place(`delta-${index}`), sizeBytes, each);
    const extents = (await extentsOf(join(delta, "memory"))) ?? [];
    const last = place(`next-${index}`);
    const expected = await makeExpected(place(`next-${index + 1}`), last, delta, extents);
    await makeExpected(place("whole"), expected, delta, []);
    const whole = await storeWhole(store, `${now}-whole`, place("whole"));
    const sent = await sendDelta(store, deltaOf(now, { parent: before }), delta);
    await compareStoredSnapshots(store, sent, whole);
    const request = deltaOf(`${now}-direct`, { parent: before });
    const direct = await store.createDeltaFromDirectory(request, { path: delta }, untilDone());
    await compareStoredSnapshots(store, direct, whole);
    assert.equal(sent.parentDigest, store.inspect(before).digest);
    assert.deepEqual(await extentsOf(join(delta, "memory")), extents, "the delta stays as it is");
    await store.delete({ refs: [`${now}-whole`, `${now}-direct`], allowMissing: false });
  }
  await verifyIntact(store, `${run}-${changes.length}`);
  const refs = Array.from({ length: changes.length + 1 }, (_, index) => `${run}-${index}`);
  await store.delete({ refs, allowMissing: false });
  await rm(at(run), { recursive: true });
}

const property = (scene: Scene) => fc.asyncProperty(anyCase, (each) => compareChain(scene, each));

test("any writes, zeros and holes over any parent are as a whole upload: copied blocks", () =>
  withScratchDir(async (directory) => {
    await withScene(directory, (scene) => fc.assert(property(scene), { numRuns: 12 }));
    await assertClean(join(directory, "root"));
  }));

test(
  "any writes, zeros and holes over any parent are as a whole upload: shared blocks",
  { skip: cannotMount("xfs") },
  () =>
    withFilesystem("xfs", 600, async (directory) => {
      await withScene(directory, (scene) => fc.assert(property(scene), { numRuns: 12 }));
      await assertClean(join(directory, "root"));
    }),
);

/**
 * Stores a parent that has three files, among them `memory` with four blocks. Makes a delta that
 * changes a page of the second block.
 */
async function makePair({ store, at }: Scene): Promise<string> {
  await makeDelta(at("source"), mib, [{ kind: "data", offset: 0, length: mib }]);
  await writeFile(join(at("source"), "state.json"), "{}");
  await writeFile(join(at("source"), "disk"), Buffer.alloc(2 * blockBytes, 7));
  await store.create(requestOf("parent"), owned(packDirectory(at("source"))), untilDone());
  return await makeDelta(at("delta"), mib, [
    { kind: "data", offset: blockBytes, length: pageBytes },
  ]);
}

const inScratch =
  (body: (scene: Scene) => Promise<void>, damaged: FindingKind[] = []) =>
  () =>
    withScratchDir(async (directory) => {
      await withScene(directory, body);
      await assertClean(join(directory, "root"), damaged);
    });

/** Fails unless both calls refuse the delta with the same reason. */
async function refuses(
  { store }: Scene,
  request: ReturnType<typeof deltaOf>,
  directory: string,
  reason: ErrorReason,
): Promise<StoreError> {
  await failsWith(
    store.createDeltaFromDirectory(request, { path: directory }, untilDone()),
    reason,
  );
  return await failsWith(sendDelta(store, request, directory), reason);
}

test(
  "a delta that does not fit its parent is refused, by both ways",
  inScratch(async (scene) => {
    const { store, at } = scene;
    const delta = await makePair(scene);
    const fields = async (change: Partial<DeltaRequest>, reason: ErrorReason = "FIELD_INVALID") =>
      (await refuses(scene, deltaOf("child", change), delta, reason)).fields[0]?.field;
    assert.equal(await fields({ parent: "" }), "parent");
    await fields({ parent: "nobody" }, "SNAPSHOT_NOT_FOUND");
    assert.equal(await fields({ deltaFiles: ["memory", "memory"] }), "deltaFiles[1]");
    assert.equal(await fields({ deltaFiles: ["memory", "other"] }), "deltaFiles[1]", "no parent");
    assert.equal(await fields({ deltaFiles: ["memory", "disk"] }), "deltaFiles[1]", "not sent");
    const longer = await makeDelta(at("longer"), mib + 1, []);
    const error = await refuses(scene, deltaOf("child"), longer, "FIELD_INVALID");
    assert.equal(error.fields[0]?.field, "deltaFiles[0]");
    assert.match(error.message, /memory with 1 MiB \(1048576 bytes\), as in the parent/);
    await writeFile(join(delta, "snapshot.json"), "{}");
    const direct = { path: delta };
    await failsWith(
      store.createDeltaFromDirectory(deltaOf("child"), direct, untilDone()),
      "ARCHIVE_INVALID",
    );
    assert.deepEqual(
      store.list({ pageSize: 10 }).snapshots.map(({ config }) => config.name),
      ["parent"],
    );
  }),
);

test(
  "a delta file without a sparse map is refused: nobody could tell what has changed",
  inScratch(async (scene) => {
    const delta = await makePair(scene);
    const plain = writeTar([
      {
        ...{ name: "memory", mode: 0o600, sizeBytes: mib, extents: undefined },
        pieces: () => piecesOf(Buffer.alloc(mib, 1)),
      },
    ]);
    const { store } = scene;
    const error = await failsWith(
      store.createDelta(deltaOf("child"), plain, untilDone()),
      "ARCHIVE_INVALID",
    );
    assert.match(error.text, /sparse map/);
    const whole = await makeDelta(scene.at("dense"), mib, [
      { kind: "zeros", offset: 0, length: mib },
    ]);
    await sendDelta(store, deltaOf("dense"), whole);
    const [file] = store.inspect("dense").files;
    const stored = join(store.layout.filesDirectory(store.inspect("dense").config.id), "memory");
    assert.ok((await readFile(stored)).every((byte) => byte === 0));
    assert.equal(file?.allocatedBytes, mib, "written zeros are data");
    await sendDelta(store, deltaOf("child"), delta);
  }),
);

async function* piecesOf(bytes: Buffer): AsyncGenerator<FilePiece> {
  yield await Promise.resolve({ offset: 0, chunk: OwnedChunk.copyOf(bytes) });
}

test(
  "files of the parent that the upload lacks are inherited if asked for; nothing depends on it",
  inScratch(async (scene) => {
    const { store, at } = scene;
    const delta = await makePair(scene);
    await writeFile(join(delta, "state.json"), "{ }");
    const parent = store.inspect("parent");
    const alone = await sendDelta(store, deltaOf("alone"), delta);
    assert.deepEqual(
      alone.files.map(({ name }) => name),
      ["memory", "state.json"],
    );
    const child = await sendDelta(store, deltaOf("child", { inheritFiles: true }), delta);
    assert.equal(child.parentDigest, parent.digest);
    const digestOf = (snapshot: Snapshot, name: string) =>
      snapshot.files.find((file) => file.name === name)?.digest;
    assert.equal(digestOf(child, "disk"), digestOf(parent, "disk"));
    assert.notEqual(digestOf(child, "memory"), digestOf(parent, "memory"));
    await store.delete({ refs: ["parent"], allowMissing: false });
    const download = await store.download("child", restoring, untilDone());
    await unpackInto(at("out"), download.bytes, {
      ...{ sync: false, progress: countProgress(0, undefined) },
    });
    await download[Symbol.asyncDispose]();
    const expected = await readFile(join(at("source"), "memory"));
    const page = await readFile(join(delta, "memory"));
    page.copy(expected, blockBytes, blockBytes, blockBytes + pageBytes);
    assert.ok((await readFile(join(at("out"), "memory"))).equals(expected));
    assert.ok((await readFile(join(at("out"), "disk"))).equals(Buffer.alloc(2 * blockBytes, 7)));
  }),
);

const restoring: DownloadStreamOptions = {
  force: false,
  verify: true,
  envelope: false,
  compression: "none",
  sparseFormat: "gnu",
};

/** Overwrites one byte of a stored file. */
async function damage(store: SnapshotStore, ref: string, offset: number): Promise<void> {
  const { config } = store.inspect(ref);
  await using handle = await openPastMode(join(store.layout.filesDirectory(config.id), "memory"));
  await handle.write(Buffer.from([0]), 0, 1, offset);
  await handle.sync();
}

test(
  "damage in a block that changes in part is found, marks the parent, and is not made content",
  inScratch(async (scene) => {
    const { store } = scene;
    const delta = await makePair(scene);
    await damage(store, "parent", 2 * blockBytes - 1);
    const request = { ...deltaOf("child"), requestId: randomUUID() };
    const error = await failsWith(sendDelta(store, request, delta), "STORED_DATA_CORRUPT");
    assert.equal(error.metadata["offset"], String(blockBytes));
    assert.equal(store.inspect("parent").corrupt, true);
    await refuses(scene, request, delta, "STORED_DATA_CORRUPT");
    // The same call with the same bytes succeeds when the parent is whole again.
    const { files, config } = store.inspect("parent");
    const path = join(store.layout.filesDirectory(config.id), "memory");
    const good = await readFile(join(scene.at("source"), "memory"));
    await using handle = await openPastMode(path);
    await handle.write(good, 0, good.length, 0);
    for await (const event of store.verify({ ref: "parent", limitBytesPerSecond: 0 }, untilDone()))
      void event;
    assert.equal(store.inspect("parent").corrupt, false, files[0]?.name);
    const child = await sendDelta(store, request, delta);
    assert.equal((await sendDelta(store, request, delta)).config.id, child.config.id);
    const other = { ...request, delta: { ...request.delta, inheritFiles: true } };
    await failsWith(sendDelta(store, other, delta), "REQUEST_ID_REUSED");
  }),
);

test(
  "damage in a block without a change stays damage: the new snapshot has the parent's digest",
  inScratch(
    async (scene) => {
      const { store } = scene;
      const delta = await makePair(scene);
      await damage(store, "parent", 3 * blockBytes);
      const child = await sendDelta(store, deltaOf("child"), delta);
      assert.equal(store.inspect("parent").corrupt, false, "nobody has read the block");
      for await (const event of store.verify({ ref: "child", limitBytesPerSecond: 0 }, untilDone()))
        void event;
      assert.equal(store.inspect(child.config.id).corrupt, true);
    },
    ["data_damaged", "marked_corrupt"],
  ),
);

test(
  "a parent without digests gives a child without digests, which gets them in the background",
  inScratch(async (scene) => {
    const { store, at } = scene;
    const changes = [{ kind: "data", offset: 0, length: 40 * mib }] as const;
    await makeDelta(at("source"), 64 * mib, changes);
    await makeDelta(at("delta"), 64 * mib, [{ kind: "data", offset: mib, length: pageBytes }]);
    await store.createFromDirectory(requestOf("parent"), { path: at("source") }, untilDone());
    const pending = store.inspect("parent").digest === "";
    const child = await store.createDeltaFromDirectory(
      ...([deltaOf("child"), { path: at("delta") }, untilDone()] as const),
    );
    if (pending) assert.equal(child.parentDigest, "");
    const { digest } = await hashed(store, "child");
    assert.notEqual(digest, "");
    await verifyIntact(store, "child");
  }),
);

test(
  "a directory whose filesystem reports holes of 2 MiB is refused",
  { skip: cannotMount("tmpfs") },
  () =>
    withFilesystem("tmpfs", 64, (huge) =>
      withScratchDir((directory) =>
        withScene(directory, async (scene) => {
          const { store } = scene;
          await makePair(scene);
          await run("mount", ["-o", "remount,huge=always", huge]);
          const path = await makeDelta(join(huge, "delta"), mib, [
            { kind: "data", offset: 0, length: pageBytes },
          ]);
          if ((await stat(join(path, "memory"))).blksize <= pageBytes) return;
          const error = await failsWith(
            store.createDeltaFromDirectory(deltaOf("child"), { path }, untilDone()),
            "FIELD_INVALID",
          );
          assert.equal(error.fields[0]?.field, "directory");
          await failsWith(sendDelta(store, deltaOf("child"), path), "FIELD_INVALID");
        }),
      ),
    ),
);

const manyExtents = 500_000;

test("a delta of 500,000 ranges is as a whole upload", { skip: cannotMount("ext4") }, () =>
  withFilesystem(
    "ext4",
    3500,
    async (directory) => {
      await withScene(directory, async (scene) => {
        const { store, at } = scene;
        const sizeBytes = manyExtents * 2 * kib;
        await makeDelta(at("source"), sizeBytes, []);
        await storeWhole(store, "parent", at("source"));
        await mkdir(at("delta"));
        await makeComb(join(at("delta"), "memory"), sizeBytes);
        const sent = await sendDelta(store, deltaOf("sent"), at("delta"));
        const direct = await store.createDeltaFromDirectory(
          ...([deltaOf("direct"), { path: at("delta") }, untilDone()] as const),
        );
        await compareStoredSnapshots(store, direct, sent, { bytes: false });
        await verifyIntact(store, "sent");
        await store.delete({ refs: ["direct"], allowMissing: false });
        const bytes = owned(packDirectory(at("delta")));
        const whole = await store.create(requestOf("whole"), bytes, untilDone());
        await compareStoredSnapshots(store, sent, whole, { bytes: false });
      });
    },
    ["-b", "1024"],
  ),
);

/** Writes a file in which 1 KiB of data and a hole of 1 KiB alternate. */
async function makeComb(path: string, sizeBytes: number): Promise<void> {
  await using file = await open(path, "wx");
  await file.truncate(sizeBytes);
  const bytes = patternBytes(kib, 3);
  for (let at = 0; at < sizeBytes; at += 2 * kib) writeSync(file.fd, bytes, 0, kib, at);
}
