// Makes delta files, and complete files with the content that a delta must produce.
import assert from "node:assert/strict";
import { chmod, mkdir, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.js";
import { createLogger } from "../../src/base/logger.js";
import { openLocalSource } from "../../src/client/local-source.js";
import { blockTableName } from "../../src/files/layout.js";
import { releaseRange } from "../../src/holes/native.js";
import { copySparse } from "../../src/holes/sparse-copy.js";
import { emptyConfig } from "../../src/model/config.js";
import type { DeltaRequest } from "../../src/model/delta.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import type { SnapshotStore, StoreDelta, StoreRequest } from "../../src/store/snapshot-store.js";
import { openStore } from "../../src/store/store.js";
import { owned } from "../support/chunks.js";
import { storeDefaults } from "../support/defaults.js";
import { eventually } from "../support/eventually.js";
import { compareFiles, extentsOf, patternBytes } from "../support/scratch.js";

export const pageBytes = 4096;

/** A change of a range. A `hole` is punched, so that the range is as it was before all changes. */
export interface Change {
  readonly kind: "data" | "zeros" | "hole";
  readonly offset: number;
  readonly length: number;
}

export function openDeltaStore(root: string): Promise<SnapshotStore> {
  return openStore({
    root,
    clock: systemClock,
    logger: createLogger("silent"),
    options: { ...storeDefaults, freeSpaceReserveBytes: 0 },
  });
}

export function requestOf(name: string): StoreRequest {
  const config = { ...emptyConfig(), name };
  return { config, requestId: "", onNameConflict: "fail", protected: false };
}

export function deltaOf(name: string, delta: Partial<DeltaRequest> = {}): StoreDelta {
  const whole = { parent: "parent", deltaFiles: ["memory"], inheritFiles: false, ...delta };
  return { ...requestOf(name), delta: whole };
}

/** Returns a signal that never fires, because no caller disconnects here. */
export function untilDone(): AbortSignal {
  return new AbortController().signal;
}

/** Writes the changes, in order, into a new sparse file. */
export async function makeDelta(
  directory: string,
  sizeBytes: number,
  changes: readonly Change[],
): Promise<string> {
  await mkdir(directory);
  await using file = await open(join(directory, "memory"), "wx");
  await file.truncate(sizeBytes);
  for (const [index, change] of changes.entries()) {
    const { kind, offset } = change;
    const length = Math.min(change.length, sizeBytes - offset);
    if (length <= 0) continue;
    if (kind === "hole") await releaseRange(file.fd, offset, length);
    else await file.write(contentOf(kind, length, index), 0, length, offset);
  }
  return directory;
}

function contentOf(kind: "data" | "zeros", length: number, seed: number): Buffer {
  return kind === "data" ? patternBytes(length, seed + 1) : Buffer.alloc(length);
}

/** Makes a copy of the parent's file, and writes the data of the delta file over it. */
export async function makeExpected(
  directory: string,
  parent: string,
  delta: string,
  extents: readonly { readonly offset: number; readonly length: number }[],
): Promise<string> {
  await mkdir(directory);
  const path = join(directory, "memory");
  // Shared blocks would be copied on the next write, and XFS reports holes near them as data then.
  await copySparse(join(parent, "memory"), path, { mode: 0o600, sync: false, ways: [] });
  await chmod(path, 0o600);
  await using source = await open(join(delta, "memory"), "r");
  await using target = await open(path, "r+");
  for (const { offset, length } of extents) {
    const bytes = Buffer.alloc(length);
    await source.read(bytes, 0, length, offset);
    await target.write(bytes, 0, length, offset);
  }
  return directory;
}

/** Stores the directory by rename, and waits for its digests. */
export async function storeWhole(
  store: SnapshotStore,
  name: string,
  directory: string,
): Promise<Snapshot> {
  await store.createFromDirectory(requestOf(name), { path: directory }, untilDone());
  return await hashed(store, name);
}

export function hashed(store: SnapshotStore, ref: string): Promise<Snapshot> {
  return eventually(`the digests of ${ref}`, () => {
    const snapshot = store.inspect(ref);
    return snapshot.digest !== "" && snapshot;
  });
}

/** Reads all data again. Fails unless the data has its recorded digests. */
export async function verifyIntact(store: SnapshotStore, ref: string): Promise<void> {
  for await (const event of store.verify({ ref, limitBytesPerSecond: 0 }, untilDone())) {
    if (event.kind === "verdict") assert.ok(event.intact, `${event.file}: ${event.problem}`);
  }
}

export async function sendDelta(
  store: SnapshotStore,
  request: StoreDelta,
  directory: string,
): Promise<Snapshot> {
  const { deltaFiles } = request.delta;
  const source = await openLocalSource(directory, { deltaFiles });
  return await store.createDelta(request, owned(source.pack({})), untilDone());
}

/**
 * Fails unless both snapshots have the same bytes, holes, digests and block tables. If `bytes` is
 * false, the caller must verify that the bytes have their digests, which is faster for many
 * extents.
 */
export async function compareStoredSnapshots(
  store: SnapshotStore,
  actual: Snapshot,
  expected: Snapshot,
  { bytes = true }: { readonly bytes?: boolean } = {},
): Promise<void> {
  const at = ({ config }: Snapshot, ...names: string[]): string =>
    join(store.layout.dataDirectory(config.id), ...names);
  assert.deepEqual(
    actual.files.map(({ name, sizeBytes, digest }) => ({ name, sizeBytes, digest })),
    expected.files.map(({ name, sizeBytes, digest }) => ({ name, sizeBytes, digest })),
  );
  for (const [index, { name }] of expected.files.entries()) {
    const paths = [at(actual, "files", name), at(expected, "files", name)] as const;
    if (bytes) await compareFiles(...paths);
    else assert.deepEqual(await extentsOf(paths[0]), await extentsOf(paths[1]), `holes of ${name}`);
    const [a, b] = await Promise.all(
      [actual, expected].map((each) => readFile(at(each, "blocks", blockTableName(index)))),
    );
    assert.deepEqual(a, b, `block table of ${name}`);
  }
  assert.equal(actual.digest, expected.digest);
}
