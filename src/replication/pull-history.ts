// Remembers the running pulls and the newest ones that have ended. The record is kept in memory, so
// it begins when the daemon starts.
import type { Clock } from "../base/clock.js";
import type { PullState } from "../observe/figures.js";

/** One pull in the history. */
interface PullRecord {
  /** Stores the digest, which is known after the peer has described the snapshot. */
  describe(digest: string): void;
  /** `outcome` is `OK`, or the reason of the error. */
  end(outcome: string): void;
}

export interface PullHistory {
  begin(request: Pick<PullState, "source" | "ref">): PullRecord;
  /** Returns the running pulls and at most `maxEnded` ended ones, the oldest of each first. */
  states(): readonly PullState[];
}

const maxEnded = 100;

export function createPullHistory(clock: Pick<Clock, "now">): PullHistory {
  const running = new Map<PullRecord, PullState>();
  const ended: PullState[] = [];
  return {
    begin({ source, ref }) {
      let state: PullState = { source, ref, digest: "", startedAt: clock.now() };
      const record: PullRecord = {
        describe(digest) {
          state = { ...state, digest };
          if (running.has(record)) running.set(record, state);
        },
        end(outcome) {
          if (!running.delete(record)) return;
          ended.push({ ...state, ended: { at: clock.now(), outcome } });
          if (ended.length > maxEnded) ended.shift();
        },
      };
      running.set(record, state);
      return record;
    },
    states: () => [...running.values(), ...ended],
  };
}
