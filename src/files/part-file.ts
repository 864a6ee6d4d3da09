// Assembles a file over several attempts: one window (table-source.ts) after the other, and the
// blocks of a window in any order. Blocks from an earlier attempt are trusted only after their
// digests have been computed again.
import { formatBytes } from "../base/sizes.js";
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { writeFully } from "../base/whole-io.js";
import { isErrno, withIoError } from "../holes/errno.js";
import { lazyExtents } from "../holes/extents.js";
import { dataRuns } from "../holes/zero.js";
import { closeQuietly } from "../base/quietly.js";
import { hasBytes, readBlock, type BlockIndex } from "./block-access.js";
import { windowBlocks, windowCount, type TableShape } from "./table-source.js";
import { disk } from "../holes/file-operations.js";

export interface PartFile extends AsyncDisposable {
  readonly path: string;
  /**
   * Begins a window, and reads the bytes that an earlier attempt has left in it. Windows are
   * entered in ascending order. The calls below apply to the blocks of this window.
   */
  enter(number: number, index: BlockIndex): Promise<void>;
  /** The index of the window. */
  readonly index: BlockIndex;
  /** Returns whether the block is present with the right bytes. */
  has(block: number): boolean;
  /** Writes a block whose digest the caller has compared. */
  put(block: number, bytes: Uint8Array): Promise<void>;
  /**
   * Writes a block like `put`. The bytes are also at the same place in the file `from`, so this
   * lets the kernel copy or share them there if it can.
   */
  share(block: number, bytes: Uint8Array, from: FileHandle): Promise<void>;
  /**
   * Ends the window: writes zeros over the bytes of an earlier attempt where the window has no
   * data. Throws if a block with data is missing.
   */
  leave(): Promise<void>;
  /** Closes the file. Throws unless every window was left. */
  complete(): Promise<void>;
}

/** A power cut loses at most about this much of the fetched data. */
const syncBytes = 32 * 1024 * 1024;
/** The unit in which `stat` counts a file's blocks. */
const statBlockBytes = 512;

interface PartOptions {
  readonly signal: AbortSignal;
  /**
   * Called first with the number of bytes that an earlier attempt has left, and then before each
   * write with the number of its bytes. May throw.
   */
  readonly onData?: (bytes: number) => void;
}

/**
 * Opens the file that an earlier attempt left at `path`, or creates it. A file of another size is
 * emptied first. Disposing of it closes the file, which stays on the disk.
 */
