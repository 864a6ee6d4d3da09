// Measures the elapsed time of a store. Ages are counted in it, never in wall time: setting the
// wall clock makes nothing older and nothing younger.
//
// Elapsed time follows the time since the machine's boot, also while no daemon runs. After a reboot
// only the wall clock knows how long the machine was off. So that time counts only after the wall
// clock has proved reliable. The rules are:
//
// 1. Elapsed time never decreases, and grows as the time since boot does. Only differences are
//    meaningful; stamps are elapsed times.
// 2. A step of the wall clock while the machine is up does not change elapsed time. It makes the
//    clock suspect until the clock steps back, until an operator trusts the clock, or until the
//    clock has run evenly for a day.
// 3. Time off is pending at first. It counts when the clock has run evenly for an hour. More than
//    three days at once make the clock suspect, and count after a day or when the clock is trusted.
// 4. Time off that counts adds to the age of everything that was stamped before it, and of nothing
//    else.

/** One reading of the machine's clocks. */
export interface ClockReading {
  readonly wallMs: number;
  /** Id of the boot. Empty in a catalog that was migrated from a schema without it. */
  readonly bootId: string;
  readonly sinceBootMs: number;
}

export interface ElapsedState {
  readonly elapsedMs: number;
  readonly last: ClockReading;
  /** The times for which the machine was off, in ascending order of `atMs`. */
  readonly offTimes: readonly OffTime[];
  readonly doubt?: ClockDoubt | undefined;
}

/**
 * A time for which the machine was off. It lasted `ms`, after all stamps up to `atMs` and before
 * all later ones.
 */
export interface OffTime {
  readonly atMs: number;
  readonly ms: number;
}

