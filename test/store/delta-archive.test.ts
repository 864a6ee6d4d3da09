// Tests that a snapshot arrives unchanged as a delta archive, that an archive is refused if it
// contradicts itself or the parent, and that damage of the parent or the child is noticed.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { chmod, mkdir, open, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { decodeEnvelope, encodeEnvelope, type Envelope } from "../../src/archive/envelope.js";
import { readTar } from "../../src/archive/tar-reader.js";
import { writeTar, type ArchiveFile } from "../../src/archive/tar-writer.js";
import type { ErrorReason, StoreError } from "../../src/base/errors.js";
import { releaseRange } from "../../src/holes/native.js";
import type { Extent } from "../../src/model/extent.js";
import type { FindingKind } from "../../src/model/finding.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import type { DownloadStreamOptions } from "../../src/store/read/read.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { OwnedChunk, type OwnedStream } from "../../src/wire/chunk.js";
import { assertClean } from "../support/clean.js";
import { collect } from "../support/chunks.js";
import { failsWith } from "../support/errors.js";
import { openPastMode } from "../support/tamper.js";
import {
  cannotMount,
  compareFiles,
  patternBytes,
  withFilesystem,
  withScratchDir,
} from "../support/scratch.js";
import { kib, mib } from "./contents.js";
import {
  makeDelta,
  makeExpected,
  openDeltaStore,
  pageBytes,
  requestOf,
  storeWhole,
  untilDone,
  verifyIntact,
  type Change,
} from "./delta-scene.js";

const blockBytes = 256 * kib;

interface Scene {
  readonly from: SnapshotStore;
  /** Another store, which has only what a test puts into it. */
  readonly to: SnapshotStore;
  readonly at: (name: string) => string;
}

async function withScene(directory: string, body: (scene: Scene) => Promise<void>): Promise<void> {
  const at = (name: string): string => join(directory, name);
  {
    await using from = await openDeltaStore(at("from"));
    await using to = await openDeltaStore(at("to"));
    await body({ from, to, at });
  }
  for (const root of ["from", "to"]) assert.deepEqual(await readdir(at(join(root, "staging"))), []);
}

const inScratch =
  (body: (scene: Scene) => Promise<void>, damaged: FindingKind[] = []) =>
  () =>
    withScratchDir(async (directory) => {
      await withScene(directory, body);
      await assertClean(join(directory, "from"), damaged);
      await assertClean(join(directory, "to"));
    });

const whole: DownloadStreamOptions = {
  force: false,
  verify: false,
  envelope: true,
  compression: "none",
  sparseFormat: "gnu",
};

async function* once(bytes: Uint8Array): OwnedStream {
  await Promise.resolve();
  yield OwnedChunk.copyOf(bytes);
}

async function exported(
  store: SnapshotStore,
  ref: string,
  options: Partial<DownloadStreamOptions> = {},
): Promise<Buffer> {
  await using source = await store.download(ref, { ...whole, ...options }, untilDone());
  assert.equal(source.parentDigest === "", options.deltaFrom === undefined);
  return await collect(source.bytes);
}

function imported(
  store: SnapshotStore,
  name: string,
  archive: Uint8Array,
  parent = "",
): Promise<Snapshot> {
  const request = { ...requestOf(name), parent };
  return store.import(request, once(archive), untilDone());
}

/** Applies changes to a file in place. A hole is punched. */
async function applyTo(path: string, sizeBytes: number, changes: readonly Change[]): Promise<void> {
  await chmod(path, 0o600);
  await using file = await open(path, "r+");
  for (const [index, { kind, offset, length: wanted }] of changes.entries()) {
    const length = Math.min(wanted, sizeBytes - offset);
    if (length <= 0) continue;
    const bytes = kind === "data" ? patternBytes(length, index + 1000) : Buffer.alloc(length);
    if (kind === "hole") await releaseRange(file.fd, offset, length);
    else await file.write(bytes, 0, length, offset);
  }
}