export async function openPartFile(
  path: string,
  shape: TableShape,
  { signal, onData = () => undefined }: PartOptions,
): Promise<PartFile> {
  const handle = await withIoError({ what: "open the part", path }, () => openPart(path));
  try {
    await withIoError(
      { what: `set the size to ${formatBytes(shape.sizeBytes)}`, path },
      async () => {
        const { size } = await handle.stat();
        if (size !== shape.sizeBytes) await handle.truncate(0);
        await handle.truncate(shape.sizeBytes);
      },
    );
    const { blocks } = await withIoError({ what: "look at the part", path }, () => handle.stat());
    onData(blocks * statBlockBytes);
    return new DiskPartFile(path, handle, shape, { signal, onData });
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

async function openPart(path: string): Promise<FileHandle> {
  const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
  const openIt = (): Promise<FileHandle> => disk.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    return await openIt();
  } catch (error) {
    if (!isErrno(error, "EACCES")) throw error;
    // An interrupted repair may have made the file read-only without moving it into place.
    await disk.chmod(path, 0o600);
    return openIt();
  }
}

class DiskPartFile implements PartFile {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #shape: TableShape;
  readonly #signal: AbortSignal;
  readonly #onData: (bytes: number) => void;
  #index: BlockIndex | undefined;
  /** Number of windows that were left. */
  #left = 0;
  readonly #done = new Set<number>();
  /** Blocks whose bytes are wrong. None of these bytes may stay. */
  readonly #dirty = new Set<number>();
  #unsyncedBytes = 0;
  #syncing: Promise<void> | undefined;
  #open = true;

  constructor(
    path: string,
    handle: FileHandle,
    shape: TableShape,
    { signal, onData }: Required<PartOptions>,
  ) {
    this.path = path;
    this.#handle = handle;
    this.#shape = shape;
    this.#signal = signal;
    this.#onData = onData;
  }

  get index(): BlockIndex {
    if (this.#index === undefined) throw new Error(`no window of ${this.path} was entered`);
    return this.#index;
  }

  async enter(number: number, index: BlockIndex): Promise<void> {
    if (number !== this.#left) throw new Error(`window ${number} after ${this.#left} were left`);
    this.#index = index;
    this.#done.clear();
    this.#dirty.clear();
    await this.#look(number * windowBlocks);
  }

  has(block: number): boolean {
    return this.#done.has(block);
  }

  /** Finds the blocks that an earlier attempt has left in the window that begins at `first`. */
  async #look(first: number): Promise<void> {
    const { blockSizeBytes, sizeBytes } = this.#shape;
    const start = first * blockSizeBytes;
    const endBytes = Math.min(start + windowBlocks * blockSizeBytes, sizeBytes);
    const whole = [{ offset: start, length: endBytes - start }];
    const extents = lazyExtents(this.#handle.fd, endBytes, start) ?? whole;
    let next = first;
    for (const { offset, length } of extents) {
      const end = Math.ceil((offset + length) / blockSizeBytes);
      next = Math.max(next, Math.floor(offset / blockSizeBytes));
      for (; next < end; next += 1) {
        this.#signal.throwIfAborted();
        const bytes = await readBlock(this.#handle, this.index, next, this.path);
        const right = await hasBytes(this.index, next, bytes);
        (right ? this.#done : this.#dirty).add(next);
      }
    }
  }

  async put(block: number, bytes: Uint8Array): Promise<void> {
    const start = block * this.#shape.blockSizeBytes;
    const runs = this.#dirty.has(block)
      ? [{ offset: start, length: bytes.length }]
      : dataRuns(bytes, start);
    for (const { offset, length } of runs) {
      await this.#write(bytes.subarray(offset - start, offset - start + length), offset);
    }
    await this.#markDone(block, bytes.length);
  }

  async share(block: number, bytes: Uint8Array, from: FileHandle): Promise<void> {
    const offset = block * this.#shape.blockSizeBytes;
    try {
      if (this.#dirty.has(block)) return await this.put(block, bytes);
      const copied = await disk.copyRange(from.fd, this.#handle.fd, offset, bytes.length);
      if (copied === bytes.length) return await this.#markDone(block, 0);
    } catch (error) {
      if (!isErrno(error, "EINVAL", "EXDEV", "EOPNOTSUPP", "ENOSYS")) throw error;
    }
    await this.put(block, bytes);
  }

  async leave(): Promise<void> {
    for (const block of this.index.dataBlocks()) {
      if (!this.#done.has(block)) throw new Error(`block ${block} of ${this.path} is missing`);
    }
    for (const block of this.#dirty) {
      const zeros = Buffer.alloc(this.index.lengthOf(block));
      await this.#write(zeros, block * this.#shape.blockSizeBytes);
    }
    this.#left += 1;
    this.#index = undefined;
  }

  async complete(): Promise<void> {
    const windows = windowCount(this.#shape);
    if (this.#left < windows) throw new Error(`${this.#left} of ${windows} windows were left`);
    this.#open = false;
    await this.#syncing;
    await withIoError({ what: "close the part", path: this.path }, () => this.#handle.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#syncing?.catch(() => undefined);
    await closeQuietly(this.#handle);
  }

  async #write(bytes: Uint8Array, offset: number): Promise<void> {
    this.#onData(bytes.length);
    const what = `write ${formatBytes(bytes.length)} at offset ${offset}`;
    await withIoError({ what, path: this.path }, () => writeFully(this.#handle, bytes, offset));
  }

  async #markDone(block: number, writtenBytes: number): Promise<void> {
    this.#done.add(block);
    this.#dirty.delete(block);
    this.#unsyncedBytes += writtenBytes;
    if (this.#unsyncedBytes < syncBytes) return;
    // Only one sync runs at a time. Callers that arrive meanwhile wait for it, which bounds the
    // unsynced data.
    await this.#syncing;
    if (this.#unsyncedBytes < syncBytes) return;
    this.#unsyncedBytes = 0;
    const context = { what: "write out the part", path: this.path };
    this.#syncing = withIoError(context, () => this.#handle.datasync());
    await this.#syncing;
  }
}
