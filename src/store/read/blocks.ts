// Reads a stored snapshot for peers: its block tables, and its files by position.
import type { FileHandle } from "node:fs/promises";
import { closeQuietly, dropErrors } from "../../base/quietly.js";
import { rootDigest, type BlockTable } from "../../files/block-table.js";
import { openStoredTable, readStoredTable, type StoredSnapshot } from "../../files/stored.js";
import { checkTable, openTable } from "../../files/table-file.js";
import { maxTableInMemory, tableInMemory, type TableSource } from "../../files/table-source.js";
import type { Snapshot } from "../../model/snapshot.js";
import { noteDamage } from "../parts/damage.js";
import {
  corruptError,
  notHashedYet,
  openRead,
  type OpenRead,
  type ReadPorts,
} from "../parts/open-read.js";

/** A block table of an open snapshot. Disposing of the snapshot closes the table. */
export interface OpenTable extends TableSource {
  readonly lengthBytes: number;
  /** Undefined for a table in memory. */
  readonly handle: FileHandle | undefined;
}

/** An open snapshot for a peer. It holds a lease until it is disposed of. */
export interface OpenBlocks extends AsyncDisposable {
  readonly snapshot: Snapshot;
  readonly stored: StoredSnapshot;
  /** Reads the table of the file at `index`. The table matches the file's digest. */
  table(index: number): Promise<BlockTable>;
  /**
   * Opens the table of the file at `index` for reading in windows. A large table stays on disk, and
   * is compared with the file's digest only if `check` is set. Without `check`, the caller must
   * compare the blocks with a table that was checked.
   */
  source(index: number, options: { readonly check: boolean }): Promise<OpenTable>;
  /**
   * Marks the snapshot as corrupt. Call this when a block does not match the digest in its table.
   */
  foundDamage(): void;
}

/**
 * Opens a snapshot for a peer. Throws OPERATION_IN_PROGRESS while its digests are still being
 * computed.
 */
export async function openBlocks(
  reader: ReadPorts,
  ref: string,
  signal: AbortSignal,
): Promise<OpenBlocks> {
  const how = { force: false, user: "Pull", findHoles: false };
  const read = await openRead(reader, ref, how, "stream", signal);
  const { snapshot, stored } = read;
  if (snapshot.digest === "") {
    await read[Symbol.asyncDispose]();
    throw notHashedYet(stored.id);
  }
  return new OpenedBlocks(reader, read, signal);
}

/** Limit on the tables in memory, in bytes, for snapshots of many files. */
const maxTablesInMemory = 16 * 1024 * 1024;

class OpenedBlocks implements OpenBlocks {
  readonly snapshot: Snapshot;
  readonly stored: StoredSnapshot;
  readonly #reader: ReadPorts;
  readonly #read: OpenRead;
  readonly #signal: AbortSignal;
  readonly #tables: AsyncDisposable[] = [];
  #inMemoryBytes = 0;

  constructor(reader: ReadPorts, read: OpenRead, signal: AbortSignal) {
    this.#reader = reader;
    this.#read = read;
    this.#signal = signal;
    this.snapshot = read.snapshot;
    this.stored = read.stored;
  }

  table(index: number): Promise<BlockTable> {
    return this.#noting(async () => {
      const table = await readStoredTable(this.stored, index);
      if (rootDigest(table) !== this.snapshot.files[index]?.digest) {
        throw corruptError(this.stored.id);
      }
      return table;
    });
  }

  async source(index: number, { check }: { readonly check: boolean }): Promise<OpenTable> {
    return await this.#noting(async () => {
      const { handle, path, lengthBytes } = await openStoredTable(this.stored, index);
      const isSmall = lengthBytes <= maxTableInMemory;
      if (isSmall && this.#inMemoryBytes + lengthBytes <= maxTablesInMemory) {
        await closeQuietly(handle);
        this.#inMemoryBytes += lengthBytes;
        return { ...tableInMemory(await this.table(index)), lengthBytes, handle: undefined };
      }
      this.#tables.push(handle);
      const checked = check ? await checkTable(handle, path, this.#signal) : undefined;
      if (checked !== undefined && checked.rootDigest !== this.snapshot.files[index]?.digest) {
        throw corruptError(this.stored.id);
      }
      return { ...(await openTable(handle, path, checked)), lengthBytes, handle };
    });
  }

  foundDamage(): void {
    noteDamage(this.#reader, this.stored.id, corruptError(this.stored.id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const table of this.#tables) await dropErrors(table[Symbol.asyncDispose]());
    await this.#read[Symbol.asyncDispose]();
  }

  async #noting<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      noteDamage(this.#reader, this.stored.id, error);
      throw error;
    }
  }
}
