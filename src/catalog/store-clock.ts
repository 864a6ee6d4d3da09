// Makes the stamps of the catalog: elapsed time for ages and for the order of uses, and creation
// times that only grow. model/elapsed.ts defines elapsed time.
//
// Every transaction that writes a stamp also saves the clock, except the adoption of snapshots at a
// start. After a restart, each new stamp is therefore greater than all other written ones.
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
  /** Returns the elapsed time now, in milliseconds. */
  elapsedMs(): number;
  /**
   * Returns the stamp of this age: smaller stamps are older than `ageMs`. With `trusted`, the
   * result is what it would be if the wall clock were trusted.
   */
  stampOfAge(ageMs: number, trusted?: boolean): number;
  /** Returns how far the wall clock differs from elapsed time now, or undefined if they agree. */
  clockDoubt(): ClockDoubt | undefined;
  /** Accepts the wall clock as right, because an operator asserts it. */
  trustClock(): void;
  /**
   * Returns the next creation time: the time now, but at least 1 ms after the creation time of
   * every ready snapshot and after every earlier result.
   */
  nextCreation(): Date;
  /**
   * Returns the elapsed time as a stamp. No two stamps are equal, so stamps also define an order.
   */
  nextStamp(): number;
  /**
   * Saves the clock if it was not saved recently, or if the clock doubt has begun, changed or
   * ended.
   */
  noteClock(): void;
}

export interface StampingClock extends StoreClock {
  /** Saves the clock. Call this inside each transaction that writes a stamp. */
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

/**
 * Time between two saves by `noteClock` while the clock doubt stays the same. Frequent saves are
 * unnecessary, because each saved reading is as good as a later one.
 */
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
