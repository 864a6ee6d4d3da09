// Reads figures of the store for metrics. Reading them costs a few seeks in the catalog and two
// system calls, however many snapshots there are.
import { stat, statfs } from "node:fs/promises";
import type { StoreFigures } from "../../observe/figures.js";
import type { SnapshotState } from "../../model/snapshot.js";
import { chargedBytes, sumOf } from "./allowance.js";
import type { Commits, Gate, Leases, Reader, Room, Intakes, Watching } from "./ports.js";

type FigurePorts = Reader & Room & Intakes & Leases & Commits & Gate & Watching;

export async function figuresOf(ports: FigurePorts): Promise<StoreFigures> {
  const { catalog, layout, options, space } = ports;
  const { bavail, blocks, bsize, files, ffree } = await statfs(layout.root);
  const walBytes = await sizeOf(`${layout.catalogDatabase}-wal`);
  const { count, sizeBytes, allocatedBytes } = catalog.totals();
  return {
    snapshots: { ready: count, ...otherStates(ports) },
    damaged: catalog.countCorrupt(),
    expiring: catalog.countExpiring(),
    sizeBytes,
    allocatedBytes,
    chargedBytes: chargedBytes(ports),
    heldBytes: catalog.heldBytes(""),
    stagingBytes: sumOf(space.reserved, ""),
    keptBytes: sumOf(space.kept, ""),
    quotaBytes: options.maxStoreBytes,
    reserveBytes: options.freeSpaceReserveBytes,
    filesystem: {
      ...{ sizeBytes: blocks * bsize, freeBytes: bavail * bsize },
      ...{ inodes: files, freeInodes: ffree },
    },
    walBytes,
    uploads: ports.intakes.size,
    watchers: ports.watchers.count(),
    leases: ports.leases.totals(),
    waitingCommits: ports.commits.waiting,
    gcSession: ports.collecting.session() !== undefined,
  };
}

function otherStates({ catalog }: Reader) {
  const count = (state: SnapshotState): number => catalog.countInState(state);
  return {
    ...{ pending: count("pending"), replaced: count("replaced") },
    ...{ deleting: count("deleting"), lost: count("lost") },
  };
}

/**
 * Returns the size of the file, or 0 if it does not exist: SQLite makes the log when it first needs
 * it.
 */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}