const sizes = fc.oneof(
  fc.constantFrom(0, 1, pageBytes, blockBytes, 3 * blockBytes, 2 * mib),
  fc.integer({ min: 1, max: 2 * mib }),
);

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
    child: changesWithin(sizeBytes),
    compression: fc.constantFrom("none", "gzip", "zstd"),
  }),
);

type Case = typeof anyCase extends fc.Arbitrary<infer T> ? T : never;

/** Exports a child against its parent, and imports it where the same parent is. */
async function travel(scene: Scene, { sizeBytes, parent, child, compression }: Case) {
  const { from, to, at } = scene;
  const run = randomUUID().slice(0, 8);
  await mkdir(at(run));
  const place = (name: string): string => at(join(run, name));
  await makeDelta(place("0"), sizeBytes, parent);
  for (const copy of ["1", "2"]) await makeExpected(place(copy), place("0"), place("0"), []);
  await applyTo(join(place("2"), "memory"), sizeBytes, child);
  for (const copy of ["0", "1", "2"]) await chmod(join(place(copy), "memory"), 0o600);
  await storeWhole(to, `${run}-parent`, place("0"));
  await storeWhole(from, `${run}-parent`, place("1"));
  const sent = await storeWhole(from, `${run}-child`, place("2"));
  const options = { deltaFrom: `${run}-parent`, compression };
  const archive = await exported(from, `${run}-child`, options);
  const got = await imported(to, `${run}-child`, archive);
  await compareSnapshots(scene, sent, got);
  assert.equal(got.parentDigest, to.inspect(`${run}-parent`).digest);
  await verifyIntact(to, `${run}-child`);
  const refs = [`${run}-parent`, `${run}-child`];
  for (const store of [from, to]) await store.delete({ refs, allowMissing: false });
  await rm(at(run), { recursive: true });
}

/** Fails unless the snapshots have the same bytes, holes, modes and digests. */
async function compareSnapshots({ from, to }: Scene, sent: Snapshot, got: Snapshot): Promise<void> {
  const known = ({ files }: Snapshot) =>
    files.map(({ name, sizeBytes, mode, digest }) => ({ name, sizeBytes, mode, digest }));
  assert.deepEqual(known(got), known(sent));
  assert.equal(got.digest, sent.digest);
  for (const { name } of sent.files) {
    const [a, b] = [from, to].map(({ layout }, index) =>
      join(layout.filesDirectory([sent, got][index]?.config.id ?? ""), name),
    );
    await compareFiles(a ?? "", b ?? "");
  }
}

const property = (scene: Scene) => fc.asyncProperty(anyCase, (each) => travel(scene, each));

test("any child of any parent arrives with its bytes, holes and digests: copied blocks", () =>
  withScratchDir((directory) =>
    withScene(directory, (scene) => fc.assert(property(scene), { numRuns: 12 })),
  ));

test(
  "any child of any parent arrives with its bytes, holes and digests: shared blocks",
  { skip: cannotMount("xfs") },
  () =>
    withFilesystem("xfs", 600, (directory) =>
      withScene(directory, (scene) => fc.assert(property(scene), { numRuns: 12 })),
    ),
);

const changes: readonly Change[] = [
  { kind: "data", offset: 0, length: pageBytes },
  { kind: "zeros", offset: blockBytes, length: pageBytes },
  { kind: "hole", offset: 2 * blockBytes, length: 2 * pageBytes },
];

/**
 * Makes a parent in both stores, and in `from` a child. The child's `disk` is the parent's, its
 * `memory` and `state.json` differ, and it has `new` instead of `old`.
 */
async function makePair({ from, to, at }: Scene): Promise<Snapshot> {
  for (const [store, name] of [
    [to, "parent-to"],
    [from, "parent-from"],
    [from, "child"],
  ] as const) {
    await makeDelta(at(name), 4 * blockBytes, [{ kind: "data", offset: 0, length: mib }]);
    await writeFile(join(at(name), "disk"), Buffer.alloc(2 * blockBytes, 7));
    await writeFile(
      join(at(name), "state.json"),
      `{"of":"${name === "child" ? "child" : "parent"}"}`,
    );
    if (name === "child") {
      await applyTo(join(at(name), "memory"), mib, changes);
      await writeFile(join(at(name), "new"), "new");
    } else {
      await writeFile(join(at(name), "old"), "old");
    }
    await storeWhole(store, name === "child" ? "child" : "parent", at(name));
  }
  return from.inspect("child");
}

