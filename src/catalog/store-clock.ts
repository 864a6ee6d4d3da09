// The times that the catalog stamps: elapsed time for ages and for the order of uses, and creation
// times that only ever grow. See model/elapsed.ts for what elapsed time is.
//
// Every transaction that writes a stamp also saves the clock: after a restart each new stamp is
// greater than all that were written.
import type { Clock } from "../base/clock.js";
import {
  advance,
  beginElapsed,
  stampOfAge,
  trustClock,
  type ClockDoubt,
  type ClockReading,
  type ElapsedState,
  type OffTime,
} from "../model/elapsed.js";
import type { Connection } from "./connection.js";
import { sql } from "./sql.js";

export interface StoreClock {
  /** Elapsed time now, in milliseconds. */
  elapsedMs(): number;
  /** Stamps below it are older than `ageMs`; with `trusted` as if the wall clock were trusted. */
  stampOfAge(ageMs: number, trusted?: boolean): number;
  /** Whether the wall clock has parted from elapsed time, now. */
  clockDoubt(): ClockDoubt | undefined;
  /** An operator says that the wall clock is right. */
  trustClock(): void;
  /** The next time of creation: now, but later than that of every ready snapshot. */
  nextCreation(): Date;
  /** Elapsed time as a stamp: no two are the same, so that they are an order too. */
  nextStamp(): number;
  /** Saves the clock if it was not saved lately, or if a doubt has come or gone. */
  noteClock(): void;
}

export interface StampingClock extends StoreClock {
  /** Inside each transaction that writes a stamp. */
  save(): void;
}

interface Row {
  readonly elapsed_ms: number;
  readonly wall_ms: number;
  readonly boot_id: string;
  readonly since_boot_ms: number;
  readonly off_times: string;
  readonly doubt: string;
}

/** Nothing is lost when it is saved rarely: each saved look is as good as a later one. */
const saveIntervalMs = 10 * 60_000;

export function createStoreClock(connection: Connection, clock: Clock): StampingClock {
  const look = (): ClockReading => {
    const { id, elapsedMs } = clock.boot();
    return { wallMs: clock.now().getTime(), bootId: id, sinceBootMs: Math.floor(elapsedMs) };
  };
  const saved = readState(connection);
  let state: ElapsedState = saved ?? beginElapsed(look());
  let savedState: ElapsedState | undefined = saved;
  let lastStamp = state.elapsedMs;
  let lastCreationMs = -Infinity;
  const observe = (): ElapsedState => (state = advance(state, look()));

  const save = (): void => {
    const { elapsedMs, last, offTimes, doubt } = observe();
    connection.run(sql.saveClock, {
      elapsed_ms: Math.max(elapsedMs, lastStamp),
      wall_ms: last.wallMs,
      boot_id: last.bootId,
      since_boot_ms: last.sinceBootMs,
      off_times: JSON.stringify(offTimes),
      doubt: doubt === undefined ? "" : JSON.stringify(doubt),
    });
    savedState = state;
  };
  const write = (): void => {
    connection.write("cannot save the clock", save);
  };
  return {
    save,
    elapsedMs: () => observe().elapsedMs,
    stampOfAge: (ageMs, trusted = false) =>
      stampOfAge(trusted ? trustClock(observe()) : observe(), ageMs),
    clockDoubt: () => observe().doubt,
    trustClock: () => {
      state = trustClock(observe());
      write();
    },
    nextCreation: () => {
      const from = Math.max(clock.now().getTime(), lastCreationMs + 1);
      const ahead = connection.one<{ created_at: number }>(sql.newestCreation, { from });
      lastCreationMs = ahead === undefined ? from : ahead.created_at + 1;
      return new Date(lastCreationMs);
    },
    nextStamp: () => (lastStamp = Math.max(observe().elapsedMs, lastStamp + 1)),
    noteClock: () => {
      const { elapsedMs, doubt } = observe();
      const changed = savedState?.doubt?.sinceMs !== doubt?.sinceMs;
      const due = elapsedMs - (savedState?.elapsedMs ?? -Infinity) >= saveIntervalMs;
      if (changed || due) write();
    },
  };
}

function readState(connection: Connection): ElapsedState | undefined {
  const row = connection.one<Row>(sql.clock);
  if (row === undefined) return undefined;
  return {
    elapsedMs: row.elapsed_ms,
    last: { wallMs: row.wall_ms, bootId: row.boot_id, sinceBootMs: row.since_boot_ms },
    offTimes: JSON.parse(row.off_times) as OffTime[],
    doubt: row.doubt === "" ? undefined : (JSON.parse(row.doubt) as ClockDoubt),
  };
}
