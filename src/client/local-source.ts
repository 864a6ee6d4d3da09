// Packs a directory of data files of this machine as the tar that Create and Import accept.
import { formatBytes } from "../base/sizes.js";
import { constants } from "node:fs";
import { lstat, open, readFile, readdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { dataOf, type ArchiveFile, type ArchiveFileShape } from "../archive/archive-file.js";
import { maxEnvelopeBytes } from "../archive/envelope.js";
import { writeTar } from "../archive/tar-writer.js";
import type { ByteStream } from "../base/async.js";
import { StoreError, describeValue } from "../base/errors.js";
import { checkDataFileName, envelopeFileName } from "../model/name.js";
import { lend } from "../wire/chunk.js";
import { requireSmallHoles } from "../holes/hole-unit.js";
import { readExtents, scanExtents, type FilePiece } from "../holes/extents.js";
import { withIoError } from "../holes/errno.js";
import { localReadBytes } from "./local-file.js";
import { countProgress, type ProgressListener } from "./progress.js";

export interface LocalSource {
  /**
   * The directory's `snapshot.json`, or the envelope that the caller passed. Undefined if there is
   * neither.
   */
  readonly envelope: Uint8Array | undefined;
  readonly files: readonly { readonly name: string; readonly sizeBytes: number }[];
  /** Returns the tar, which begins with the envelope if there is one. The tar can be read once. */
  pack(options: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ProgressListener | undefined;
  }): ByteStream;
}

interface LocalFile {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** Approximate bytes of data: the disk space of the file, but at most its size. */
  readonly dataBytes: number;
}

interface LocalSourceOptions {
  /** Replaces the directory's own envelope. */
  readonly envelope?: Uint8Array | undefined;
  /** Names of the files whose holes represent bytes of another snapshot. Default: no files. */
  readonly deltaFiles?: readonly string[];
}

/**
 * Opens a directory for packing. Throws if the directory is absent or contains anything but regular
 * files.
 */
export async function openLocalSource(
  directory: string,
  { envelope: given, deltaFiles = [] }: LocalSourceOptions = {},
): Promise<LocalSource> {
  const names = await withIoError({ what: "list", path: directory, owner: "caller" }, () =>
    readdir(directory),
  );
  const files: LocalFile[] = [];
  let envelope = given;
  for (const name of names) {
    if (name === envelopeFileName) envelope ??= await readEnvelope(join(directory, name));
    else files.push(await describeFile(directory, name));
  }
  // Archives sort names by bytes, which is not the order of UTF-16 strings.
  files.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  return {
    envelope,
    files,
    pack: ({ signal, onProgress }) => {
      const totalBytes = files.reduce((sum, file) => sum + file.dataBytes, 0);
      const progress = countProgress(totalBytes, onProgress);
      const opened = { directory, deltaFiles: new Set(deltaFiles), progress, signal };
      const tar = writeTar(archiveFiles(files, opened), {
        ...(envelope === undefined ? {} : { envelope }),
        ...(signal === undefined ? {} : { signal }),
      });
      return lend(tar);
    },
  };
}

async function describeFile(directory: string, name: string): Promise<LocalFile> {
  checkDataFileName(name, `entry of ${directory}`);
  const path = join(directory, name);
  const stat = await withIoError({ what: "look at", path, owner: "caller" }, () => lstat(path));
  if (!stat.isFile()) {
    throw new StoreError("ARCHIVE_INVALID", `${path} is not a regular file`, {
      hint: "A snapshot holds regular files in one directory, without subdirectories or links",
      metadata: { entry: name },
    });
  }
  return { name, path, sizeBytes: stat.size, dataBytes: Math.min(stat.size, stat.blocks * 512) };
}

async function readEnvelope(path: string): Promise<Uint8Array> {
  const stat = await withIoError({ what: "look at", path, owner: "caller" }, () => lstat(path));
  if (!stat.isFile() || stat.size > maxEnvelopeBytes) {
    throw new StoreError(
      "ARCHIVE_INVALID",
      `${path}: expected a regular file of at most ${formatBytes(maxEnvelopeBytes)}`,
    );
  }
  return withIoError({ what: "read", path, owner: "caller", access: "read" }, () => readFile(path));
}

interface PackOptions {
  readonly directory: string;
  readonly deltaFiles: ReadonlySet<string>;
  readonly progress: { add(bytes: number): void; finish(): void };
  readonly signal: AbortSignal | undefined;
}

/** Yields the files of the archive. Each file is open until the next one is requested. */
async function* archiveFiles(
  files: readonly LocalFile[],
  { directory, deltaFiles, progress, signal }: PackOptions,
): AsyncGenerator<ArchiveFile, void, undefined> {
  for (const { name, path } of files) {
    const handle = await withIoError({ what: "open", path, owner: "caller", access: "read" }, () =>
      open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK),
    );
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw changed(path);
      const isDelta = deltaFiles.has(name);
      if (isDelta) await requireSmallHoles(handle, name, directory);
      using extents = await scanExtents(handle.fd, stat.size, signal);
      if (isDelta && extents?.filledHoles === true) throw tooFragmented(path);
      const shape = { name, mode: stat.mode & 0o777, sizeBytes: stat.size, extents, isDelta };
      yield { ...shape, pieces: () => readCounted(handle, shape, progress, signal) };
    } finally {
      await handle.close();
    }
  }
  progress.finish();
}

async function* readCounted(
  handle: FileHandle,
  shape: ArchiveFileShape,
  progress: { add(bytes: number): void },
  signal: AbortSignal | undefined,
): AsyncGenerator<FilePiece, void, undefined> {
  const options = { what: shape.name, pieceBytes: localReadBytes, signal };
  for await (const piece of readExtents(handle, dataOf(shape), options)) {
    const { length } = piece.chunk;
    yield piece;
    progress.add(length);
  }
}

/**
 * Returns the error for a file with more holes than a map can list. The map would list small holes
 * as data, and these bytes would then count as changed.
 */
function tooFragmented(path: string): StoreError {
  return new StoreError("LIMIT_EXCEEDED", `${path} has too many holes for a delta file`, {
    hint: "Send it whole instead",
    metadata: { limit: "max_segments" },
  });
}

function changed(path: string): StoreError {
  return new StoreError("ARCHIVE_INVALID", `${describeValue(path)} was replaced while it was read`);
}
