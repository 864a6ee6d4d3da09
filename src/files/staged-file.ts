// Writes one uploaded file to staging, with its holes, and hashes it at the same time. A file over
// a base begins with the content of a stored file, and only the blocks that are written to are
// hashed.
import type { FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import { formatBytes } from "../base/sizes.js";
import { ioError } from "../holes/errno.js";
import { punchHoles } from "../holes/punch.js";
import { copyContent } from "../holes/sparse-copy.js";
import { createSparseFile, type SparseFileOptions } from "../holes/sparse-writer.js";
import { wholeBlocks } from "../model/charge.js";
import { totalLength, type Extent, type Extents } from "../model/extent.js";
import type { SnapshotFile } from "../model/snapshot.js";
import type { OwnedChunk } from "../wire/chunk.js";
import { createBlockHasher } from "./block-hash.js";
import { rootDigest, type BlockTable } from "./block-table.js";
import { createDeltaHasher, type BaseProblem } from "./delta-hash.js";
import type { StagedRecord } from "./publish.js";
import { storedFileMode } from "./stored-modes.js";
import { BaseError, type WriteLane } from "./write-lane.js";
import type { WriteWorkers } from "./write-workers.js";

/** A stored file whose content a staged file begins with. */
export interface StagedBase {
  /**
   * The open file. It must stay open for reading until the staged file is finished or disposed of.
   */
  readonly handle: FileHandle;
  readonly name: string;
  readonly snapshotId: string;
  readonly allocatedBytes: number;
  /**
   * Undefined if the stored file has no digests yet. In that case the staged file has no digests
   * either.
   */
  readonly table: BlockTable | undefined;
}

export interface StagedFileOptions {
  /** Permission bits, masked to 0777, as the caller gave them. The stored file is read-only. */
  readonly mode: number;
  /** Logical size. */
  readonly sizeBytes: number;
  /**
   * The ranges that will be written. The writer reserves disk blocks for them shortly before it
   * writes. Undefined if the ranges are unknown.
   */
  readonly extents?: Extents | undefined;
  /** If true, blocks of zeros become holes. */
  readonly detectZeros: boolean;
  /** The stored file to begin with. If it is undefined, the file begins empty. */
  readonly base?: StagedBase | undefined;
  /**
   * Ranges of the base that become holes. They ascend, end inside the file, and nothing is written
   * to them. Only a file over a base may have them. Default: none.
   */
  readonly holes?: readonly Extent[] | undefined;
  /** Called with the number of bytes before each write. May throw. */
  readonly onData?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A file being uploaded. Disposing of it before `finish` deletes the file. */
export interface StagedFile extends AsyncDisposable {
  /** Writes a chunk as `SparseFileWriter.write` does. */
  write(offset: number, chunk: OwnedChunk): Promise<void>;
  /** Copies ranges of another file as `SparseFileWriter.copyFrom` does. */
  copyFrom(source: FileHandle, extents: readonly Extent[]): Promise<void>;
  /** Waits as `SparseFileWriter.idle` does. */
  idle(): Promise<void>;
  /**
   * Ends the file. When this resolves, the file is whole, and hashed unless its base has no
   * digests. `publish` makes it durable. Throws STORED_DATA_CORRUPT if a block was written to in
   * part and its bytes in the base do not have the recorded digest.
   */
  finish(): Promise<SnapshotFile>;
}

/** Creates a file in staging. `keep` takes over the finished file with its writer still open. */
export async function createStagedFile(
  path: string,
  name: string,
  options: StagedFileOptions,
  workers: WriteWorkers | undefined,
  keep: (record: StagedRecord) => Promise<void>,
): Promise<StagedFile> {
  const { mode, sizeBytes, extents, detectZeros, base, holes = [], signal } = options;
  const hashing = chooseHashing(options, workers);
  let writtenBytes = 0;
  const writer = await createSparseFile(path, {
    mode: storedFileMode,
    detectZeros,
    forgetWritten: true,
    expectedBytes: sizeBytes,
    // Nothing is reserved over a base, because fallocate(2) allocates nothing where the base has
    // blocks.
    expectedExtents: base === undefined ? extents : undefined,
    fill: base && ((handle) => fillFrom(base, handle, { path, sizeBytes, holes, signal })),
    onData: (bytes) => {
      writtenBytes += bytes;
      options.onData?.(bytes);
    },
    ...hashing.writing,
    signal,
  }).catch((error: unknown) => {
    hashing.drop();
    throw error;
  });
  let kept = false;
  let finishing: Promise<SnapshotFile> | undefined;

  const finish = async (): Promise<SnapshotFile> => {
    const written = await writer.complete(sizeBytes);
    const table = await hashing.finish(sizeBytes);
    const digest = table === undefined ? "" : rootDigest(table);
    // Until the sync, blocks that replace shared ones may count twice.
    const mostBytes =
      base === undefined ? Infinity : base.allocatedBytes + wholeBlocks(writtenBytes);
    const allocatedBytes = Math.min(written.allocatedBytes, mostBytes);
    const file = { name, sizeBytes, allocatedBytes, mode: mode & 0o777, digest };
    kept = true;
    await keep({ file, table, writer, synced: false });
    return file;
  };
  return {
    write: (offset, chunk) => writer.write(offset, chunk),
    copyFrom: (source, ranges) => writer.copyFrom(source, ranges),
    idle: () => writer.idle(),
    finish: () => (finishing ??= finish()),
    [Symbol.asyncDispose]: async () => {
      // After `return file.finish()`, the caller disposes of the file while `finish` is still
      // running.
      await finishing?.catch(() => undefined);
      if (!kept) await writer.discard();
      hashing.drop();
    },
  };
}

/** The main thread finishes small files sooner than it could hand them to a worker. */
const minWorkerBytes = 4 * 1024 * 1024;

interface Hashing {
  readonly writing: Pick<SparseFileOptions, "observer" | "createPool">;
  /** Returns the block table, or undefined if the base has no digests. */
  finish(sizeBytes: number): BlockTable | undefined | Promise<BlockTable>;
  drop(): void;
}

/**
 * Chooses the thread that hashes: a worker hashes and writes large files and files over a base, and
 * this thread hashes small files. Without workers, this thread hashes everything.
 */
function chooseHashing(options: StagedFileOptions, workers: WriteWorkers | undefined): Hashing {
  const { base, holes, extents, sizeBytes } = options;
  if (base !== undefined) {
    return workers === undefined ? hashOverHere(base, holes) : hashOver(base, holes, workers);
  }
  const dataBytes = extents === undefined ? sizeBytes : totalLength(extents);
  if (workers === undefined || dataBytes < minWorkerBytes) {
    const hasher = createBlockHasher();
    return {
      writing: { observer: hasher },
      finish: (size) => hasher.finish(size),
      drop: () => undefined,
    };
  }
  let lane: WriteLane | undefined;
  return {
    writing: { createPool: (fd, path) => (lane = workers.openLane(fd, path)) },
    finish: (size) => {
      if (lane === undefined) throw new Error("finished before it was begun");
      return lane.finish(size);
    },
    drop: () => lane?.drop(),
  };
}

/** Hashes in a worker, because reads of the base block the thread that hashes. */
function hashOver(
  base: StagedBase,
  holes: StagedFileOptions["holes"],
  workers: WriteWorkers,
): Hashing {
  const { handle, table } = base;
  const laneBase = table === undefined ? "unhashed" : { fd: handle.fd, table, holes };
  let lane: WriteLane | undefined;
  return {
    writing: { createPool: (fd, path) => (lane = workers.openLane(fd, path, laneBase)) },
    finish: (size) => {
      if (lane === undefined) throw new Error("finished before it was begun");
      if (table === undefined) return undefined;
      return lane.finish(size).catch((error: unknown) => {
        throw error instanceof BaseError ? baseError(base, error.problem) : error;
      });
    },
    drop: () => lane?.drop(),
  };
}

/** Hashes in this thread. Programs without workers have no other calls that would wait. */
function hashOverHere(base: StagedBase, holes: StagedFileOptions["holes"]): Hashing {
  const { handle, table } = base;
  const drop = (): void => undefined;
  if (table === undefined) return { writing: {}, finish: () => undefined, drop };
  const hasher = createDeltaHasher({ fd: handle.fd, table, holes });
  return {
    writing: { observer: hasher },
    finish: () => {
      const { table: made, problem } = hasher.finish();
      if (problem !== undefined) throw baseError(base, problem);
      return made;
    },
    drop,
  };
}

function baseError({ name, snapshotId }: StagedBase, problem: BaseProblem): Error {
  const what = `${name} of snapshot ${snapshotId}`;
  if (problem.kind === "unread") {
    return ioError(problem.error, { what: "read a block that was changed in part", path: what });
  }
  const { offset, length } = problem;
  return new StoreError(
    "STORED_DATA_CORRUPT",
    `${what}: the ${formatBytes(length)} at offset ${offset} are not what was stored`,
    {
      hint: `Run \`stasis verify ${snapshotId}\` to see all damaged ranges, and send a whole upload instead`,
      resource: { type: "snapshot", name: snapshotId },
      metadata: {
        ...{ snapshot_id: snapshotId, file: name },
        ...{ offset: String(offset), length: String(length) },
      },
    },
  );
}

interface Filling extends Pick<StagedFileOptions, "sizeBytes" | "signal"> {
  readonly path: string;
  readonly holes: readonly Extent[];
}

async function fillFrom(
  { handle, name, snapshotId }: StagedBase,
  target: FileHandle,
  { path, sizeBytes, holes, signal }: Filling,
): Promise<void> {
  const from = `${name} of snapshot ${snapshotId}`;
  await copyContent({ source: handle, from, sizeBytes }, target, path, signal);
  await punchHoles(target, holes, path, signal);
}