async function entriesOf(archive: Uint8Array): Promise<Map<string, number>> {
  const entries = new Map<string, number>();
  for await (const { name, extents = [] } of readTar(once(archive))) {
    let bytes = 0;
    for (const { length } of extents) bytes += length;
    entries.set(name, bytes);
  }
  return entries;
}

async function envelopeOf(archive: Uint8Array): Promise<Envelope> {
  for await (const entry of readTar(once(archive))) {
    const bytes = Buffer.alloc(entry.sizeBytes);
    for await (const { offset, chunk } of entry.pieces()) bytes.set(chunk.bytes, offset);
    return decodeEnvelope(bytes, { deltas: true });
  }
  throw new Error("the archive is empty");
}

test(
  "a delta archive holds the pages that differ, and no file that is the parent's",
  inScratch(async (scene) => {
    const { from, to } = scene;
    const sent = await makePair(scene);
    const archive = await exported(from, "child", { deltaFrom: "parent" });
    const entries = await entriesOf(archive);
    assert.deepEqual([...entries.keys()], ["snapshot.json", "memory", "new", "state.json"]);
    assert.equal(entries.get("memory"), 2 * pageBytes);
    const { delta } = await envelopeOf(archive);
    const { digest, config } = from.inspect("parent");
    assert.deepEqual(delta?.parent, { digest, id: config.id, name: "parent" });
    assert.deepEqual(delta.inherited, ["disk"]);
    assert.deepEqual(delta.deltaFiles.get("memory"), [
      { offset: 2 * blockBytes, length: 2 * pageBytes },
    ]);
    const got = await imported(to, "child", archive);
    await compareSnapshots(scene, sent, got);
    await to.delete({ refs: ["parent"], allowMissing: false });
    await verifyIntact(to, "child");
  }),
);

test(
  "a file whose mode alone differs arrives with its mode",
  inScratch(async (scene) => {
    const { from, to, at } = scene;
    for (const [store, name, mode] of [
      [to, "a", 0o600],
      [from, "b", 0o600],
      [from, "c", 0o640],
    ] as const) {
      await makeDelta(at(name), mib, [{ kind: "data", offset: 0, length: mib }]);
      await chmod(join(at(name), "memory"), mode);
      await storeWhole(store, name === "c" ? "child" : "parent", at(name));
    }
    const archive = await exported(from, "child", { deltaFrom: "parent" });
    const got = await imported(to, "child", archive);
    await compareSnapshots(scene, from.inspect("child"), got);
    assert.equal((await entriesOf(archive)).get("memory"), 0);
  }),
);

test(
  "a parent that is missing is named by its digest, and a parent that is named must have it",
  inScratch(async (scene) => {
    const { from, to } = scene;
    const sent = await makePair(scene);
    const archive = await exported(from, "child", { deltaFrom: "parent" });
    const { digest } = to.inspect("parent");
    await to.update({ ref: "parent", name: "renamed" });
    await compareSnapshots(scene, sent, await imported(to, "named", archive, "renamed"));
    await imported(to, "other", await exported(from, "child"));
    const error = await failsWith(imported(to, "child", archive, "other"), "FIELD_INVALID");
    assert.equal(error.fields[0]?.field, "parent");
    assert.match(error.message, new RegExp(digest));
    await failsWith(imported(to, "child", archive, "nobody"), "SNAPSHOT_NOT_FOUND");
    await to.delete({ refs: ["renamed"], allowMissing: false });
    const missing = await failsWith(imported(to, "child", archive), "SNAPSHOT_NOT_FOUND");
    assert.match(missing.message, new RegExp(digest));
    assert.match(missing.hint ?? "", /"parent"/);
    const whole = await exported(from, "child");
    const needless = await failsWith(imported(to, "child", whole, "other"), "FIELD_INVALID");
    assert.equal(needless.fields[0]?.field, "parent");
  }),
);

