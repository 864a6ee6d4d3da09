// Writes one uploaded file to staging, with its holes, and hashes it at the same time.
import { totalLength, type Extents } from "../model/extent.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { createSparseFile, type SparseFileOptions } from "../holes/sparse-writer.js";
import { createBlockHasher } from "./block-hash.js";
import { rootDigest, type BlockTable } from "./block-table.js";
import type { OwnedChunk } from "../wire/chunk.js";
import type { StagedRecord } from "./publish.js";
import { storedFileMode } from "./stored-modes.js";
import type { WriteLane } from "./write-lane.js";
import type { WriteWorkers } from "./write-workers.js";

export interface StagedFileOptions {
  /** Permission bits, masked to 0777, as the caller gave them. The stored file is read-only. */
  readonly mode: number;
  /** Logical size. */
  readonly sizeBytes: number;
  /**
   * The ranges that will be written, if they are known. Their blocks are reserved a little ahead.
   */
  readonly extents?: Extents | undefined;
  /** If true, blocks of zeros become holes. */
  readonly detectZeros: boolean;
  /** Called with the number of bytes before each write. May throw. */
  readonly onData?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** A file being uploaded. Disposing of it before `finish` deletes the file. */
export interface StagedFile extends AsyncDisposable {
  /** Writes a chunk as `SparseFileWriter.write` does. */
  write(offset: number, chunk: OwnedChunk): Promise<void>;
  /**
   * Ends the file. When this resolves, the file is whole and hashed; `publish` makes it durable.
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
  const { mode, sizeBytes, extents, detectZeros, onData, signal } = options;
  const hashing = chooseHashing(options, workers);
  const writer = await createSparseFile(path, {
    mode: storedFileMode,
    detectZeros,
    forgetWritten: true,
    expectedBytes: sizeBytes,
    expectedExtents: extents,
    ...(onData && { onData }),
    ...hashing.writing,
    signal,
  });
  let kept = false;
  let finishing: Promise<SnapshotFile> | undefined;

  const finish = async (): Promise<SnapshotFile> => {
    const { allocatedBytes } = await writer.complete(sizeBytes);
    const table = await hashing.finish(sizeBytes);
    const digest = rootDigest(table);
    const file = { name, sizeBytes, allocatedBytes, mode: mode & 0o777, digest };
    kept = true;
    await keep({ file, table, writer, synced: false });
    return file;
  };
  return {
    write: (offset, chunk) => writer.write(offset, chunk),
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
  finish(sizeBytes: number): BlockTable | Promise<BlockTable>;
  drop(): void;
}

/**
 * Chooses the thread that hashes: a worker hashes and writes large files, and this thread hashes
 * small ones.
 */
function chooseHashing(options: StagedFileOptions, workers: WriteWorkers | undefined): Hashing {
  const { extents, sizeBytes } = options;
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
