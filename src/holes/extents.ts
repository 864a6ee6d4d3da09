// Finds the data of a file, and reads it in pieces of a suitable size.
import { formatBytes } from "../base/sizes.js";
import type { FileHandle } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { StoreError } from "../base/errors.js";
import { readFully, type ReadableFile } from "../base/whole-io.js";
import { OwnedChunk } from "../wire/chunk.js";
import { endOf, type Extent } from "../model/extent.js";
import { ioError, isErrno, withIoError } from "./errno.js";
import { ExtentMap } from "./extent-map.js";
import { createIdleWatch } from "./idle-watch.js";
import { readCached, seekData, seekHole } from "./native.js";

/** Default number of bytes per read. */
export const pieceBytes = 512 * 1024;
/** Holes up to this size are read together with the data around them. */
const maxGapBytes = 32 * 1024;
/** Number of extents that are looked up in one turn of the event loop, which takes about 4 ms. */
const extentsPerTurn = 1000;

/**
 * Returns the data extents of an open file of `sizeBytes`, in order and with adjacent ones merged.
 * Returns undefined if the filesystem does not report holes. This is synchronous and takes 4 µs per
 * extent. Use `scanExtents` for files that may have hundreds of thousands.
 */
export function dataExtents(fd: number, sizeBytes: number): readonly Extent[] | undefined {
  try {
    return [...walkExtents(fd, sizeBytes)];
  } catch (error) {
    if (cannotTell(error)) return undefined;
    throw lookError(error, fd);
  }
}

/**
 * Returns the data extents like `dataExtents`, but lets other work run in between. The caller
 * disposes of the map. If a file has more extents than a map holds, the smallest holes count as
 * data.
 */
export function scanExtents(
  fd: number,
  sizeBytes: number,
  signal?: AbortSignal,
): Promise<ExtentMap | undefined> {
  return scanRanges(fd, sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }], signal);
}

/**
 * Returns the data inside `ranges`, which must ascend, not overlap, and end inside the file.
 * Extents that meet at the border of two ranges stay apart. In all other respects this works as
 * `scanExtents` does.
 */
export async function scanRanges(
  fd: number,
  ranges: Iterable<Extent>,
  signal?: AbortSignal,
): Promise<ExtentMap | undefined> {
  const map = new ExtentMap();
  let steps = 0;
  const isTurn = (): boolean => (steps += 1) % extentsPerTurn === 0;
  const nextTurn = async (): Promise<void> => {
    await setImmediate();
    signal?.throwIfAborted();
  };
  try {
    for (const range of ranges) {
      for (const { offset, length } of walkExtents(fd, endOf(range), range.offset)) {
        map.pushOrMerge(offset, length);
        if (isTurn()) await nextTurn();
      }
      if (isTurn()) await nextTurn();
    }
    return map;
  } catch (error) {
    map[Symbol.dispose]();
    if (cannotTell(error)) return undefined;
    throw lookError(error, fd);
  }
}

/**
 * Yields the same extents as `dataExtents` and looks each one up on demand, so its memory is
 * constant. This suits code that uses each extent once and does other work in between. Data before
 * `start` is left out.
 */
export function lazyExtents(
  fd: number,
  sizeBytes: number,
  start = 0,
): Iterable<Extent> | undefined {
  const walk = walkExtents(fd, sizeBytes, start);
  const next = (): IteratorResult<Extent, void> => {
    try {
      return walk.next();
    } catch (error) {
      throw cannotTell(error) ? error : lookError(error, fd);
    }
  };
  let first: IteratorResult<Extent, void>;
  try {
    first = next();
  } catch (error) {
    if (cannotTell(error)) return undefined;
    throw error;
  }
  return (function* () {
    for (let found = first; found.done !== true; found = next()) yield found.value;
  })();
}

function lookError(error: unknown, fd: number): Error {
  return ioError(error, { what: "look for holes", path: `file descriptor ${fd}` });
}

/**
 * Returns whether the filesystem or the kernel does not report holes. lseek(2) then answers, for
 * example, EINVAL to the unknown `whence`.
 */
function cannotTell(error: unknown): boolean {
  return isErrno(error, "EINVAL", "EOPNOTSUPP", "ENOTSUP", "ENOSYS");
}

function* walkExtents(fd: number, sizeBytes: number, start = 0): Generator<Extent> {
  let pending: Extent | undefined;
  let position = start;
  while (position < sizeBytes) {
    const offset = seekData(fd, position);
    if (offset === undefined || offset >= sizeBytes) break;
    // Data without a following hole means that the file was truncated in between. The rest counts
    // as data, and the read then detects the truncation.
    const end = Math.min(seekHole(fd, offset) ?? sizeBytes, sizeBytes);
    if (end <= offset) break;
    if (pending !== undefined && pending.offset + pending.length === offset) {
      pending = { offset: pending.offset, length: end - pending.offset };
    } else {
      if (pending !== undefined) yield pending;
      pending = { offset, length: end - offset };
    }
    position = end;
  }
  if (pending !== undefined) yield pending;
}

interface ExtentReadOptions {
  /** The file's name, for messages. */
  readonly what?: string;
  readonly signal?: AbortSignal | undefined;
  /**
   * Maximum bytes of a piece. Default: 512 KiB. With 1 MiB a reader makes fewer calls and takes
   * more memory.
   */
  readonly pieceBytes?: number;
  /**
   * If true, this thread first reads what the page cache has, which suits short reads. Default:
   * false.
   */
  readonly cachedFirst?: boolean;
}

