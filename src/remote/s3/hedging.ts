// Decides when a second GET is sent beside a slow one. The delay is about the 95th percentile of
// the recent times of GETs of a similar size. Only a bounded share of the GETs gets a second one,
// so that an engine that is slow as a whole does not get more load.
import { dropErrors } from "../../base/quietly.js";
import { kib, mib } from "../../base/sizes.js";

/**
 * Maximum size of a range that may get a second GET. Longer ranges take long because of their size,
 * and cost too much to fetch twice.
 */
export const maxHedgedBytes = 4 * mib;

/** Upper bounds of the size classes in bytes. Each class has a history of its own. */
const classes = [64 * kib, 512 * kib, maxHedgedBytes];
const remembered = 256;
const minSamples = 32;
/** The number of new samples after which the percentile is computed again. */
const staleAfter = 16;
const percentile = 0.95;
/**
 * Minimum delay of a second GET. A shorter one would gain nothing noticeable, and a busy machine
 * alone delays many requests by this much.
 */
const minDelayMs = 20;

/** Maximum share of hedgeable requests that are sent a second time. */
const share = 0.05;
const maxSaved = 10;

export interface Hedging {
  /**
   * Returns after how long a second request may be sent. Undefined if too few requests of this size
   * were measured.
   */
  delayMs(sizeBytes: number): number | undefined;
  /** Call this when a hedgeable request begins. */
  count(): void;
  /** Returns whether a second request may be sent now. If so, counts it as sent. */
  take(): boolean;
  /** Records how long an answered request took. */
  took(sizeBytes: number, ms: number): void;
}

export function createHedging(): Hedging {
  const histories = classes.map(createHistory);
  const historyOf = (sizeBytes: number) =>
    histories[classes.findIndex((bound) => sizeBytes <= bound)];
  let saved = 0;
  return {
    delayMs: (sizeBytes) => historyOf(sizeBytes)?.percentileMs(),
    count() {
      saved = Math.min(maxSaved, saved + share);
    },
    take() {
      if (saved < 1) return false;
      saved -= 1;
      return true;
    },
    took: (sizeBytes, ms) => historyOf(sizeBytes)?.add(ms),
  };
}

interface History {
  add(ms: number): void;
  percentileMs(): number | undefined;
}

function createHistory(): History {
  const samples: number[] = [];
  let next = 0;
  let fresh = 0;
  let known: number | undefined;
  return {
    add(ms) {
      samples[next] = ms;
      next = (next + 1) % remembered;
      fresh += 1;
    },
    percentileMs() {
      if (samples.length < minSamples) return undefined;
      if (known === undefined || fresh >= staleAfter) {
        const sorted = [...samples].sort((a, b) => a - b);
        known = sorted[Math.floor(sorted.length * percentile)] ?? 0;
        fresh = 0;
      }
      return Math.max(minDelayMs, known);
    },
  };
}

interface Attempts<T> {
  /**
   * Starts the first attempt. The attempt calls `begun` when its request is sent, because the time
   * before that is not a delay of the object store.
   */
  start(signal: AbortSignal, begun: () => void): Promise<T>;
  /** Starts the second attempt. Returns undefined if no second attempt may be sent now. */
  startSecond(signal: AbortSignal): Promise<T> | undefined;
  isGood(result: T): boolean;
}

interface FirstGood<T> {
  readonly result: T;
  /** Undefined if there was no second attempt. */
  readonly second: "won" | "lost" | undefined;
}

/**
 * Returns the first good result of one or two attempts. If no result is good, returns the last one.
 */
export async function firstGood<T>(
  attempts: Attempts<T>,
  delayMs: number,
  signal: AbortSignal,
): Promise<FirstGood<T>> {
  const stop = new AbortController();
  const abort = (): void => stop.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  let timer: NodeJS.Timeout | undefined;
  // Whether an attempt may still run at the end. Only then is the abort made, because making its
  // reason is not cheap.
  let isStopNeeded = false;
  try {
    let becomeSlow: () => void = () => undefined;
    const slow = new Promise<undefined>((resolve) => (becomeSlow = () => resolve(undefined)));
    const first = attempts
      .start(stop.signal, () => (timer = setTimeout(becomeSlow, delayMs)))
      .then((result) => ({ result, second: "lost" as const }));
    const early = await Promise.race([first, slow]);
    if (early !== undefined) return { result: early.result, second: undefined };
    const started = attempts.startSecond(stop.signal);
    if (started === undefined) return { result: (await first).result, second: undefined };
    isStopNeeded = true;
    const second = started.then((result) => ({ result, second: "won" as const }));
    // The attempt that loses is stopped below, and nobody waits for it.
    void dropErrors(first);
    void dropErrors(second);
    const sooner = await Promise.race([first, second]);
    if (attempts.isGood(sooner.result)) return sooner;
    const later = await (sooner.second === "won" ? first : second);
    return attempts.isGood(later.result) ? later : { ...later, second: "lost" };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
    if (isStopNeeded) stop.abort();
  }
}