test(
  "a confined caller finds a parent among its own snapshots only",
  inScratch(async (scene) => {
    const { from, to } = scene;
    await makePair(scene);
    const archive = await exported(from, "child", { deltaFrom: "parent" });
    const own = to.confined("team/");
    const request = requestOf("team/child");
    const attempt = () => own.import(request, once(archive), untilDone());
    await failsWith(attempt(), "SNAPSHOT_NOT_FOUND");
    await to.update({ ref: "parent", name: "team/parent" });
    assert.equal((await attempt()).digest, from.inspect("child").digest);
    const options = { ...whole, deltaFrom: "parent" };
    await failsWith(
      from.confined("child").download("child", options, untilDone()),
      "SNAPSHOT_NOT_FOUND",
    );
  }),
);

test(
  "an export that no delta can be made for is refused",
  inScratch(async (scene) => {
    const { from } = scene;
    await makePair(scene);
    const field = async (options: Partial<DownloadStreamOptions>) => {
      const asked = { ...whole, deltaFrom: "parent", ...options };
      const error = await failsWith(from.download("child", asked, untilDone()), "FIELD_INVALID");
      return error.fields[0]?.field;
    };
    assert.equal(await field({ force: true }), "force");
    assert.equal(await field({ files: ["memory"] }), "files");
    assert.equal(await field({ sparseFormat: "none" }), "sparseFormat");
    assert.equal(await field({ sparseFormat: "cocoon" }), "sparseFormat");
    const asked = { ...whole, deltaFrom: "nobody" };
    await failsWith(from.download("child", asked, untilDone()), "SNAPSHOT_NOT_FOUND");
  }),
);

/** Changes a byte of `memory` in a page that is equal in parent and child. */
async function damage(store: SnapshotStore, ref: string): Promise<void> {
  const { config } = store.inspect(ref);
  const path = join(store.layout.filesDirectory(config.id), "memory");
  await using file = await openPastMode(path);
  const bytes = Buffer.alloc(1);
  const offset = 3 * pageBytes;
  await file.read(bytes, 0, 1, offset);
  await file.write(Buffer.from([(bytes[0] ?? 0) ^ 1]), 0, 1, offset);
}

for (const damaged of ["parent", "child"]) {
  test(
    `damage of the ${damaged} ends the export and marks the ${damaged}`,
    inScratch(
      async (scene) => {
        const { from } = scene;
        await makePair(scene);
        await damage(from, damaged);
        await failsWith(exported(from, "child", { deltaFrom: "parent" }), "STORED_DATA_CORRUPT");
        for (const ref of ["parent", "child"]) {
          assert.equal(from.inspect(ref).corrupt, ref === damaged, ref);
        }
      },
      ["marked_corrupt", "data_damaged"],
    ),
  );
}

test("damage of the parent ends the import, marks the parent and stores nothing", () =>
  withScratchDir(async (directory) => {
    await withScene(directory, async (scene) => {
      const { from, to } = scene;
      await makePair(scene);
      const archive = await exported(from, "child", { deltaFrom: "parent" });
      await damage(to, "parent");
      await failsWith(imported(to, "child", archive), "STORED_DATA_CORRUPT");
      assert.ok(to.inspect("parent").corrupt);
      await failsWith(imported(to, "child", archive), "SNAPSHOT_NOT_FOUND");
      assert.equal(to.list({ pageSize: 10, pageToken: "" }).totalSize, 1);
    });
  }));

/** Rewrites an archive. `change` gets each file except `snapshot.json`. */
async function rewritten(
  archive: Uint8Array,
  envelope: (envelope: Envelope) => Envelope,
  change: (file: ArchiveFile) => readonly ArchiveFile[] = (file) => [file],
): Promise<Buffer> {
  const files: ArchiveFile[] = [];
  for await (const entry of readTar(once(archive))) {
    if (entry.name === "snapshot.json") continue;
    const pieces: { offset: number; bytes: Uint8Array }[] = [];
    for await (const { offset, chunk } of entry.pieces()) {
      pieces.push({ offset, bytes: Buffer.from(chunk.bytes) });
    }
    const { name, mode, sizeBytes, extents } = entry;
    const kept = extents && [...extents];
    const file = { name, mode, sizeBytes, extents: kept, isDelta: kept !== undefined };
    files.push(...change({ ...file, pieces: () => sentAgain(pieces) }));
  }
  const { config, files: names = [], claims, delta } = envelope(await envelopeOf(archive));
  const bytes = encodeEnvelope(config, names, claims, delta && { delta });
  return await collect(writeTar(files, { envelope: bytes }));
}

