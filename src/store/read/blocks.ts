// Reads a stored snapshot for peers: its block tables, and its files by position.
import type { BlockTable } from "../../files/block-table.js";
import { rootDigest } from "../../files/block-table.js";
import { readStoredTable, type StoredSnapshot } from "../../files/stored.js";
import type { Snapshot } from "../../model/snapshot.js";

import { noteDamage } from "../parts/damage.js";
import { corruptError, notHashedYet, openRead, type ReadPorts } from "../parts/open-read.js";

/** An open snapshot for a peer. It holds a lease until it is disposed of. */
export interface OpenBlocks extends AsyncDisposable {
  readonly snapshot: Snapshot;
  readonly stored: StoredSnapshot;
  /** Reads the table of the file at `index`. The table matches the file's digest. */
  table(index: number): Promise<BlockTable>;
  /** Marks the snapshot, because a block did not match the digest of its table. */
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
  const user = "Pull";
  const read = await openRead(reader, ref, { force: false, user }, "stream", signal);
  const { snapshot, stored } = read;
  if (snapshot.digest === "") {
    await read[Symbol.asyncDispose]();
    throw notHashedYet(stored.id);
  }
  return {
    snapshot,
    stored,
    table: async (index) => {
      try {
        const table = await readStoredTable(stored, index);
        if (rootDigest(table) !== snapshot.files[index]?.digest) throw corruptError(stored.id);
        return table;
      } catch (error) {
        noteDamage(reader, stored.id, error);
        throw error;
      }
    },
    foundDamage: () => noteDamage(reader, stored.id, corruptError(stored.id)),
    [Symbol.asyncDispose]: () => read[Symbol.asyncDispose](),
  };
}
