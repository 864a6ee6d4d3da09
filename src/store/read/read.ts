// Implements the operations that return data: Restore and Export as byte streams,
// ExportToDirectory, OpenDataDirectory.
import type { OwnedStream } from "../../wire/chunk.js";
import { dataOf } from "../../archive/archive-file.js";
import { compress, type Compression } from "../../archive/compression.js";
import { archiveWarnings, type ArchiveWarning } from "../../archive/reader-limits.js";
import { encodeEnvelope } from "../../archive/envelope.js";
import type { FileClaim } from "../../archive/file-claims.js";
import { writeTar, type ArchiveFile, type SparseFormat } from "../../archive/tar-writer.js";
import { exportFiles } from "../../files/directory-export.js";
import { readStoredAlgorithm, type StoredSnapshot } from "../../files/stored.js";
import { sealStored } from "../../files/stored-modes.js";
import { openVerified } from "../../files/verified-read.js";
import type { CallerPath } from "../../model/caller-path.js";
import type { Snapshot } from "../../model/snapshot.js";
import { startSpan } from "../../observe/spans.js";
import { readExtents, type FilePiece } from "../../holes/extents.js";
import { noteDamage } from "../parts/damage.js";
import {
  notHashedYet,
  openRead,
  type OpenRead,
  type ReadOptions,
  type ReadPorts,
} from "../parts/open-read.js";

export interface DownloadStreamOptions extends ReadOptions {
  /** Names of the files to return. Absent and empty mean all files. */
  readonly files?: readonly string[];
  /** Whether to compare every block with its stored digest before returning it. */
  readonly verify: boolean;
  /** Whether the first entry of the tar is the envelope. */
  readonly envelope: boolean;
  readonly compression: Compression;
  readonly sparseFormat: SparseFormat;
  /**
   * The id, name or id prefix of the parent of a delta archive. Empty and undefined mean that the
   * stream has all data.
   */
  readonly deltaFrom?: string;
}

/** A byte stream that holds a lease until it is disposed of. */
export interface DownloadStream extends AsyncDisposable {
  readonly snapshot: Snapshot;
  /** Names of the files in the stream. */
  readonly files: readonly string[];
  /** Bytes of data in these files, without holes. */
  readonly dataBytes: number;
  /** Warnings for the caller about the tar. */
  readonly warnings: readonly ArchiveWarning[];
  /** Digest of the parent. Empty unless the stream is a delta archive. */
  readonly parentDigest: string;
  /** The bytes of the stream. They may be read once. */
  readonly bytes: OwnedStream;
}

export async function openDownloadStream(
  reader: ReadPorts,
  ref: string,
  options: DownloadStreamOptions,
  signal: AbortSignal,
): Promise<DownloadStream> {
  const user = options.envelope ? "Export" : "Restore";
  const read = await openRead(reader, ref, { ...options, user }, "stream", signal);
  const { snapshot, stored } = read;
  const span = startSpan("read", {
    "stasis.snapshot_id": stored.id,
    "stasis.verify": options.verify,
  });
  let envelope: Uint8Array | undefined;
  try {
    if (options.verify && stored.files.some(({ digest }) => digest === "")) {
      throw notHashedYet(stored.id);
    }
    if (options.envelope) envelope = await envelopeOf(snapshot, stored);
  } catch (error) {
    span.end();
    await read[Symbol.asyncDispose]();
    throw error;
  }
  return {
    snapshot,
    files: stored.files.map(({ name }) => name),
    dataBytes: stored.files.reduce((sum, file) => sum + file.dataBytes, 0),
    warnings: archiveWarnings(stored.files, options.sparseFormat),
    parentDigest: "",
    bytes: downloadBytes(reader, { ...read, envelope }, options, signal),
    [Symbol.asyncDispose]: () => {
      span.end();
      return read[Symbol.asyncDispose]();
    },
  };
}

/**
 * Connects the stages of a download. The transport cuts the result into chunks and adds the
 * trailer.
 */
function downloadBytes(
  reader: ReadPorts,
  { envelope, ...read }: Omit<OpenRead, symbol> & { readonly envelope: Uint8Array | undefined },
  options: DownloadStreamOptions,
  signal: AbortSignal,
): OwnedStream {
  const { compression, sparseFormat } = options;
  const { zstdLevel, gzipLevel } = reader.options;
  const files = archiveFiles(reader, read, options, signal);
  const tar = writeTar(files, { sparseFormat, signal, ...(envelope && { envelope }) });
  const level = compression === "zstd" ? zstdLevel : gzipLevel;
  return compress(tar, compression, { level, signal });
}

