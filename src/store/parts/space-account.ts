// Counts disk space that is not in the catalog: running uploads, interrupted pulls and running
// removals.
import { untilWoken } from "../../base/async.js";

/** Bytes that the catalog does not count. */
export interface SpaceAccount {
  /** Bytes of running uploads, by the prefix of their callers. */
  readonly reserved: Map<string, number>;
  /** Bytes of interrupted pulls, by digest. */
  readonly kept: ReadonlyMap<string, number>;
  /** Sets the bytes that the store keeps of the pull with this digest. */
  readonly noteKept: (digest: string, bytes: number) => void;
  /** Running removals that wait for no reader, so that they will soon free space. */
  readonly freeing: Freeing;
}

interface Freeing {
  /**
   * Records that a removal of this snapshot is running and will soon free its space. `end` ends
   * this.
   */
  begin(id: string): void;
  end(id: string): void;
  /** Returns true while a removal is under way. */
  isBusy(): boolean;
  /** Resolves at the end of the next removal. Rejects with the signal's reason. */
  next(signal: AbortSignal): Promise<void>;
}

export function createSpaceAccount(): SpaceAccount {
  const kept = new Map<string, number>();
  return {
    reserved: new Map(),
    kept,
    noteKept: (digest, bytes) => {
      if (bytes === 0) kept.delete(digest);
      else kept.set(digest, bytes);
    },
    freeing: createFreeing(),
  };
}

function createFreeing(): Freeing {
  const ids = new Set<string>();
  const sleeping = new Set<() => void>();
  return {
    begin: (id) => void ids.add(id),
    end: (id) => {
      ids.delete(id);
      for (const wake of [...sleeping]) wake();
    },
    isBusy: () => ids.size > 0,
    next: (signal) => untilWoken(sleeping, signal),
  };
}
