// Computes the disk usage of the store, as GetInfo reports it.
import { statfsSync } from "node:fs";
import type { Reader, Room } from "./ports.js";
import { chargedBytes } from "./allowance.js";

export interface StoreUsage {
  readonly snapshotCount: number;
  /** Number of ready snapshots that are marked as damaged. */
  readonly corruptCount: number;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** The total that `max_store` limits: snapshots, running uploads, interrupted pulls. */
  readonly chargedBytes: number;
  /** The part of `chargedBytes` that belongs to deleted or replaced snapshots with readers. */
  readonly heldBytes: number;
  readonly freeBytes: number;
  /**
   * The size of the filesystem without the blocks that it reserves for root. Bytes that are neither
   * free nor charged belong to other programs, or are metadata of the filesystem.
   */
  readonly filesystemBytes: number;
}

export function usageOf(ports: Reader & Room): StoreUsage {
  const { catalog } = ports;
  const { count, sizeBytes, allocatedBytes } = catalog.totals();
  const { bavail, bfree, blocks, bsize } = statfsSync(ports.layout.root);
  return {
    ...{ snapshotCount: count, corruptCount: catalog.countCorrupt(), sizeBytes, allocatedBytes },
    ...{ chargedBytes: chargedBytes(ports), heldBytes: catalog.heldBytes("") },
    freeBytes: bavail * bsize,
    filesystemBytes: (blocks - bfree + bavail) * bsize,
  };
}
