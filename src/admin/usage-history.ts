// Records the store's space over time. The record is kept in memory, so it begins when the daemon
// starts. It has a sample for every 10 seconds of the last hour, and for every 10 minutes of the
// last week. Longer records need the metrics.
import type { SnapshotStore } from "../store/snapshot-store.js";

/** `at` is in milliseconds since 1970; the other values are bytes and counts as in GetInfo. */
interface UsageSample {
  readonly at: number;
  readonly snapshots: number;
  readonly sizeBytes: number;
  readonly chargedBytes: number;
  readonly allocatedBytes: number;
  readonly freeBytes: number;
  readonly filesystemBytes: number;
}

export interface UsageHistory extends Disposable {
  /** Returns the samples in the order of time. Older samples are further apart. */
  samples(): readonly UsageSample[];
}

const fineMs = 10_000;
const fineCount = 360;
const coarseEvery = 60;
const coarseCount = 1008;

export function openUsageHistory(store: Pick<SnapshotStore, "usage">): UsageHistory {
  const fine: UsageSample[] = [];
  const coarse: UsageSample[] = [];
  let taken = 0;
  const take = (): void => {
    const sample = sampleOf(store);
    if (sample === undefined) return;
    keep(fine, sample, fineCount);
    if (taken++ % coarseEvery === 0) keep(coarse, sample, coarseCount);
  };
  take();
  const timer = setInterval(take, fineMs).unref();
  return {
    samples() {
      const [first] = fine;
      const older = coarse.filter(({ at }) => first === undefined || at < first.at);
      return [...older, ...fine];
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

/** Returns a sample of now. Undefined while the root is unavailable. */
function sampleOf(store: Pick<SnapshotStore, "usage">): UsageSample | undefined {
  try {
    const usage = store.usage();
    if (usage === undefined) return undefined;
    const { snapshotCount: snapshots, sizeBytes, chargedBytes, allocatedBytes } = usage;
    const { freeBytes, filesystemBytes } = usage;
    const space = { sizeBytes, chargedBytes, allocatedBytes, freeBytes, filesystemBytes };
    return { at: Date.now(), snapshots, ...space };
  } catch {
    return undefined;
  }
}

function keep(samples: UsageSample[], sample: UsageSample, count: number): void {
  samples.push(sample);
  if (samples.length > count) samples.shift();
}