async function* sentAgain(pieces: readonly { offset: number; bytes: Uint8Array }[]) {
  await Promise.resolve();
  for (const { offset, bytes } of pieces) yield { offset, chunk: OwnedChunk.copyOf(bytes) };
}

function withDelta(change: (delta: NonNullable<Envelope["delta"]>) => object) {
  return (envelope: Envelope): Envelope => {
    assert.ok(envelope.delta);
    return { ...envelope, delta: { ...envelope.delta, ...change(envelope.delta) } };
  };
}

test(
  "an archive that contradicts itself or the parent is refused, and nothing is stored",
  inScratch(async (scene) => {
    const { from, to } = scene;
    await makePair(scene);
    const archive = await exported(from, "child", { deltaFrom: "parent" });
    const same = (envelope: Envelope): Envelope => envelope;
    assert.deepEqual(await rewritten(archive, same), archive, "the archive survives as it is");
    const refused = async (
      changed: Promise<Buffer>,
      message: RegExp,
      reason: ErrorReason = "ARCHIVE_INVALID",
    ): Promise<StoreError> => {
      const error = await failsWith(imported(to, "child", await changed), reason);
      assert.match(error.message, message);
      return error;
    };
    const holes = (list: readonly Extent[]) =>
      withDelta(() => ({ deltaFiles: new Map([["memory", list]]) }));
    await refused(rewritten(archive, holes([])), /memory is not what was exported/);
    await refused(rewritten(archive, holes([{ offset: 0, length: 512 }])), /are a hole/);
    await refused(
      rewritten(
        archive,
        withDelta(() => ({ inherited: ["state.json"] })),
      ),
      /"state\.json" contradicts the parent/,
    );
    await refused(
      rewritten(
        archive,
        withDelta(() => ({ inherited: [] })),
      ),
      /"disk" is listed/,
    );
    await refused(
      rewritten(
        archive,
        withDelta(() => ({ deltaFiles: new Map([["new", []]]) })),
      ),
      /"new" contradicts the parent/,
    );
    await refused(
      rewritten(archive, same, (file) =>
        file.name === "new" ? [file, { ...file, name: "disk" }] : [file],
      ),
      /disk is not what was exported/,
    );
    await refused(
      rewritten(archive, same, (file) =>
        file.name === "new" ? [file, { ...file, name: "extra" }] : [file],
      ),
      /"extra": it is not a file of the snapshot/,
    );
    await refused(
      rewritten(archive, same, (file) =>
        file.name === "memory" ? [{ ...file, ...wholeFile(file.sizeBytes) }] : [file],
      ),
      /a delta file has a sparse map/,
    );
    await refused(late(archive), /must be its first entry/);
    assert.equal(to.list({ pageSize: 10, pageToken: "" }).totalSize, 1);
  }),
);

function wholeFile(sizeBytes: number): Pick<ArchiveFile, "extents" | "isDelta" | "pieces"> {
  const bytes = Buffer.alloc(sizeBytes, 1);
  return { extents: undefined, isDelta: false, pieces: () => sentAgain([{ offset: 0, bytes }]) };
}

/** Moves the envelope behind another entry. */
async function late(archive: Buffer): Promise<Buffer> {
  const bytes = Buffer.from("{}");
  const other = { name: "other", mode: 0o600, sizeBytes: 2, extents: undefined };
  const first = await collect(
    writeTar([{ ...other, pieces: () => sentAgain([{ offset: 0, bytes }]) }]),
  );
  return Buffer.concat([first.subarray(0, -1024), archive]);
}
