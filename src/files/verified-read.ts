// Reads a stored file so that no byte is handed out before its block was compared with its digest.
import type { FileHandle } from "node:fs/promises";
import { StoreError } from "../base/errors.js";
import { freeMemory, giveAway } from "../wire/given-bytes.js";
import type { Extent, Extents } from "../model/extent.js";
import { withIoError } from "../holes/errno.js";
import { pieceBytes, type FilePiece } from "../holes/extents.js";
import { createIdleWatch } from "../holes/idle-watch.js";
import { isZero } from "../holes/zero.js";
import { hasBytes, indexBlocks, type BlockIndex } from "./block-access.js";
import { placedRuns, rootDigest, type BlockTable } from "./block-table.js";
import { readStoredTable, type StoredSnapshot } from "./stored.js";

/** To be disposed of before the file is closed: a read may be under way. */
export interface VerifiedFile extends AsyncDisposable {
  /** Reads all extents, once. Throws STORED_DATA_CORRUPT before a damaged block. */
  pieces(): AsyncGenerator<FilePiece, void, undefined>;
}

export interface VerifyOptions {
  /** The file's name, for messages. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** As in `ReadOptions`. */
  readonly reuseBuffers?: boolean;
}

/** Holes up to this size are read along with the data around them. */
const maxGapBytes = 32 * 1024;

/**
 * Throws STORED_DATA_CORRUPT if data has become a hole. `extents` are those of the file; undefined where the
 * filesystem cannot tell holes.
 */
export function verifyReads(
  handle: FileHandle,
  table: BlockTable,
  extents: Extents | undefined,
  options: VerifyOptions,
): VerifiedFile {
  const whole = table.sizeBytes === 0 ? [] : [{ offset: 0, length: table.sizeBytes }];
  if (extents !== undefined) requireData(table, extents, options.what);
  return new VerifiedReader(handle, table, extents ?? whole, options);
}

