// Reads a stored file and compares each block with its digest before it returns any byte of the
// block.
import { formatBytes } from "../base/sizes.js";
import { StoreError } from "../base/errors.js";
import { readFully, type ReadableFile } from "../base/whole-io.js";
import { OwnedChunk } from "../wire/chunk.js";
import { withIoError } from "../holes/errno.js";
import { pieceBytes, readCachedFirst, type FilePiece } from "../holes/extents.js";
import { createIdleWatch } from "../holes/idle-watch.js";
import { isZero } from "../holes/zero.js";
import { createIntersection, endOf, type Extent, type Extents } from "../model/extent.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { hasBytes, indexBlocks, type BlockIndex } from "./block-access.js";
import { rootDigest, type BlockTable } from "./block-table.js";
import { readStoredTable, type StoredFile, type StoredSnapshot } from "./stored.js";

/**
 * A file whose blocks are compared when they are read. The caller must dispose of it before closing
 * the file, because a read may be in flight.
 */
interface VerifiedFile extends AsyncDisposable {
  /**
   * Yields the wanted data. Call this once. Throws STORED_DATA_CORRUPT before it yields any byte of
   * a damaged block.
   */
  pieces(): AsyncGenerator<FilePiece, void, undefined>;
}

interface VerifiedReadOptions {
  /** The file's name, for messages. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /**
   * If true, this thread first reads what the page cache has, which suits short reads. Default:
   * false.
   */
  readonly cachedFirst?: boolean;
}

/** Holes up to this size are read along with the data around them. */
const maxGapBytes = 32 * 1024;

/** The parts of a file that are read. */
interface VerifiedParts {
  /**
   * Whole blocks that are compared, ascending and not adjacent. Only the last block of the file may
   * be shorter.
   */
  readonly spans: readonly Extent[];
  /** The data in the spans; undefined if the filesystem does not report holes. */
  readonly extents: Extents | undefined;
  /** The bytes that are returned, ascending, each in a span. */
  readonly wanted: Extents;
}

/**
 * Returns a file that reads the blocks of `spans` and yields the data of `wanted`. Throws
 * STORED_DATA_CORRUPT if data has become a hole. The caller closes the file.
 */
export function verifyParts(
  handle: ReadableFile,
  index: BlockIndex,
  { spans, extents, wanted }: VerifiedParts,
  options: VerifiedReadOptions,
): VerifiedFile {
  if (extents !== undefined) requireData(index, extents, spans, options.what);
  const { blockSizeBytes } = index.table;
  const windowBytes = Math.max(1, Math.floor(pieceBytes / blockSizeBytes)) * blockSizeBytes;
  const plan = planWindows({ spans, extents: extents ?? spans, wanted }, windowBytes);
  return new VerifiedReader(handle, index, plan, options);
}

/**
 * Opens a file that has a digest, to read and compare all of it. `index` is its place among all
 * files of the snapshot in the order of names.
 */
export async function openVerified(
  stored: StoredSnapshot,
  handle: ReadableFile,
  { file, index }: { readonly file: StoredFile; readonly index: number },
  options: VerifiedReadOptions,
): Promise<VerifiedFile> {
  const table = await readStoredTable(stored, index);
  requireRoot(table, stored.id, file);
  const { sizeBytes } = table;
  const whole = sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
  const parts = { spans: whole, extents: file.extents, wanted: file.extents ?? whole };
  return verifyParts(handle, indexBlocks(table), parts, options);
}

/** Throws STORED_DATA_CORRUPT if the table does not have the file's digest as its root digest. */
export function requireRoot(
  table: BlockTable,
  id: string,
  { name, digest }: Pick<SnapshotFile, "name" | "digest">,
): void {
  if (rootDigest(table) === digest) return;
  throw new StoreError(
    "STORED_DATA_CORRUPT",
    `${name} of snapshot ${id}: its block table is not the one that was stored`,
    { hint: "Run `stasis check`", metadata: { snapshot_id: id, file: name } },
  );
}

