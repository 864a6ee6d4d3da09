// Reads a stored file and compares each block with its digest before it returns any byte of the
// block.
import { formatBytes } from "../base/sizes.js";
import type { FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import { readFully } from "../base/whole-io.js";
import { OwnedChunk } from "../wire/chunk.js";
import type { Extent, Extents } from "../model/extent.js";
import { withIoError } from "../holes/errno.js";
import { pieceBytes, type FilePiece } from "../holes/extents.js";
import { createIdleWatch } from "../holes/idle-watch.js";
import { isZero } from "../holes/zero.js";
import { endOf } from "../model/extent.js";
import { hasBytes, indexBlocks, type BlockIndex } from "./block-access.js";
import { placedRuns, rootDigest, type BlockTable } from "./block-table.js";
import { readStoredTable, type StoredFile, type StoredSnapshot } from "./stored.js";

/** The caller disposes of it before it closes the file, because a read may be in flight. */
interface VerifiedFile extends AsyncDisposable {
  /** Reads all extents, once. Throws STORED_DATA_CORRUPT before a damaged block. */
  pieces(): AsyncGenerator<FilePiece, void, undefined>;
}

interface VerifiedReadOptions {
  /** The file's name, for messages. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** Holes up to this size are read along with the data around them. */
const maxGapBytes = 32 * 1024;

/**
 * Throws STORED_DATA_CORRUPT if data has become a hole. `extents` are those of the file; undefined
 * where the filesystem cannot tell holes.
 */
function verifyReads(
  handle: FileHandle,
  table: BlockTable,
  extents: Extents | undefined,
  options: VerifiedReadOptions,
): VerifiedFile {
  const whole = table.sizeBytes === 0 ? [] : [{ offset: 0, length: table.sizeBytes }];
  if (extents !== undefined) requireData(table, extents, options.what);
  return new VerifiedReader(handle, table, extents ?? whole, options);
}

/**
 * `verifyReads` of a file that has a digest. `index` is its place among all files of the snapshot
 * in the order of names.
 */
export async function openVerified(
  stored: StoredSnapshot,
  handle: FileHandle,
  { file, index }: { readonly file: StoredFile; readonly index: number },
  options: VerifiedReadOptions,
): Promise<VerifiedFile> {
  const table = await readStoredTable(stored, index);
  if (rootDigest(table) !== file.digest) {
    throw new StoreError(
      "STORED_DATA_CORRUPT",
      `${file.name} of snapshot ${stored.id}: its block table is not the one that was stored`,
      { hint: "Run `stasis check`", metadata: { snapshot_id: stored.id, file: file.name } },
    );
  }
  return verifyReads(handle, table, file.extents, options);
}

/** Neighbouring blocks that are read and compared together. */
interface Window {
  readonly start: number;
  /** The ranges that are read. The rest is holes. */
  readonly reads: readonly Extent[];
  /** The ranges that are returned to the consumer. */
  readonly pieces: readonly Extent[];
}

class VerifiedReader implements VerifiedFile {
  readonly #handle: FileHandle;
  readonly #index: BlockIndex;
  readonly #options: VerifiedReadOptions;
  readonly #windowBytes: number;
  readonly #plan: Generator<Window, undefined, undefined>;
  /** The next window, which is read while the consumer uses the current one. */
  #ahead: Promise<Buffer> | undefined;
  /** A window that was read ahead for a slow consumer and freed. It is read again. */
  #dropped: Promise<void> | undefined;
  readonly #idle = createIdleWatch(() => this.#drop());

  constructor(
    handle: FileHandle,
    table: BlockTable,
    extents: Extents,
    options: VerifiedReadOptions,
  ) {
    this.#handle = handle;
    this.#index = indexBlocks(table);
    this.#options = options;
    const { blockSizeBytes } = table;
    this.#windowBytes = Math.max(1, Math.floor(pieceBytes / blockSizeBytes)) * blockSizeBytes;
    this.#plan = planWindows(extents, this.#windowBytes);
  }

  async *pieces(): AsyncGenerator<FilePiece, void, undefined> {
    for (let next = this.#plan.next(); next.done !== true;) {
      this.#options.signal?.throwIfAborted();
      const { start, pieces } = next.value;
      await this.#dropped;
      const bytes = await (this.#ahead ?? this.#load(next.value));
      next = this.#plan.next();
      this.#ahead = next.done === true || this.#idle.isSlow() ? undefined : this.#load(next.value);
      const chunk = OwnedChunk.handOver(
        bytes.subarray(0, endOf(pieces[pieces.length - 1] as Extent) - start),
      );
      this.#idle.handOut();
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
    // A read error is thrown when the consumer requests the window. It is dropped if the consumer
    // stops first.
    loading.catch(() => undefined);
    return loading;
  }

  async #read({ start, reads }: Window): Promise<Buffer> {
    const size = Math.min(this.#windowBytes, this.#index.table.sizeBytes - start);
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
          this.#options.what,
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

/** The windows that hold data, in ascending order. */
function* planWindows(
  extents: Extents,
  windowBytes: number,
): Generator<Window, undefined, undefined> {
  let start = -1;
  let pieces: Extent[] = [];
  let reads: Extent[] = [];
  for (const extent of extents) {
    const end = endOf(extent);
    for (let { offset } = extent; offset < end;) {
      const windowStart = offset - (offset % windowBytes);
      if (windowStart !== start && pieces.length > 0) {
        yield { start, reads, pieces };
        [reads, pieces] = [[], []];
      }
      start = windowStart;
      const piece = { offset, length: Math.min(end, start + windowBytes) - offset };
      pieces.push(piece);
      addPart(reads, piece);
      offset = endOf(piece);
    }
  }
  if (pieces.length > 0) yield { start, reads, pieces };
  return undefined;
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
 * Each block with a digest must still have some data. A hole is not read, so it is not compared.
 */
function requireData(table: BlockTable, extents: Extents, what: string): void {
  const { blockSizeBytes } = table;
  const following = extents[Symbol.iterator]();
  let extent = following.next();
  for (const { kind, firstBlock, count } of placedRuns(table)) {
    if (kind !== "data") continue;
    for (let block = firstBlock; block < firstBlock + count; block += 1) {
      const start = block * blockSizeBytes;
      while (extent.done !== true && endOf(extent.value) <= start) extent = following.next();
      if (extent.done === true || extent.value.offset >= start + blockSizeBytes) {
        throw damaged(what, start, blockSizeBytes);
      }
    }
  }
}

async function readWhole(
  handle: FileHandle,
  bytes: Buffer,
  start: number,
  what: string,
): Promise<void> {
  const context = { what: `read ${formatBytes(bytes.length)} at offset ${start}`, path: what };
  const done = await withIoError(context, () => readFully(handle, bytes, start));
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
