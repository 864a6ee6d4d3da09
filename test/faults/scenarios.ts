// Defines the calls during which file operations fail or the power is cut. Each scenario prepares a
// store, makes one call, and defines the snapshot `web` before and after the call. The snapshot
// `keep` must never change.
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { encodeEnvelope } from "../../src/archive/envelope.js";
import { writeTar } from "../../src/archive/tar-writer.js";
import { createBlockHasher } from "../../src/files/block-hash.js";
import { rootDigest } from "../../src/files/block-table.js";
import type { FilePiece } from "../../src/holes/extents.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { OwnedChunk, type OwnedStream } from "../../src/wire/chunk.js";
import { patternBytes } from "../support/scratch.js";
import { download, never, requestFor, tarOf } from "../unit/store/support.js";

export interface Place {
  /** Names the directory with everything that a scenario changes. */
  readonly base: string;
  readonly root: string;
  /**
   * A caller hands over the directory `given` to the store, or gets a snapshot's files there. The
   * directory `exported` is an export or a clone.
   */
  readonly given: string;
  readonly exported: string;
}

export function placeIn(base: string): Place {
  const at = (name: string): string => join(base, name);
  return { base, root: at("root"), given: at("given"), exported: at("exported") };
}

/** Describes the expected content of a snapshot. */
export interface Content {
  readonly description: string;
  readonly files: Readonly<Record<string, Buffer>>;
}

export interface Scenario {
  readonly name: string;
  readonly before: Content | undefined;
  readonly after: Content | undefined;
  /** True if the call takes over `place.given`. */
  readonly gives?: boolean;
  /** True if the call moves the files of `web` to `place.given`. */
  readonly takes?: boolean;
  /**
   * True if a refusal may come after the call has taken effect, as docs/consistency.md describes.
   */
  readonly refusedLate?: boolean;
  prepare(store: SnapshotStore, place: Place): Promise<unknown>;
  act(store: SnapshotStore, place: Place): Promise<unknown>;
}

export const kept = contentOf("kept", 1);
const old = contentOf("old", 2);
export const given = contentOf("", 3);
const fresh = contentOf("fresh", 4);
const imported: Content = { ...kept, description: "imported" };

/** Makes a disk with a hole between its data, and a small file. */
function contentOf(description: string, seed: number): Content {
  const disk = Buffer.alloc(600 * 1024 + seed);
  patternBytes(20_000, seed).copy(disk, 0);
  patternBytes(8192, seed + 100).copy(disk, 512 * 1024);
  const files = { "cow.raw": disk, "state.json": patternBytes(3000 + seed, seed) };
  return { description, files };
}

/** The changes of the disk of `keep`: a page of a block with data, and a page in a hole. */
const changes = [4096, 300 * 1024].map((offset) => ({ offset, bytes: patternBytes(4096, offset) }));
/** The content of `keep` with these changes. */
const changed: Content = { description: "changed", files: { ...kept.files, ...changedDisk() } };

function changedDisk(): Content["files"] {
  const disk = Buffer.from(kept.files["cow.raw"] ?? []);
  for (const { offset, bytes } of changes) bytes.copy(disk, offset);
  return { "cow.raw": disk };
}

const deltaRequest = {
  ...requestOf(changed),
  delta: { parent: "keep", deltaFiles: ["cow.raw"], inheritFiles: true },
};

function deltaTar(): OwnedStream {
  const extents = changes.map(({ offset, bytes }) => ({ offset, length: bytes.length }));
  const sizeBytes = kept.files["cow.raw"]?.length ?? 0;
  const shape = { name: "cow.raw", mode: 0o640, sizeBytes, extents, isDelta: true };
  return writeTar([{ ...shape, pieces: changedPieces }]);
}

async function* changedPieces(): AsyncGenerator<FilePiece> {
  await Promise.resolve();
  for (const { offset, bytes } of changes) yield { offset, chunk: OwnedChunk.copyOf(bytes) };
}

/** The content of `keep` with these changes, and with the page at offset 8192 as a hole. */
const punched: Content = {
  description: "punched",
  files: { ...kept.files, "cow.raw": punchedDisk() },
};

function punchedDisk(): Buffer {
  const disk = Buffer.from(changedDisk()["cow.raw"] ?? []);
  return disk.fill(0, 8192, 12_288);
}

/** Makes the archive of the difference between `keep` and `punched`. */
async function* deltaArchive(store: SnapshotStore): OwnedStream {
  const { config, digest, files } = store.inspect("keep");
  const extents = changes.map(({ offset, bytes }) => ({ offset, length: bytes.length }));
  const claims = new Map(
    files.map((file) => [file.name, { ...file, blocks: "blake3", digest: digestNow(file) }]),
  );
  const delta = {
    parent: { digest, id: config.id, name: "keep" },
    deltaFiles: new Map([["cow.raw", [{ offset: 8192, length: 4096 }]]]),
    inherited: ["state.json"],
  };
  const names = files.map(({ name }) => name);
  const envelope = encodeEnvelope(config, names, claims, { delta });
  const sizeBytes = kept.files["cow.raw"]?.length ?? 0;
  const shape = { name: "cow.raw", mode: 0o640, sizeBytes, extents, isDelta: true };
  yield* writeTar([{ ...shape, pieces: changedPieces }], { envelope });
}

/** Returns the digest that the file has in `punched`. */
function digestNow({ name, digest }: { readonly name: string; readonly digest: string }): string {
  const bytes = punched.files[name];
  if (bytes === undefined || name !== "cow.raw") return digest;
  const hasher = createBlockHasher();
  hasher.update(0, bytes);
  return rootDigest(hasher.finish(bytes.length));
}