/** A window: neighbouring blocks that are read and compared together. */
interface Window {
  readonly start: number;
  /** Bytes of all its blocks. */
  readonly length: number;
  /** The ranges that are read. The rest is holes. */
  readonly reads: readonly Extent[];
  /** The ranges that are returned to the consumer; empty if the wanted bytes are holes. */
  readonly pieces: readonly Extent[];
}

class VerifiedReader implements VerifiedFile {
  readonly #handle: ReadableFile;
  readonly #index: BlockIndex;
  readonly #options: VerifiedReadOptions;
  readonly #plan: Generator<Window, undefined, undefined>;
  /**
   * The next window, which is read while the consumer uses the current one. Undefined if no window
   * is being read ahead.
   */
  #ahead: Promise<Buffer> | undefined;
  /**
   * Resolves when a window that was read ahead for a slow consumer has been freed. The window must
   * then be read again.
   */
  #dropped: Promise<void> | undefined;
  readonly #idle = createIdleWatch(() => this.#drop());

  constructor(
    handle: ReadableFile,
    index: BlockIndex,
    plan: Generator<Window, undefined, undefined>,
    options: VerifiedReadOptions,
  ) {
    this.#handle = handle;
    this.#index = index;
    this.#options = options;
    this.#plan = plan;
  }

  async *pieces(): AsyncGenerator<FilePiece, void, undefined> {
    for (let next = this.#plan.next(); next.done !== true;) {
      this.#options.signal?.throwIfAborted();
      const { start, pieces } = next.value;
      await this.#dropped;
      const bytes = await (this.#ahead ?? this.#load(next.value));
      next = this.#plan.next();
      this.#ahead = next.done === true || this.#idle.isSlow() ? undefined : this.#load(next.value);
      const last = pieces.at(-1);
      const chunk = OwnedChunk.handOver(
        bytes.subarray(0, last === undefined ? 0 : endOf(last) - start),
      );
      this.#idle.handOut();
      if (last === undefined) chunk.free();
      for (const { offset, length } of pieces) {
        yield { offset, chunk: chunk.part(offset - start, offset - start + length) };
      }
      this.#idle.askedFor();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#idle[Symbol.dispose]();
    await Promise.allSettled([this.#ahead, this.#dropped]);
  }

  #drop(): void {
    this.#dropped = this.#ahead?.then(
      (bytes) => OwnedChunk.handOver(bytes).free(),
      () => undefined,
    );
    this.#ahead = undefined;
  }

  #load(window: Window): Promise<Buffer> {
    const loading = this.#read(window);
    // A read error is thrown when the consumer requests the window. The error is ignored if the
    // consumer stops first.
    loading.catch(() => undefined);
    return loading;
  }

  async #read({ start, length: size, reads }: Window): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(size);
    let position = 0;
    for (const { offset, length } of reads) {
      bytes.fill(0, position, offset - start);
      position = offset - start + length;
    }
    bytes.fill(0, position);
    await Promise.all(
      reads.map(async ({ offset, length }) =>
        readWhole(
          this.#handle,
          bytes.subarray(offset - start, offset - start + length),
          offset,
          this.#options,
        ),
      ),
    );
    await this.#compare(start, bytes);
    return bytes;
  }