/** The difference between wall time and elapsed time. */
export interface ClockDoubt {
  /** The time by which wall time is ahead of elapsed time. Negative if wall time is behind. */
  readonly aheadMs: number;
  /** Up to this much of the difference may be time off. */
  readonly offMs: number;
  /** The stamp after which that time off counts, if it counts at all. */
  readonly offAtMs: number;
  /** The elapsed time at which wall time and elapsed time last diverged. */
  readonly sinceMs: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/**
 * Between two readings, the wall clock and the time since boot may drift apart by this much. Only a
 * larger difference is a step of the wall clock.
 */
export const stepBoundMs = minuteMs;
/** A machine may be off for this long without making its clock suspect. */
const plausibleOffMs = 3 * dayMs;
/** A suspect clock is trusted after it has run evenly for this long. */
export const suspectGraceMs = dayMs;
const pendingGraceMs = hourMs;
/**
 * Maximum number of times off. It allows more than one for each day of a year. Beyond it, the two
 * oldest are merged.
 */
const maxOffTimes = 500;

/** Returns the state of a store without a known history. */
export function beginElapsed(reading: ClockReading): ElapsedState {
  return { elapsedMs: reading.wallMs, last: reading, offTimes: [] };
}

export function advance(state: ElapsedState, reading: ClockReading): ElapsedState {
  const { last } = state;
  const sameBoot = reading.bootId === last.bootId && reading.sinceBootMs >= last.sinceBootMs;
  return endDoubt(sameBoot ? goOn(state, reading) : startAgain(state, reading));
}

function goOn(state: ElapsedState, reading: ClockReading): ElapsedState {
  const { last, doubt } = state;
  const passedMs = reading.sinceBootMs - last.sinceBootMs;
  const stepMs = reading.wallMs - last.wallMs - passedMs;
  const now = { ...state, elapsedMs: state.elapsedMs + passedMs, last: reading };
  const stepped = Math.abs(stepMs) > stepBoundMs;
  if (!stepped && doubt === undefined) return now;
  const before = doubt ?? { aheadMs: 0, offMs: 0, offAtMs: now.elapsedMs, sinceMs: 0 };
  const sinceMs = stepped ? now.elapsedMs : before.sinceMs;
  return { ...now, doubt: { ...before, aheadMs: before.aheadMs + stepMs, sinceMs } };
}

function startAgain(state: ElapsedState, reading: ClockReading): ElapsedState {
  const { elapsedMs, last, doubt } = state;
  const wallMs = reading.wallMs - last.wallMs;
  // All of this boot has passed since the last reading, whatever the wall clock says. The exception
  // is a last reading without a boot id, which may have been in this boot.
  const passedMs =
    last.bootId === "" ? Math.min(Math.max(0, wallMs), reading.sinceBootMs) : reading.sinceBootMs;
  const now = { ...state, elapsedMs: elapsedMs + passedMs, last: reading };
  const restMs = wallMs - passedMs;
  if (Math.abs(restMs) <= stepBoundMs && doubt === undefined) return now;
  // Two pending times off both count from the stamp of the first, because that makes less data old.
  const before = doubt ?? { aheadMs: 0, offMs: 0, offAtMs: elapsedMs };
  return {
    ...now,
    doubt: {
      aheadMs: before.aheadMs + restMs,
      // A clock that went back says nothing about the time off, and may be corrected soon.
      offMs: before.offMs + (restMs < 0 ? plausibleOffMs : restMs),
      offAtMs: before.offAtMs,
      sinceMs: now.elapsedMs,
    },
  };
}

/**
 * Ends the doubt if wall time and elapsed time agree again, or if the clock has run evenly for long
 * enough.
 */
function endDoubt(state: ElapsedState): ElapsedState {
  const { doubt, elapsedMs } = state;
  if (doubt === undefined) return state;
  const agrees = Math.abs(doubt.aheadMs) <= stepBoundMs;
  const graceMs = isSuspect(doubt) ? suspectGraceMs : pendingGraceMs;
  return agrees || elapsedMs - doubt.sinceMs >= graceMs ? trustClock(state) : state;
}

/** Trusts the wall clock from now on, so that pending time off counts. */
export function trustClock({ doubt, ...state }: ElapsedState): ElapsedState {
  if (doubt === undefined) return state;
  const ms = Math.min(Math.max(doubt.aheadMs, 0), doubt.offMs);
  if (ms === 0) return state;
  return { ...state, offTimes: bounded([...state.offTimes, { atMs: doubt.offAtMs, ms }]) };
}

/**
 * Merges the two oldest times off if there are too many. The result has the stamp of the older one,
 * because that makes less data old.
 */
function bounded(offTimes: readonly OffTime[]): readonly OffTime[] {
  const [first, second, ...rest] = offTimes;
  if (first === undefined || second === undefined || offTimes.length <= maxOffTimes) {
    return offTimes;
  }
  return [{ atMs: first.atMs, ms: first.ms + second.ms }, ...rest];
}

/** Returns the stamp of an event that was `ageMs` ago. Events with smaller stamps are older. */
export function stampOfAge({ elapsedMs, offTimes }: ElapsedState, ageMs: number): number {
  let stampMs = elapsedMs;
  let leftMs = ageMs;
  for (const { atMs, ms } of offTimes.toReversed()) {
    const sinceMs = stampMs - atMs;
    if (leftMs < sinceMs) break;
    leftMs -= sinceMs;
    stampMs = atMs;
    if (leftMs < ms) return atMs + 1;
    leftMs -= ms;
  }
  return stampMs - leftMs;
}

/** Returns true if a time off of at most three days cannot explain the difference. */
export function isSuspect(doubt: ClockDoubt | undefined): doubt is ClockDoubt {
  if (doubt === undefined) return false;
  const { aheadMs, offMs } = doubt;
  return aheadMs < -stepBoundMs || aheadMs > Math.min(offMs, plausibleOffMs) + stepBoundMs;
}

/** Explains to people what is wrong with a suspect clock. */
export function describeDoubt({ aheadMs }: ClockDoubt): string {
  const amount = inWords(Math.abs(aheadMs));
  const side = aheadMs < 0 ? "behind" : "ahead of";
  return `the wall clock is ${amount} ${side} the time that has passed for this store`;
}

function inWords(ms: number): string {
  const units = [
    ["day", dayMs],
    ["hour", hourMs],
    ["minute", minuteMs],
  ] as const;
  for (const [name, unitMs] of units) {
    const count = Math.round(ms / unitMs);
    if (ms > unitMs - minuteMs) return `${count} ${name}${count === 1 ? "" : "s"}`;
  }
  return "less than a minute";
}