/** Makes the directory. The call does this, because a prepared tree keeps no holes. */
function makeDeltaDirectory(directory: string): void {
  mkdirSync(directory);
  const file = openSync(join(directory, "cow.raw"), "wx", 0o640);
  ftruncateSync(file, kept.files["cow.raw"]?.length);
  for (const { offset, bytes } of changes) writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}

export const scenarios: readonly Scenario[] = [
  {
    name: "create",
    before: undefined,
    after: fresh,
    prepare: nothing,
    act: (store) => createWeb(store, fresh),
  },
  {
    name: "import",
    before: undefined,
    after: imported,
    prepare: nothing,
    act: async (store) => {
      const archive = await download(store, "keep", { envelope: true });
      return store.import(requestOf(imported), once(archive), never);
    },
  },
  {
    name: "import-from-directory",
    before: undefined,
    after: imported,
    prepare: (store, { exported }) =>
      store.exportToDirectory("keep", { path: exported }, { force: false }, never),
    act: (store, { exported }) =>
      store.importFromDirectory(requestOf(imported), { path: exported }, never),
  },
  {
    name: "create-from-directory",
    before: undefined,
    after: given,
    gives: true,
    prepare: async (_, place) => giveDirectory(place),
    act: (store, place) =>
      store.createFromDirectory(requestOf(given), { path: place.given }, never),
  },
  {
    name: "create-from-linked",
    before: undefined,
    after: given,
    gives: true,
    prepare: async (_, place) => giveDirectory(place),
    act: (store, place) => {
      linkSync(join(place.given, "cow.raw"), join(place.base, "other"));
      return store.createFromDirectory(requestOf(given), { path: place.given }, never);
    },
  },
  {
    name: "create-delta",
    before: undefined,
    after: changed,
    prepare: nothing,
    act: (store) => store.createDelta(deltaRequest, deltaTar(), never),
  },
  {
    name: "create-delta-from-directory",
    before: undefined,
    after: changed,
    prepare: nothing,
    act: (store, { exported }) => {
      makeDeltaDirectory(exported);
      return store.createDeltaFromDirectory(deltaRequest, { path: exported }, never);
    },
  },
  {
    name: "import-delta",
    before: undefined,
    after: punched,
    prepare: nothing,
    act: (store) => store.import(requestOf(punched), deltaArchive(store), never),
  },
  {
    name: "replace",
    before: old,
    after: fresh,
    prepare: (store) => createWeb(store, old),
    act: (store) => {
      const request = { ...requestOf(fresh), onNameConflict: "replace" } as const;
      return store.create(request, tarOf(fresh.files), never);
    },
  },
  {
    name: "update",
    before: old,
    after: { ...old, description: "updated" },
    prepare: (store) => createWeb(store, old),
    act: (store) => store.update({ ref: "web", description: "updated" }),
  },
  {
    name: "delete",
    before: old,
    after: undefined,
    refusedLate: true,
    prepare: (store) => createWeb(store, old),
    act: (store) => store.delete({ refs: ["web"], allowMissing: false }),
  },
  {
    name: "take",
    before: old,
    after: undefined,
    takes: true,
    prepare: (store) => createWeb(store, old),
    act: takeWeb,
  },
  {
    name: "take-linked",
    before: old,
    after: undefined,
    takes: true,
    prepare: (store) => createWeb(store, old),
    act: async (store, place) => {
      await linkWeb(store, place);
      return takeWeb(store, place);
    },
  },
];

/** Makes a clone that links to a file, so that the file cannot leave the store. */
function linkWeb(store: SnapshotStore, { exported }: Place): Promise<unknown> {
  const modes = new Map([["cow.raw", "link"] as const]);
  const how = { modes, defaultMode: "skip", durable: true, maxCopyBytes: 0, force: false } as const;
  return store.cloneToDirectory("web", { path: exported }, how, never);
}

function takeWeb(store: SnapshotStore, place: Place): Promise<unknown> {
  const request = { ref: "web", maxCopyBytes: 1024 ** 3, requestId: takeRequestId };
  return store.takeToDirectory(request, { path: place.given }, never);
}

export const takeRequestId = "0f3f8c0e-3a53-4b7c-9a5e-7f0d5b8a2c11";

function nothing(): Promise<void> {
  return Promise.resolve();
}

function requestOf({ description }: Content): ReturnType<typeof requestFor> {
  const request = requestFor("web");
  return { ...request, config: { ...request.config, description } };
}

function createWeb(store: SnapshotStore, content: Content): Promise<unknown> {
  return store.create(requestOf(content), tarOf(content.files), never);
}

export function createKept(store: SnapshotStore): Promise<unknown> {
  const request = requestFor("keep");
  const config = { ...request.config, description: kept.description };
  return store.create({ ...request, config }, tarOf(kept.files), never);
}

export const givenMode = 0o750;
export const givenFileMode = 0o640;

function giveDirectory(place: Place): void {
  mkdirSync(place.given);
  chmodSync(place.given, givenMode);
  for (const [name, bytes] of Object.entries(given.files)) {
    writeFileSync(join(place.given, name), bytes);
    chmodSync(join(place.given, name), givenFileMode);
  }
}

async function* once(bytes: Buffer): OwnedStream {
  await Promise.resolve();
  yield OwnedChunk.copyOf(bytes);
}