/** A chunk with its offset in the file. */
export interface FilePiece {
  readonly offset: number;
  readonly chunk: OwnedChunk;
}

/** Reads one range. Throws STORED_DATA_CORRUPT if the file ends before the range does. */
export async function* readExtent(
  handle: FileHandle,
  offset: number,
  length: number,
  options: ExtentReadOptions = {},
): AsyncGenerator<OwnedChunk, void, undefined> {
  const extents = length === 0 ? [] : [{ offset, length }];
  for await (const piece of readExtents(handle, extents, options)) yield piece.chunk;
}

/**
 * Reads ranges one after the other. The next piece is read while the consumer uses the current one.
 * If the consumer is slow, the piece that was read ahead is freed.
 */
export async function* readExtents(
  handle: ReadableFile,
  extents: Iterable<Extent>,
  options: ExtentReadOptions = {},
): AsyncGenerator<FilePiece, void, undefined> {
  const most = options.pieceBytes ?? pieceBytes;
  const plan = planReads(extents, most);
  const read = ({ span }: PlannedRead): Promise<OwnedChunk> => {
    const reading = readWhole(handle, span, options);
    // A read error is thrown when the consumer requests the piece. The error is ignored if the
    // consumer stops first.
    reading.catch(() => undefined);
    return reading;
  };
  let ahead: Promise<OwnedChunk> | undefined;
  let dropped: Promise<void> | undefined;
  using idle = createIdleWatch(() => {
    if (ahead === undefined) return;
    dropped = freeWhenRead(ahead);
    ahead = undefined;
  });
  try {
    for (let next = plan.next(); next.done !== true;) {
      options.signal?.throwIfAborted();
      const { span, parts } = next.value;
      await dropped;
      const chunk = await (ahead ?? read(next.value));
      next = plan.next();
      ahead = next.done === true || idle.isSlow() ? undefined : read(next.value);
      idle.handOut();
      for (const { offset, length } of parts) {
        const start = offset - span.offset;
        yield { offset, chunk: chunk.part(start, start + length) };
      }
      idle.askedFor();
    }
  } finally {
    // The caller closes the handle next. A read still in flight could then read another file with
    // the same descriptor number.
    await Promise.allSettled([ahead, dropped]);
  }
}

/** Frees the piece that was read ahead. The piece is read again when the consumer requests it. */
async function freeWhenRead(read: Promise<OwnedChunk>): Promise<void> {
  const chunk = await read.catch(() => undefined);
  chunk?.free();
}

/** One read, with the parts of it that were requested. */
interface PlannedRead {
  /** The range of the read, which ends where the last part ends. */
  readonly span: Extent;
  readonly parts: readonly Extent[];
}

/**
 * Plans reads of at most one piece, cut at multiples of the piece size so that pages stay whole.
 * Ranges with small gaps share a read, because reading the gap costs less than another call.
 */
function* planReads(
  extents: Iterable<Extent>,
  most: number,
): Generator<PlannedRead, undefined, undefined> {
  const pieceOf = (offset: number): number => Math.floor(offset / most);
  let parts: Extent[] = [];
  let start = 0;
  let end = 0;
  for (const part of cutAtPieces(extents, most)) {
    const far = part.offset - end > maxGapBytes || part.offset < end;
    if (parts.length > 0 && (far || pieceOf(part.offset) !== pieceOf(start))) {
      yield { span: { offset: start, length: end - start }, parts };
      parts = [];
    }
    if (parts.length === 0) start = part.offset;
    parts.push(part);
    end = part.offset + part.length;
  }
  if (parts.length > 0) yield { span: { offset: start, length: end - start }, parts };
  return undefined;
}

function* cutAtPieces(extents: Iterable<Extent>, most: number): Generator<Extent, void, undefined> {
  for (const extent of extents) {
    const end = extent.offset + extent.length;
    for (let offset = extent.offset; offset < end;) {
      const length = Math.min(offset - (offset % most) + most, end) - offset;
      yield { offset, length };
      offset += length;
    }
  }
}

async function readWhole(
  handle: ReadableFile,
  range: Extent,
  { what = `file descriptor ${handle.fd}`, cachedFirst = false }: ExtentReadOptions,
): Promise<OwnedChunk> {
  const buffer = Buffer.allocUnsafeSlow(range.length);
  const context = {
    what: `read ${formatBytes(range.length)} at offset ${range.offset}`,
    path: what,
  };
  const done = await withIoError(context, () =>
    cachedFirst
      ? readCachedFirst(handle, buffer, range.offset)
      : readFully(handle, buffer, range.offset),
  );
  if (done < range.length) throw endedEarly(what, range.offset + done, range);
  return OwnedChunk.handOver(buffer);
}

/**
 * Reads like `readFully`, but the first bytes cost no round trip to a thread if the page cache has
 * them.
 */
export async function readCachedFirst(
  handle: ReadableFile,
  bytes: Uint8Array,
  position: number,
): Promise<number> {
  const done = readCached(handle.fd, bytes, position);
  if (done === bytes.length) return done;
  return done + (await readFully(handle, bytes.subarray(done), position + done));
}

function endedEarly(what: string, position: number, range: Extent): StoreError {
  return new StoreError(
    "STORED_DATA_CORRUPT",
    `${what} ends at byte ${position}, expected data up to byte ${range.offset + range.length}`,
    {
      hint: "The file was cut, by damage or by another program, after its size was looked up",
      resource: { type: "file", name: what },
      metadata: { file: what, offset: String(position) },
    },
  );
}
