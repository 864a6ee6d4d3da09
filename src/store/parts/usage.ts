// What the store takes of its disk, as GetInfo tells it.
import { statfsSync } from "node:fs";
import type { Reader, Room } from "./ports.js";
import { chargedBytes } from "./allowance.js";

export interface StoreUsage {
  readonly snapshotCount: number;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** What `max_store` counts: snapshots, running uploads, pulls that were cut off. */
  readonly chargedBytes: number;
  /** Of that, deleted or replaced snapshots that are still read. */
  readonly heldBytes: number;
  readonly freeBytes: number;
}

export function usageOf(ports: Reader & Room): StoreUsage {
  const { catalog } = ports;
  const { count, sizeBytes, allocatedBytes } = catalog.totals();
  const { bavail, bsize } = statfsSync(ports.layout.root);
  return {
    ...{ snapshotCount: count, sizeBytes, allocatedBytes },
    ...{ chargedBytes: chargedBytes(ports), heldBytes: catalog.heldBytes("") },
    freeBytes: bavail * bsize,
  };
}