/** Writes the snapshot into an absent or empty directory of this node. */
export async function exportToDirectory(
  reader: ReadPorts,
  ref: string,
  directory: CallerPath,
  options: ReadOptions,
  signal: AbortSignal,
): Promise<{ snapshot: Snapshot; reflinked: boolean }> {
  const how = { ...options, user: "ExportToDirectory" };
  await using read = await openRead(reader, ref, how, "stream", signal);
  const { snapshot, stored } = read;
  try {
    const { reflinked } = await exportFiles(reader.layout, stored, directory, {
      envelope: await envelopeOf(snapshot, stored),
      verify: !options.force,
      signal,
    });
    return { snapshot, reflinked };
  } catch (error) {
    noteDamage(reader, stored.id, error);
    throw error;
  }
}

export interface OpenDirectory extends AsyncDisposable {
  readonly snapshot: Snapshot;
  readonly directory: string;
}

/**
 * Returns the path of the data directory, whose modes make it read-only. The lease lasts until the
 * result is disposed of.
 */
export async function openDataDirectory(
  reader: ReadPorts,
  ref: string,
  options: ReadOptions,
  signal: AbortSignal,
): Promise<OpenDirectory> {
  const how = { ...options, findHoles: false, user: "OpenDataDirectory" };
  const read = await openRead(reader, ref, how, "directory", signal);
  try {
    await sealStored(reader.layout, read.stored);
  } catch (error) {
    await read[Symbol.asyncDispose]();
    throw error;
  }
  return {
    snapshot: read.snapshot,
    directory: reader.layout.filesDirectory(read.snapshot.config.id),
    [Symbol.asyncDispose]: () => read[Symbol.asyncDispose](),
  };
}

/**
 * The size of reads for a compressed download. A codec keeps its input until it has used it, so
 * larger reads would not make it faster.
 */
const compressedPieceBytes = 128 * 1024;

/**
 * Yields the files of the archive. If reading them finds damage, marks the snapshot as corrupt
 * before the error is reported.
 */
async function* archiveFiles(
  reader: ReadPorts,
  { snapshot, stored }: Omit<OpenRead, symbol>,
  { verify, compression }: DownloadStreamOptions,
  signal: AbortSignal,
): AsyncIterable<ArchiveFile> {
  const small = compression === "none" ? {} : { pieceBytes: compressedPieceBytes };
  const indexOf = tableIndexes(snapshot);
  try {
    for (const file of stored.files) {
      const { name, mode, sizeBytes, extents } = file;
      await using handle = await stored.open(name);
      const options = { what: name, signal, ...small };
      await using compared = verify
        ? await openVerified(stored, handle, { file, index: indexOf(name) }, options)
        : undefined;
      const shape = { name, mode, sizeBytes, extents };
      const pieces: ArchiveFile["pieces"] = () =>
        noting(
          reader,
          stored.id,
          compared?.pieces() ?? readExtents(handle, dataOf(shape), options),
        );
      yield { ...shape, pieces };
    }
  } catch (error) {
    noteDamage(reader, stored.id, error);
    throw error;
  }
}

/** Yields the pieces. If reading them finds damage, marks the snapshot as corrupt. */
export async function* noting(
  reader: ReadPorts,
  id: string,
  pieces: AsyncIterable<FilePiece>,
): AsyncGenerator<FilePiece, void, undefined> {
  try {
    yield* pieces;
  } catch (error) {
    noteDamage(reader, id, error);
    throw error;
  }
}

/**
 * Returns a function that finds the position of a file in the order of names. The block tables are
 * numbered by this position.
 */
function tableIndexes({ files }: Snapshot): (name: string) => number {
  const indexes = new Map(files.map(({ name }, index) => [name, index]));
  return (name) => indexes.get(name) ?? -1;
}

/**
 * Returns the envelope. It describes the files of `stored`, and names those of the snapshot that
 * are left out. Files of a damaged snapshot are sent as they are. Their digests are no longer
 * valid, so the envelope leaves the digests out.
 */
async function envelopeOf(snapshot: Snapshot, stored: StoredSnapshot): Promise<Uint8Array> {
  const claims = new Map<string, FileClaim>();
  const indexOf = tableIndexes(snapshot);
  for (const { name, sizeBytes, digest } of stored.files) {
    const known = digest !== "" && !snapshot.corrupt;
    const blocks = known ? await readStoredAlgorithm(stored, indexOf(name)) : undefined;
    const claim = blocks === undefined ? { digest: "", blocks: "" } : { digest, blocks };
    claims.set(name, { sizeBytes, ...claim });
  }
  const leftOut = snapshot.files.map(({ name }) => name).filter((name) => !claims.has(name));
  const { config, expireTime } = snapshot;
  return encodeEnvelope(config, [...claims.keys()], claims, { leftOut, expireTime });
}
