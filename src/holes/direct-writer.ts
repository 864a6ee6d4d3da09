// Writes large data directly, past the page cache (O_DIRECT, see open(2)). The disk reads from our
// memory, with several writes at once, and the kernel has no pages to find, write back and evict.
// This saves a seventh of the CPU time of an upload. Parts of pages, and small runs between holes,
// go through the page cache.
import { dropErrors } from "../base/quietly.js";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import type { BorrowedChunk } from "../wire/chunk.js";
import { isErrno } from "./errno.js";
import type { WriteObserver } from "./sparse-writer.js";
import { slotBytes, type WriteSlots } from "./write-slots.js";

/**
 * Offsets, lengths and memory must be multiples of this number. This alignment suffices for every
 * disk and most filesystems.
 */
const pageBytes = 4096;
/**
 * The bytes that are left of one `write` call, with the carried bytes, are written directly if
 * there are at least this many. For fewer bytes, a separate request to the disk does not pay off.
 */
const minDirectBytes = 256 * 1024;
/**
 * Bytes that are copied before the observer sees them, few enough to be still in the processor's
 * cache.
 */
const stepBytes = 256 * 1024;

/** Writes a file directly. Callers must wait for each call before the next one. */
export interface DirectWriter {
  /**
   * Writes at or after the end of the previous write. Resolves when the caller may reuse `bytes`.
   * The result contains a promise for the writes to the disk. Less than a page of the bytes may
   * wait for the next write, or for `flush`.
   */
  write(offset: number, bytes: BorrowedChunk): Promise<{ readonly written: Promise<unknown> }>;
  /** Writes the remaining bytes, then waits for all writes. Throws if any of them has failed. */
  flush(): Promise<void>;
}

/**
 * Returns a writer for a new file. `fd` must be open for writing and must stay open until the
 * writer has flushed; `path` is the file's name. The observer sees all bytes in ascending order.
 */
export function createDirectWriter(
  fd: number,
  path: string,
  slots: WriteSlots,
  observer: WriteObserver,
): DirectWriter {
  return new DirectFileWriter({ fd, path, slots, observer });
}

interface WriteTarget {
  readonly fd: number;
  readonly path: string;
  readonly slots: WriteSlots;
  readonly observer: WriteObserver;
}

