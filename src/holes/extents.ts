// Where the data of a file lies, and reading it in pieces of a good size.
import type { FileHandle } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { StoreError } from "../base/errors.js";
import { freeMemory, giveAway } from "../wire/given-bytes.js";
import type { Extent } from "../model/extent.js";
import { ioError, isErrno } from "./errno.js";
import { ExtentMap } from "./extent-map.js";
import { createIdleWatch } from "./idle-watch.js";
import { seekData, seekHole } from "./native.js";

/** Bytes read at once, unless said otherwise. */
export const pieceBytes = 512 * 1024;
/** Holes up to this size are read along with the data around them. */
const maxGapBytes = 32 * 1024;
/** Extents looked up between two turns of the event loop: about 4 ms. */
const extentsPerTurn = 1000;

/**
 * The data extents of an open file of `sizeBytes`, in order, adjacent ones merged, or undefined
 * when its filesystem can't tell holes. Synchronous: 4 µs an extent. Use `scanExtents` for files
 * that may have hundreds of thousands.
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
 * `dataExtents` that lets other work run in between, as a map that the caller disposes of. Of a file with more extents
 * than a map holds, the smallest holes count as data.
 */
export async function scanExtents(
  fd: number,
  sizeBytes: number,
  signal?: AbortSignal,
): Promise<ExtentMap | undefined> {
  const map = new ExtentMap();
  let found = 0;
  try {
    for (const { offset, length } of walkExtents(fd, sizeBytes)) {
      map.pushOrMerge(offset, length);
      found += 1;
      if (found % extentsPerTurn > 0) continue;
      await setImmediate();
      signal?.throwIfAborted();
    }
    return map;
  } catch (error) {
    map[Symbol.dispose]();
    if (cannotTell(error)) return undefined;
    throw lookError(error, fd);
  }
}

/**
 * The same extents, looked up as they are asked for: nothing is held, however many there are. For code that uses each
 * once and does other work in between.
 */
export function lazyExtents(fd: number, sizeBytes: number): Iterable<Extent> | undefined {
  const walk = walkExtents(fd, sizeBytes);
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

/** lseek(2) answers EINVAL to a `whence` that the filesystem doesn't know. */
function cannotTell(error: unknown): boolean {
  return isErrno(error, "EINVAL", "EOPNOTSUPP", "ENOTSUP", "ENOSYS");
}

function* walkExtents(fd: number, sizeBytes: number): Generator<Extent> {
  let pending: Extent | undefined;
  let position = 0;
  while (position < sizeBytes) {
    const offset = seekData(fd, position);
    if (offset === undefined || offset >= sizeBytes) break;
    // No hole after data means that the file was cut in between: what is left is read as data,
    // and the reader finds out.
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

export interface ReadOptions {
  /** The file's name, for messages. */
  readonly what?: string;
  readonly signal?: AbortSignal | undefined;
  /**
   * Pieces reuse a few buffers, so each is valid only until the next is asked for. The last piece of a
   * buffer is given away (wire/given-bytes.ts): a consumer that has copied it may free it. For a slow
   * consumer nothing is read ahead. Without this option, the bytes of a piece never change.
   */
  readonly reuseBuffers?: boolean;
  /**
   * Most bytes of a piece. Default: 512 KiB. Twice of that takes fewer calls, and more memory for each
   * who reads.
   */
  readonly pieceBytes?: number;
}

/** Bytes with their offset in the file. */
export interface FilePiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Reads one range. A file that ends before it does is STORED_DATA_CORRUPT. */
export async function* readExtent(
  handle: FileHandle,
  offset: number,
  length: number,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const extents = length === 0 ? [] : [{ offset, length }];
  for await (const piece of readExtents(handle, extents, options)) yield piece.bytes;
}

/** Reads ranges one after the other, fetching the next piece while one is used. */
export async function* readExtents(
  handle: FileHandle,
  extents: Iterable<Extent>,
  options: ReadOptions = {},
): AsyncGenerator<FilePiece, void, undefined> {
  const most = options.pieceBytes ?? pieceBytes;
  const reuses = options.reuseBuffers === true;
  // The consumer has one buffer, the other is filled meanwhile.
  const take = reuses ? reusedBuffers(2, most) : freshBuffer;
  const plan = planReads(extents, most);
  const read = ({ span }: PlannedRead): Promise<FilePiece> => {
    const reading = readFully(handle, span, take(span.length), options.what);
    // An error is met when its turn comes, or not at all when the consumer stops before.
    reading.catch(() => undefined);
    return reading;
  };
  let ahead: Promise<FilePiece> | undefined;
  let dropped: Promise<void> | undefined;
  using idle = createIdleWatch(() => {
    if (!reuses || ahead === undefined) return;
    dropped = freeWhenRead(ahead);
    ahead = undefined;
  });
  try {
    for (let next = plan.next(); next.done !== true;) {
      options.signal?.throwIfAborted();
      const { parts } = next.value;
      await dropped;
      const { offset: start, bytes } = await (ahead ?? read(next.value));
      next = plan.next();
      ahead = next.done === true || (reuses && idle.isSlow()) ? undefined : read(next.value);
      idle.handOut();
      for (const [index, { offset, length }] of parts.entries()) {
        const piece = bytes.subarray(offset - start, offset - start + length);
        if (reuses && index === parts.length - 1) giveAway(piece);
        yield { offset, bytes: piece };
      }
      idle.askedFor();
    }
  } finally {
    // The caller closes the handle next: nothing may still be reading from its number.
    await Promise.allSettled([ahead, dropped]);
  }
}

/** Frees what was read ahead and is not wanted now; it is read again. */
async function freeWhenRead(read: Promise<FilePiece>): Promise<void> {
  const piece = await read.catch(() => undefined);
  if (piece?.bytes.buffer instanceof ArrayBuffer) freeMemory(piece.bytes.buffer);
}

/** One read, and the parts of it that were asked for. */
interface PlannedRead {
  readonly span: Extent;
  readonly parts: readonly Extent[];
}

/**
 * Reads of at most one piece, cut at multiples of the piece size so that pages stay whole. Ranges
 * with small gaps share a read: the gap costs less than another call.
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

function freshBuffer(length: number): Buffer {
  return Buffer.allocUnsafeSlow(length);
}

function reusedBuffers(count: number, most: number): (length: number) => Buffer {
  const buffers: Buffer[] = [];
  let turn = 0;
  return (length) => {
    turn = (turn + 1) % count;
    let buffer = buffers[turn];
    // The consumer may have freed it.
    if (buffer === undefined || buffer.length === 0) buffer = Buffer.allocUnsafeSlow(most);
    buffers[turn] = buffer;
    return buffer.subarray(0, length);
  };
}

async function readFully(
  handle: FileHandle,
  range: Extent,
  buffer: Buffer,
  what = `file descriptor ${handle.fd}`,
): Promise<FilePiece> {
  let filled = 0;
  while (filled < range.length) {
    const position = range.offset + filled;
    const { bytesRead } = await read(handle, buffer, filled, range.length - filled, position, what);
    if (bytesRead === 0) throw endedEarly(what, position, range);
    filled += bytesRead;
  }
  return { offset: range.offset, bytes: buffer };
}

async function read(
  handle: FileHandle,
  buffer: Buffer,
  start: number,
  length: number,
  position: number,
  what: string,
): Promise<{ bytesRead: number }> {
  try {
    return await handle.read(buffer, start, length, position);
  } catch (error) {
    throw ioError(error, { what: `read at offset ${position}`, path: what });
  }
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