/** `verifyReads` of the file at `index` in the order of names, which must have a digest. */
export async function openVerified(
  stored: StoredSnapshot,
  handle: FileHandle,
  index: number,
  options: VerifyOptions,
): Promise<VerifiedFile> {
  const file = stored.files[index];
  if (file === undefined) throw new Error(`snapshot ${stored.id} has no file ${index}`);
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

/** Some neighbouring blocks, read and compared together, and their data. */
interface Window {
  readonly number: number;
  readonly parts: readonly Extent[];
}

/** The window after the current one, and its bytes if they are read while that is used. */
interface Ahead extends Window {
  readonly bytes?: Promise<Buffer>;
}

class VerifiedReader implements VerifiedFile {
  readonly #handle: FileHandle;
  readonly #index: BlockIndex;
  readonly #extents: Extents;
  readonly #options: VerifyOptions;
  readonly #windowBytes: number;
  readonly #plan: Generator<Window, undefined, undefined>;
  readonly #buffers: Buffer[] = [];
  #turn = 0;
  #current: { readonly number: number; readonly bytes: Buffer } | undefined;
  #ahead: Ahead | undefined;
  /** A window that was read ahead and is not wanted now; it is read again. */
  #dropped: Promise<void> | undefined;
  readonly #idle = createIdleWatch(() => this.#drop());

  constructor(handle: FileHandle, table: BlockTable, extents: Extents, options: VerifyOptions) {
    this.#handle = handle;
    this.#index = indexBlocks(table);
    this.#extents = extents;
    this.#options = options;
    const { blockSizeBytes } = table;
    this.#windowBytes = Math.max(1, Math.floor(pieceBytes / blockSizeBytes)) * blockSizeBytes;
    this.#plan = planWindows(extents, this.#windowBytes);
  }

  async *pieces(): AsyncGenerator<FilePiece, void, undefined> {
    for (const { offset, length } of this.#extents) {
      const end = offset + length;
      for (let position = offset; position < end;) {
        const number = Math.floor(position / this.#windowBytes);
        // What is already here needs no turn: short extents share a window.
        const bytes = this.#now(number) ?? (await this.#bytesOf(number));
        const start = number * this.#windowBytes;
        const stop = Math.min(bytes.length, end - start);
        if (stop <= position - start) throw new Error(`read beyond ${this.#options.what}`);
        const piece = bytes.subarray(position - start, stop);
        if (this.#reuses && stop === bytes.length) giveAway(piece);
        this.#idle.handOut();
        yield { offset: position, bytes: piece };
        this.#idle.askedFor();
        position = start + stop;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#idle[Symbol.dispose]();
    await Promise.allSettled([this.#ahead?.bytes, this.#dropped]);
  }

  get #reuses(): boolean {
    return this.#options.reuseBuffers === true;
  }

  #drop(): void {
    if (!this.#reuses || this.#ahead?.bytes === undefined) return;
    const { bytes, ...window } = this.#ahead;
    this.#ahead = window;
    this.#dropped = bytes.then(
      ({ buffer }) => void (buffer instanceof ArrayBuffer && freeMemory(buffer)),
      () => undefined,
    );
  }

  #now(number: number): Buffer | undefined {
    return this.#current?.number === number ? this.#current.bytes : undefined;
  }

  async #bytesOf(number: number): Promise<Buffer> {
    while (this.#current === undefined || this.#current.number < number) {
      this.#options.signal?.throwIfAborted();
      await this.#dropped;
      const next: Ahead | undefined = this.#ahead ?? this.#plan.next().value;
      if (next === undefined) break;
      this.#ahead = next;
      const bytes = await (next.bytes ?? this.#load(next));
      this.#current = { number: next.number, bytes };
      this.#ahead = this.#lookAhead();
    }
    if (this.#current?.number === number) return this.#current.bytes;
    throw new Error(`${this.#options.what}: window ${number} was read before or is a hole`);
  }

  #lookAhead(): Ahead | undefined {
    const window = this.#plan.next().value;
    if (window === undefined || (this.#reuses && this.#idle.isSlow())) return window;
    const bytes = this.#load(window);
    // An error is met when its turn comes, or not at all when the consumer stops before.
    bytes.catch(() => undefined);
    return { ...window, bytes };
  }

  async #load({ number, parts }: Window): Promise<Buffer> {
    const start = number * this.#windowBytes;
    const size = Math.min(this.#windowBytes, this.#index.table.sizeBytes - start);
    const bytes = this.#take().subarray(0, size);
    let position = 0;
    for (const { offset, length } of parts) {
      bytes.fill(0, position, offset - start);
      position = offset - start + length;
    }
    bytes.fill(0, position);
    await Promise.all(
      parts.map(async ({ offset, length }) =>
        readFully(
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

  #take(): Buffer {
    if (this.#options.reuseBuffers !== true) return Buffer.allocUnsafeSlow(this.#windowBytes);
    // The consumer has one, and may have freed it; the other is filled meanwhile.
    this.#turn = (this.#turn + 1) % 2;
    let buffer = this.#buffers[this.#turn];
    if (buffer === undefined || buffer.length === 0) {
      buffer = Buffer.allocUnsafeSlow(this.#windowBytes);
      this.#buffers[this.#turn] = buffer;
    }
    return buffer;
  }
}

/** The windows that hold data, ascending. */
function* planWindows(
  extents: Extents,
  windowBytes: number,
): Generator<Window, undefined, undefined> {
  let number = -1;
  let parts: Extent[] = [];
  for (const extent of extents) {
    const end = extent.offset + extent.length;
    for (let offset = extent.offset; offset < end;) {
      const window = Math.floor(offset / windowBytes);
      const length = Math.min(end, (window + 1) * windowBytes) - offset;
      if (window !== number && parts.length > 0) yield { number, parts };
      if (window !== number) parts = [];
      number = window;
      addPart(parts, { offset, length });
      offset += length;
    }
  }
  if (parts.length > 0) yield { number, parts };
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

/** Each block with a digest has to have some data left: a hole is not read, so not compared. */
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

function endOf({ offset, length }: Extent): number {
  return offset + length;
}

async function readFully(
  handle: FileHandle,
  bytes: Buffer,
  start: number,
  what: string,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await withIoError(
      { what: `read at offset ${start + done}`, path: what },
      () => handle.read(bytes, done, bytes.length - done, start + done),
    );
    if (bytesRead === 0) throw damaged(what, start + done, bytes.length - done);
    done += bytesRead;
  }
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