  async #compare(start: number, bytes: Buffer): Promise<void> {
    const { blockSizeBytes } = this.#index.table;
    for (let offset = 0; offset < bytes.length; offset += blockSizeBytes) {
      const block = (start + offset) / blockSizeBytes;
      const content = bytes.subarray(offset, offset + blockSizeBytes);
      const isData = this.#index.digestOf(block) !== undefined;
      const intact = isData ? await hasBytes(this.#index, block, content) : isZero(content);
      if (!intact) throw damaged(this.#options.what, start + offset, content.length);
    }
  }
}

/**
 * Yields the windows that contain data, in ascending order. A window has at most `windowBytes`
 * bytes, does not cross a multiple of `windowBytes`, and lies inside a span.
 */
function* planWindows(
  { spans, extents, wanted }: VerifiedParts & { readonly extents: Extents },
  windowBytes: number,
): Generator<Window, undefined, undefined> {
  const spanAt = forwardSearch(spans);
  const piecesOf = createIntersection(wanted);
  let window: { start: number; length: number; reads: Extent[]; pieces: Extent[] } | undefined;
  for (const extent of extents) {
    const end = endOf(extent);
    for (let { offset } = extent; offset < end;) {
      if (window === undefined || offset >= window.start + window.length) {
        if (window !== undefined) yield window;
        const span = spanAt(offset);
        const start = Math.max(offset - (offset % windowBytes), span.offset);
        const length = Math.min(start - (start % windowBytes) + windowBytes, endOf(span)) - start;
        window = { start, length, reads: [], pieces: [] };
      }
      const part = { offset, length: Math.min(end, endOf(wholeOf(window))) - offset };
      addPart(window.reads, part);
      window.pieces.push(...piecesOf(part));
      offset = endOf(part);
    }
  }
  if (window !== undefined) yield window;
  return undefined;
}

function wholeOf({ start, length }: Pick<Window, "start" | "length">): Extent {
  return { offset: start, length };
}

/**
 * Returns a function that finds the span that contains an offset. The offsets must ascend, and each
 * must be in a span.
 */
function forwardSearch(spans: readonly Extent[]): (offset: number) => Extent {
  let at = 0;
  return (offset) => {
    for (;;) {
      const span = spans[at];
      if (span === undefined) throw new Error(`no span has the offset ${offset}`);
      if (offset < endOf(span)) return span;
      at += 1;
    }
  };
}

function addPart(parts: Extent[], part: Extent): void {
  const last = parts.at(-1);
  if (last === undefined || part.offset - (last.offset + last.length) > maxGapBytes) {
    parts.push(part);
  } else {
    parts[parts.length - 1] = {
      offset: last.offset,
      length: part.offset + part.length - last.offset,
    };
  }
}

/**
 * Throws unless every block with a digest in the spans still has some data. A hole is not read, so
 * its digest would not be compared.
 */
function requireData(
  index: BlockIndex,
  extents: Extents,
  spans: readonly Extent[],
  what: string,
): void {
  const { blockSizeBytes } = index.table;
  const following = extents[Symbol.iterator]();
  let extent = following.next();
  for (const span of spans) {
    const [first, end] = [span.offset, endOf(span)].map((at) => Math.ceil(at / blockSizeBytes));
    for (const block of index.dataBlocks(first, end)) {
      const start = block * blockSizeBytes;
      while (extent.done !== true && endOf(extent.value) <= start) extent = following.next();
      if (extent.done === true || extent.value.offset >= start + blockSizeBytes) {
        throw damaged(what, start, blockSizeBytes);
      }
    }
  }
}

async function readWhole(
  handle: ReadableFile,
  bytes: Buffer,
  start: number,
  { what, cachedFirst = false }: VerifiedReadOptions,
): Promise<void> {
  const context = { what: `read ${formatBytes(bytes.length)} at offset ${start}`, path: what };
  const read = cachedFirst ? readCachedFirst : readFully;
  const done = await withIoError(context, () => read(handle, bytes, start));
  if (done < bytes.length) throw damaged(what, start + done, bytes.length - done);
}

function damaged(what: string, offset: number, length: number): StoreError {
  return new StoreError(
    "STORED_DATA_CORRUPT",
    `${what}: the ${length} bytes at offset ${offset} are not what was stored`,
    {
      hint: "Run `stasis verify` to see all damaged ranges",
      metadata: { file: what, offset: String(offset), length: String(length) },
    },
  );
}