class DirectFileWriter implements DirectWriter {
  readonly #target: WriteTarget;
  readonly #running = new Set<Promise<void>>();
  /** The bytes after the last whole page. They are written together with the bytes that follow. */
  readonly #carry = new Uint8Array(pageBytes);
  #carryOffset = 0;
  #carriedBytes = 0;
  #directFd: number | undefined;
  /** True if this filesystem does not support direct writes, or requires another alignment. */
  #refused = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(target: WriteTarget) {
    this.#target = target;
  }

  async write(
    offset: number,
    bytes: BorrowedChunk,
  ): Promise<{ readonly written: Promise<unknown> }> {
    if (offset !== this.#carryOffset + this.#carriedBytes) this.#writeCarried();
    const firstPage = this.#carriedBytes > 0 ? 0 : (pageBytes - (offset % pageBytes)) % pageBytes;
    this.#writeCached(offset, bytes.subarray(0, firstPage));
    const aligned = bytes.subarray(firstPage);
    const writes: Promise<void>[] = [];
    const done = await this.#writeLarge(offset + firstPage, aligned, writes);
    const rest = aligned.subarray(done);
    const restOffset = offset + firstPage + done;
    if (writes.length > 0 && rest.length < pageBytes) {
      this.#carry.set(rest);
      [this.#carryOffset, this.#carriedBytes] = [restOffset, rest.length];
    } else {
      this.#writeCarried();
      this.#writeCached(restOffset, rest);
    }
    const written = Promise.all(writes);
    // A caller may look at it only after later writes, or never: flush reports the failure too.
    // Without a handler, the rejection would end the thread and with it all its files.
    void dropErrors(written);
    return { written };
  }

  async flush(): Promise<void> {
    try {
      this.#writeCarried();
    } finally {
      await Promise.allSettled(this.#running);
      if (this.#directFd !== undefined) closeSync(this.#directFd);
      this.#directFd = undefined;
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #writeCarried(): void {
    const bytes = this.#carry.subarray(0, this.#carriedBytes);
    this.#carriedBytes = 0;
    this.#writeCached(this.#carryOffset, bytes);
  }

  #writeCached(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    writeFully(this.#target.fd, bytes, offset);
    this.#target.observer.update(offset, bytes);
  }

  /**
   * Starts direct writes of as many bytes from the start of `bytes` as possible, and returns their
   * number. Resolves when these bytes were copied into slots.
   */
  async #writeLarge(offset: number, bytes: Uint8Array, writes: Promise<void>[]): Promise<number> {
    const { slots } = this.#target;
    for (let done = 0; ;) {
      const leftBytes = this.#carriedBytes + bytes.length - done;
      const direct = leftBytes < minDirectBytes ? undefined : this.#openDirect();
      if (direct === undefined) return done;
      const length = Math.min(slotBytes, leftBytes - (leftBytes % pageBytes));
      const slot = await slots.acquire();
      const start = offset + done - this.#carriedBytes;
      const next = done + length - this.#carriedBytes;
      try {
        this.#fill(slot, start, bytes.subarray(done, next));
      } catch (error) {
        slots.release(slot);
        throw error;
      }
      writes.push(this.#track(this.#writeSlot(direct, slot, start, length)));
      done = next;
    }
  }

  #openDirect(): number | undefined {
    if (this.#refused) return undefined;
    try {
      const { O_DIRECT, O_NOFOLLOW, O_WRONLY } = constants;
      return (this.#directFd ??= openSync(this.#target.path, O_WRONLY | O_DIRECT | O_NOFOLLOW));
    } catch {
      this.#refused = true;
      return undefined;
    }
  }

  /** Copies the carried bytes and then `bytes` into the slot, and passes them to the observer. */
  #fill(slot: Uint8Array, offset: number, bytes: Uint8Array): void {
    const carried = this.#carriedBytes;
    slot.set(this.#carry.subarray(0, carried));
    const length = carried + bytes.length;
    for (let seen = 0, filled = carried; seen < length;) {
      const next = Math.min(length, seen + stepBytes - ((offset + seen) % stepBytes));
      slot.set(bytes.subarray(filled - carried, next - carried), filled);
      this.#target.observer.update(offset + seen, slot.subarray(seen, next));
      seen = filled = next;
    }
    this.#carriedBytes = 0;
  }

  #track(write: Promise<void>): Promise<void> {
    this.#running.add(write);
    void write
      .catch((error: unknown) => (this.#failure ??= { error }))
      .finally(() => this.#running.delete(write));
    return write;
  }

  /**
   * Writes the slot directly. The rest of a refused or short write goes through the page cache.
   * Releases the slot in the end.
   */
  async #writeSlot(direct: number, slot: Uint8Array, offset: number, length: number) {
    const { fd, slots } = this.#target;
    try {
      const done = await writeDirectly(slots, direct, slot.subarray(0, length), offset);
      if (done === undefined) this.#refused = true;
      writeFully(fd, slot.subarray(done ?? 0, length), offset + (done ?? 0));
    } finally {
      slots.release(slot);
    }
  }
}

function writeFully(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}

/** Returns the number of bytes written, or undefined if the filesystem refuses such a write. */
async function writeDirectly(
  slots: WriteSlots,
  fd: number,
  bytes: Uint8Array,
  offset: number,
): Promise<number | undefined> {
  try {
    return await slots.write(fd, bytes, offset);
  } catch (error) {
    if (isErrno(error, "EINVAL", "EOPNOTSUPP")) return undefined;
    throw error;
  }
}
