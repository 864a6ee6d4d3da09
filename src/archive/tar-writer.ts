// Writes a flat tar of data files. Entries are ustar, with PAX records where a file needs them, and
// holes in one of three notations. Equal files give equal bytes.
//
// This writer replaces tar-stream's `pack` (3.2.2), which queues pieces beyond their lifetime,
// turns mode 0 into 0644, and wraps times after 2038. For programs that ignore PAX, `pack` also
// names each entry with PAX records "PaxHeader".
import { throwIfAborted } from "../base/async.js";
import { OwnedChunk, type OwnedStream } from "../wire/chunk.js";
import { StoreError } from "../base/errors.js";
import type { Extent } from "../model/extent.js";
import { checkDataFileName, envelopeFileName } from "../model/name.js";
import { dataOf, type ArchiveFile, type ArchiveFileShape } from "./archive-file.js";
import { planEntry, type EntryPlan, type SparseFormat } from "./entry-plan.js";
import { paddingOf } from "./pax.js";
import { coalesce } from "./piece-coalescer.js";
import { tarBlockBytes } from "./tar-header.js";

export type { ArchiveFile } from "./archive-file.js";
export type { SparseFormat } from "./entry-plan.js";

interface TarOptions {
  /**
   * The notation of holes. Tar programs, cocoon and stasis read `gnu`, which is the default. Only
   * cocoon and stasis read `cocoon`. `none` writes holes as zeros, which every program reads.
   */
  readonly sparseFormat?: SparseFormat;
  /** The content of `snapshot.json`, which is the first entry. */
  readonly envelope?: Uint8Array;
  /**
   * The time in every header, truncated to seconds. Default: 1970, so that equal files give equal
   * bytes.
   */
  readonly modifiedAt?: Date;
}

interface WriteTarOptions extends TarOptions {
  readonly signal?: AbortSignal;
}

/** Bytes of the end marker, which is two zero blocks. */
const endMarkerBytes = 2 * tarBlockBytes;
/** All pieces of zeros are views of this memory. */
const zeros = new Uint8Array(256 * 1024);

/**
 * Writes the files in the given order. In a snapshot archive the caller sorts them by name. The
 * writer reads one file at a time, and no longer uses a file when it requests the next one. Throws
 * STORED_DATA_CORRUPT if the pieces of a file are not exactly its data. Small pieces are joined,
 * and large ones are not copied.
 */
export function writeTar(
  files: AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>,
  options: WriteTarOptions = {},
): OwnedStream {
  return coalesce(tarPieces(files, options));
}

async function* tarPieces(
  files: AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>,
  options: WriteTarOptions,
): AsyncGenerator<OwnedChunk, void, undefined> {
  const names = new Set<string>();
  if (options.envelope !== undefined) {
    names.add(envelopeFileName);
    yield* cut(planOf(envelopeShape(options.envelope), options).head);
    yield* cut(options.envelope);
    yield* zeroPieces(paddingOf(options.envelope.byteLength));
  }
  for await (const file of files) {
    checkFile(file, names);
    const plan = planOf(file, options);
    yield* cut(plan.head);
    for (const piece of plan.map()) {
      throwIfAborted(options.signal);
      yield OwnedChunk.constant(piece);
    }
    yield* bodyPieces(file, plan, options.signal);
    yield* zeroPieces(paddingOf(plan.bodyBytes));
  }
  yield* zeroPieces(endMarkerBytes);
}

function planOf(shape: ArchiveFileShape, options: TarOptions): EntryPlan {
  const modifiedSeconds = Math.floor((options.modifiedAt?.getTime() ?? 0) / 1000);
  return planEntry(shape, options.sparseFormat ?? "gnu", modifiedSeconds);
}

function envelopeShape(envelope: Uint8Array): ArchiveFileShape {
  const sizeBytes = envelope.byteLength;
  return { name: envelopeFileName, mode: 0o644, sizeBytes, extents: undefined };
}

function checkFile(file: ArchiveFile, names: Set<string>): void {
  checkDataFileName(file.name, "file to be archived");
  if (names.has(file.name)) {
    throw new StoreError("INTERNAL", `file ${file.name} would be archived twice`);
  }
  names.add(file.name);
}

/** Yields the file's data, and zeros for the rest of the body. */
async function* bodyPieces(
  file: ArchiveFile,
  plan: EntryPlan,
  signal: AbortSignal | undefined,
): AsyncGenerator<OwnedChunk, void, undefined> {
  const place = walkBody(plan.body, signal);
  const expected = expectData(file);
  for await (const { offset, chunk } of file.pieces()) {
    throwIfAborted(signal);
    expected.take(offset, chunk.length);
    if (!place.skip(offset)) yield* place.fill(offset);
    place.advance(chunk.length);
    yield chunk;
  }
  expected.finish();
  yield* place.fill(Infinity);
}

/** Returns functions that walk through the body from its start. */
function walkBody(body: Iterable<Extent>, signal: AbortSignal | undefined) {
  const parts = body[Symbol.iterator]();
  let position = 0;
  let end = 0;
  /** Moves to the next part. Returns false at the end of the body. */
  const next = (): boolean => {
    const part = parts.next();
    if (part.done === true) return false;
    position = part.value.offset;
    end = position + part.value.length;
    return true;
  };
  return {
    /**
     * Moves to the next part if this one has ended. Returns whether `target` comes next, without
     * zeros before it.
     */
    skip: (target: number): boolean => {
      if (position === end) next();
      return position === target;
    },
    /** Yields the zeros of the body from here to `target`, or to its end. */
    *fill(target: number): Generator<OwnedChunk, void, undefined> {
      while (position < target) {
        if (position === end && !next()) return;
        const stop = Math.min(end, target);
        yield* zeroPieces(stop - position, signal);
        position = Math.max(position, stop);
      }
    },
    advance: (length: number): void => {
      position += length;
    },
  };
}

/** Returns checks that the pieces contain exactly the file's data. */
function expectData(file: ArchiveFile) {
  const extents = dataOf(file)[Symbol.iterator]();
  let position = 0;
  let left = 0;
  const next = (): boolean => {
    const extent = extents.next();
    if (extent.done === true) return false;
    position = extent.value.offset;
    left = extent.value.length;
    return true;
  };
  return {
    take: (offset: number, length: number): void => {
      if (left === 0) next();
      if (offset !== position || length > left) throw notAsExpected(file, position, left, length);
      position += length;
      left -= length;
    },
    finish: (): void => {
      if (left > 0 || next()) throw notAsExpected(file, position, left, 0);
    },
  };
}

function notAsExpected(
  file: ArchiveFile,
  offset: number,
  length: number,
  found: number,
): StoreError {
  return new StoreError(
    "STORED_DATA_CORRUPT",
    `file ${file.name}: expected ${length} bytes at ${offset}, read ${found}`,
    {
      hint: "The file was changed or cut while it was read",
      resource: { type: "file", name: file.name },
    },
  );
}

function* zeroPieces(length: number, signal?: AbortSignal): Generator<OwnedChunk, void, undefined> {
  for (let left = length; left > 0; left -= zeros.byteLength) {
    throwIfAborted(signal);
    yield OwnedChunk.constant(zeros.subarray(0, Math.min(left, zeros.byteLength)));
  }
}

/** Cuts long headers into pieces of the usual size. */
function* cut(bytes: Uint8Array): Generator<OwnedChunk, void, undefined> {
  for (let start = 0; start < bytes.byteLength; start += zeros.byteLength) {
    yield OwnedChunk.constant(bytes.subarray(start, start + zeros.byteLength));
  }
}
