// Implements Verify, which reads all data again and compares it with the stored digests.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../base/clock.js";
import { count } from "../../base/count.js";
import { isStoreError, type StoreError } from "../../base/errors.js";
import { differingRanges } from "../../files/block-compare.js";
import { createBlockHasher } from "../../files/block-hash.js";
import type { DigestAlgorithm } from "../../files/block-digest.js";
import { rootDigest, type BlockTable } from "../../files/block-table.js";
import {
  openStored,
  readStoredTable,
  type StoredFile,
  type StoredSnapshot,
} from "../../files/stored.js";
import type { Extent } from "../../model/extent.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { readExtents } from "../../holes/extents.js";
import { forgetCached } from "../../holes/native.js";
import { setDamaged } from "../parts/damage.js";
import { acceptLinks, lookAtLinks } from "../parts/linked.js";
import type { Commits, Leases, Links, Marker, Reader } from "../parts/ports.js";

/**
 * Verify marks damaged snapshots as corrupt. If a snapshot is intact, Verify removes its mark and
 * replaces the records of its hard-linked files. It makes no other change to the store.
 */
export type VerifyPorts = Reader & Leases & Marker & Links & Commits;

export interface VerifyRequest {
  /** Empty means all ready snapshots. */
  readonly ref: string;
  /** Maximum bytes to read per second; 0 = no limit. */
  readonly limitBytesPerSecond: number;
}

export type VerifyEvent =
  | {
      readonly kind: "progress";
      readonly snapshotId: string;
      doneBytes: number;
      totalBytes: number;
    }
  | ({ readonly kind: "verdict"; readonly snapshotId: string } & Verdict);

export interface Verdict {
  readonly file: string;
  readonly intact: boolean;
  /**
   * Damaged ranges in ascending order. Also empty if the blocks of a damaged file could not be
   * compared, for example because its size is wrong.
   */
  readonly damaged: readonly Extent[];
  /** Empty if the file is intact. */
  readonly problem: string;
}

const progressIntervalMs = 1000;
const maxDamagedRanges = 1000;

interface VerifyProgress {
  doneBytes: number;
  totalBytes: number;
  /** Time of the next event, in monotonic milliseconds. */
  dueMs: number;
}

/**
 * Reads the snapshots, and marks each one as corrupt or removes that mark, according to the result.
 * If the disk cannot read a snapshot, or a newer stasis has written it, its mark is not removed,
 * and the run continues with the others. The run then ends with the first such error, which is
 * IO_FAILED or FORMAT_UNSUPPORTED.
 */
export async function* verify(
  reader: VerifyPorts,
  request: VerifyRequest,
  signal: AbortSignal,
): AsyncGenerator<VerifyEvent> {
  const ids = request.ref === "" ? reader.catalog.idsInState("ready") : [idOf(reader, request.ref)];
  const totalBytes = ids.reduce(
    (sum, id) => sum + (reader.catalog.get(id)?.allocatedBytes ?? 0),
    0,
  );
  const run = beginRun(reader, { ...request, totalBytes }, signal);
  let unreadable: StoreError | undefined;
  for (const id of ids) {
    const snapshot = reader.catalog.get(id);
    // A snapshot that is not ready was deleted after the list was made.
    if (snapshot?.state !== "ready") continue;
    // Under an exclusive lease, the snapshot is about to leave the store. A run over all snapshots
    // does not wait for that.
    if (request.ref === "" && reader.leases.isExclusive(id)) continue;
    using _lease = reader.leases.share(id, "stream", "Verify");
    try {
      yield* verifyAndMark(reader, snapshot, run);
    } catch (error) {
      if (!isUnread(error)) throw error;
      unreadable ??= error;
    }
  }
  if (unreadable !== undefined) throw unreadable;
}

function isUnread(error: unknown): error is StoreError {
  return isStoreError(error, "IO_FAILED") || isStoreError(error, "FORMAT_UNSUPPORTED");
}

