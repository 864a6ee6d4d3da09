// Keeps the block tables of files that were read recently, so that a read of one page need not read
// and hash a table of half a megabyte. The cache finds a table by its file's digest, and a table is
// compared with that digest before it is added. An entry is therefore valid for every file with
// this digest, even if the table on the disk is damaged later.
import type { WholeIndex } from "./block-access.js";

/** Estimated memory of an entry without its digests and runs, in bytes. */
const entryBytes = 512;
/** Estimated memory of one run, in bytes. */
const runBytes = 128;

export class IndexCache {
  readonly #maxBytes: number;
  /** The entries in the order of their last use; the most recently used one is last. */
  readonly #entries = new Map<string, WholeIndex>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Memory of all entries, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get(digest: string): WholeIndex | undefined {
    const index = this.#entries.get(digest);
    if (index === undefined) return undefined;
    this.#entries.delete(digest);
    this.#entries.set(digest, index);
    return index;
  }

  /**
   * Adds a table, which must belong to the digest. A table that would fill most of the cache is not
   * kept.
   */
  add(digest: string, index: WholeIndex): void {
    if (bytesOf(index) > this.#maxBytes / 2 || this.#entries.has(digest)) return;
    this.#entries.set(digest, index);
    this.#bytes += bytesOf(index);
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#entries.delete(oldest);
      this.#bytes -= bytesOf(entry);
    }
  }
}

/**
 * Returns the estimated memory of an entry. The digests are a view of the whole table as it was
 * read, so all bytes of it stay in memory.
 */
function bytesOf({ table }: WholeIndex): number {
  return entryBytes + table.digests.buffer.byteLength + table.runs.length * runBytes;
}
