// How much time has passed for a store. Ages are counted in it, never in wall time: a wall clock that
// is set makes nothing older and nothing younger.
//
// Elapsed time follows the time since the machine's boot, also while no daemon runs. Over a reboot only
// the wall clock knows how long the machine was off, so that time counts only after the wall clock has
// proved itself. The rules:
//
// 1. Elapsed time never goes back, and grows as the time since boot does. Only differences mean
//    something; stamps are elapsed times.
// 2. A step of the wall clock while the machine is up changes nothing. The clock is suspect until it
//    steps back, until an operator trusts it, or until it has gone on evenly for a day.
// 3. Time off is pending at first. It counts when the clock has gone on evenly for an hour. More than
//    three days at once make the clock suspect, and count after a day or when it is trusted.
// 4. Time off that counts makes older what was stamped before it, and nothing else.

/** One look at the clocks of the machine. */
export interface ClockReading {
  readonly wallMs: number;
  /** Empty in a catalog that was brought here from a schema without it. */
  readonly bootId: string;
  readonly sinceBootMs: number;
}

export interface ElapsedState {
  readonly elapsedMs: number;
  readonly last: ClockReading;
  /** Ascending. */
  readonly offTimes: readonly OffTime[];
  readonly doubt?: ClockDoubt | undefined;
}

/** The machine was off for `ms`, after all stamps up to `atMs` and before all later ones. */
export interface OffTime {
  readonly atMs: number;
  readonly ms: number;
}

/** Wall time and elapsed time have parted. */
export interface ClockDoubt {
  /** Wall time is so much further than elapsed time would have it; negative when it is behind. */
  readonly aheadMs: number;
  /** Up to so much of that may be time off. */
  readonly offMs: number;
  /** Where that time off counts, if it does. */
  readonly offAtMs: number;
  /** The elapsed time at which they parted last. */
  readonly sinceMs: number;
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** A smaller difference between two looks is the usual correction of a clock. */
export const stepBoundMs = minuteMs;
/** So long a machine may be off without anybody asking whether the clock is right. */
export const plausibleOffMs = 3 * dayMs;
/** How long a suspect clock has to go on evenly until it is trusted. */
export const suspectGraceMs = dayMs;
const pendingGraceMs = hourMs;
/** More than one for each day of a year; older ones are put together. */
const maxOffTimes = 500;

/** For a store of which nothing is known. */
export function beginElapsed(reading: ClockReading): ElapsedState {
  return { elapsedMs: reading.wallMs, last: reading, offTimes: [] };
}

export function advance(state: ElapsedState, reading: ClockReading): ElapsedState {
  const { last } = state;
  const sameBoot = reading.bootId === last.bootId && reading.sinceBootMs >= last.sinceBootMs;
  return settle(sameBoot ? goOn(state, reading) : startAgain(state, reading));
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
  // All of this boot has passed since the last look, whatever the wall clock says, unless the last look may have been
  // in this boot.
  const passedMs =
    last.bootId === "" ? Math.min(Math.max(0, wallMs), reading.sinceBootMs) : reading.sinceBootMs;
  const now = { ...state, elapsedMs: elapsedMs + passedMs, last: reading };
  const restMs = wallMs - passedMs;
  if (Math.abs(restMs) <= stepBoundMs && doubt === undefined) return now;
  // Of two times off that are pending both count before the first: that ages less.
  const before = doubt ?? { aheadMs: 0, offMs: 0, offAtMs: elapsedMs };
  return {
    ...now,
    doubt: {
      aheadMs: before.aheadMs + restMs,
      // A clock that went back says nothing about the time off, and may be put right soon.
      offMs: before.offMs + (restMs < 0 ? plausibleOffMs : restMs),
      offAtMs: before.offAtMs,
      sinceMs: now.elapsedMs,
    },
  };
}

/** Ends a doubt that has resolved itself, or lasted long enough. */
function settle(state: ElapsedState): ElapsedState {
  const { doubt, elapsedMs } = state;
  if (doubt === undefined) return state;
  const agrees = Math.abs(doubt.aheadMs) <= stepBoundMs;
  const graceMs = isSuspect(doubt) ? suspectGraceMs : pendingGraceMs;
  return agrees || elapsedMs - doubt.sinceMs >= graceMs ? trustClock(state) : state;
}

/** Takes the wall clock as right from now on: pending time off counts. */
export function trustClock({ doubt, ...state }: ElapsedState): ElapsedState {
  if (doubt === undefined) return state;
  const ms = Math.min(Math.max(doubt.aheadMs, 0), doubt.offMs);
  if (ms === 0) return state;
  return { ...state, offTimes: bounded([...state.offTimes, { atMs: doubt.offAtMs, ms }]) };
}

/** The two oldest become one, before the older of them: that ages less. */
function bounded(offTimes: readonly OffTime[]): readonly OffTime[] {
  const [first, second, ...rest] = offTimes;
  if (first === undefined || second === undefined || offTimes.length <= maxOffTimes) {
    return offTimes;
  }
  return [{ atMs: first.atMs, ms: first.ms + second.ms }, ...rest];
}

/** Stamps that are less than this one are older than `ageMs`. */
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

/** True if the difference is more than an ordinary time off. */
export function isSuspect(doubt: ClockDoubt | undefined): doubt is ClockDoubt {
  if (doubt === undefined) return false;
  const { aheadMs, offMs } = doubt;
  return aheadMs < -stepBoundMs || aheadMs > Math.min(offMs, plausibleOffMs) + stepBoundMs;
}

/** For people: what is wrong with a suspect clock. */
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
