// Keeps the block tables of files that were read lately, so that a read of one page need not read
// and hash a table of half a megabyte. A table is found by its file's digest, which it has been
// compared with, so an entry is right for every file with this digest, whatever became of the table
// on the disk.
import type { BlockIndex } from "./block-access.js";

/** Memory of an entry beside its digests and runs, in bytes: an estimate. */
const entryBytes = 512;
/** Memory of one run, in bytes: an estimate. */
const runBytes = 128;

export class IndexCache {
  readonly #maxBytes: number;
  /** The one that was used last is the last. */
  readonly #entries = new Map<string, BlockIndex>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Memory of all entries, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get(digest: string): BlockIndex | undefined {
    const index = this.#entries.get(digest);
    if (index === undefined) return undefined;
    this.#entries.delete(digest);
    this.#entries.set(digest, index);
    return index;
  }

  /**
   * Its table must be the one of the digest. A table that would fill most of the cache is not kept.
   */
  add(digest: string, index: BlockIndex): void {
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

/** The digests are a view of the table's file, whose other parts are runs. */
function bytesOf({ table }: BlockIndex): number {
  return entryBytes + table.digests.buffer.byteLength + table.runs.length * runBytes;
}