/** The state of one run, which the reads of all its snapshots share. */
interface VerifyRun {
  readonly progress: VerifyProgress;
  readonly throttle: (bytes: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/** The ports that are needed to read data again. */
type VerifyPlace = Pick<VerifyPorts, "layout" | "clock">;

export function beginRun(
  { clock }: VerifyPlace,
  limits: { readonly limitBytesPerSecond: number; readonly totalBytes: number },
  signal: AbortSignal,
): VerifyRun {
  const { limitBytesPerSecond, totalBytes } = limits;
  const dueMs = clock.monotonicMs() + progressIntervalMs;
  return {
    progress: { doneBytes: 0, totalBytes, dueMs },
    throttle: createThrottle(limitBytesPerSecond, clock, signal),
    signal,
  };
}

/**
 * Verifies one snapshot. If a file is damaged, marks the snapshot as corrupt before reporting the
 * file, even if the caller never requests the other files. The caller holds a lease.
 */
export async function* verifyAndMark(
  reader: VerifyPorts,
  snapshot: Snapshot,
  run: VerifyRun,
): AsyncGenerator<VerifyEvent> {
  const { id } = snapshot.config;
  const pathOf = (name: string): string => join(reader.layout.filesDirectory(id), name);
  const links = linksNow(reader, { id, pathOf });
  let intact = true;
  for await (const event of verifyFiles(reader, snapshot, run)) {
    if (event.kind === "verdict" && !event.intact) {
      intact = false;
      setDamaged(reader, id, true);
    }
    yield event;
  }
  // Clear the mark only if it was set before. Marks that others have set meanwhile stay.
  if (!intact) return;
  if (links !== undefined) await acceptLinks(reader, id, links);
  if (snapshot.corrupt) setDamaged(reader, id, false);
}

/** Returns undefined if a linked file is missing: the verification itself reports that. */
function linksNow(
  ...[reader, stored]: Parameters<typeof lookAtLinks>
): ReturnType<typeof lookAtLinks> | undefined {
  try {
    return lookAtLinks(reader, stored);
  } catch {
    return undefined;
  }
}

/**
 * Reads all readable files, then throws the first IO_FAILED or FORMAT_UNSUPPORTED. Does not change
 * the store. The caller holds a lease.
 */
export async function* verifyFiles(
  place: VerifyPlace,
  snapshot: Snapshot,
  run: VerifyRun,
): AsyncGenerator<VerifyEvent> {
  const { id } = snapshot.config;
  let unreadable: StoreError | undefined;
  for (const file of snapshot.files) {
    try {
      const verdict = yield* verifyFile(place, snapshot, file, run);
      yield { kind: "verdict", snapshotId: id, ...verdict };
    } catch (error) {
      if (!isUnread(error)) throw error;
      unreadable ??= error;
    }
  }
  if (unreadable !== undefined) throw unreadable;
}

/**
 * Verifies one file. Each file is opened separately, so that one bad file does not hide faults in
 * the others.
 */
export async function* verifyFile(
  place: VerifyPlace,
  snapshot: Snapshot,
  file: SnapshotFile,
  run: VerifyRun,
): AsyncGenerator<VerifyEvent, Verdict> {
  const index = snapshot.files.indexOf(file);
  try {
    await using stored = await openStored(place.layout, snapshot.config.id, [file], run.signal);
    return yield* compareFile(place, stored, file, index, run);
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    return { file: file.name, intact: false, damaged: [], problem: error.message };
  }
}

async function* compareFile(
  place: VerifyPlace,
  stored: StoredSnapshot,
  file: SnapshotFile,
  index: number,
  run: VerifyRun,
): AsyncGenerator<VerifyEvent, Verdict> {
  if (file.digest === "") {
    const problem = "not verified: its digest is still being computed";
    return { file: file.name, intact: true, damaged: [], problem };
  }
  const expected = await readStoredTable(stored, index);
  if (rootDigest(expected) !== file.digest) {
    const problem = "its block table is not the one that was stored";
    return { file: file.name, intact: false, damaged: [], problem };
  }
  const actual = yield* hashAgain(place, stored, expected.algorithm, run);
  const damaged = differingRanges(expected, actual);
  const problem = damaged.length === 0 ? "" : count(damaged.length, "damaged range");
  return {
    file: file.name,
    intact: damaged.length === 0,
    damaged: damaged.slice(0, maxDamagedRanges),
    problem,
  };
}

async function* hashAgain(
  place: VerifyPlace,
  stored: StoredSnapshot,
  algorithm: DigestAlgorithm,
  { progress, throttle, signal }: VerifyRun,
): AsyncGenerator<VerifyEvent, BlockTable> {
  const [file] = stored.files as [StoredFile];
  const hasher = createBlockHasher(algorithm);
  await using handle = await stored.open(file.name);
  // The page cache may have a better copy than the disk.
  await forgetCached(handle.fd);
  const whole = file.sizeBytes === 0 ? [] : [{ offset: 0, length: file.sizeBytes }];
  const options = { what: file.name, signal };
  for await (const { offset, chunk } of readExtents(handle, file.extents ?? whole, options)) {
    const { length } = chunk;
    hasher.update(offset, chunk.bytes);
    chunk.free();
    progress.doneBytes += length;
    await throttle(length);
    const nowMs = place.clock.monotonicMs();
    if (nowMs < progress.dueMs) continue;
    progress.dueMs = nowMs + progressIntervalMs;
    const { doneBytes, totalBytes } = progress;
    yield { kind: "progress", snapshotId: stored.id, doneBytes, totalBytes };
  }
  return hasher.finish(file.sizeBytes);
}

function idOf(reader: VerifyPorts, ref: string): string {
  return reader.catalog.resolveRef(ref).config.id;
}

/** Waits after each piece until the average since the start is below the limit. */
function createThrottle(
  limitBytesPerSecond: number,
  clock: Clock,
  signal: AbortSignal,
): (bytes: number) => Promise<void> {
  const startMs = clock.monotonicMs();
  let totalBytes = 0;
  return async (bytes) => {
    if (limitBytesPerSecond === 0) return;
    totalBytes += bytes;
    const dueMs = startMs + (totalBytes / limitBytesPerSecond) * 1000;
    const waitMs = dueMs - clock.monotonicMs();
    if (waitMs > 0) await delay(waitMs, undefined, { signal });
  };
}
