// A node looks for holds of its own that it no longer needs, for example after a crash.
import type { Actor } from "../turn.js";
import { recordOf } from "../world.js";

export interface SweeperOptions {
  /** The node whose record it reads. */
  readonly node: string;
  /** Sweeps so many times. */
  readonly rounds?: number;
}

interface Sweeper {
  readonly round: number;
  readonly strays: readonly string[];
}

export function sweeper({ node, rounds = 1 }: SweeperOptions): Actor<Sweeper> {
  return {
    name: `sweeper of ${node}`,
    start: { round: 0, strays: [] },
    play: (turn) => {
      const { round, strays } = turn.local;
      const [stray, ...rest] = strays;
      if (stray !== undefined) return turn.remove(stray, { strays: rest });
      if (round >= rounds) return;
      turn.list(["holds/"], (found) => {
        // The record is read after the listing, in the same tick in which the strays are chosen.
        const { state, hold, strays: known } = recordOf(turn.world, node);
        const inUse = turn.makes("sweep-running") ? state === "cold" : state !== "local";
        const own = [...found.keys()].filter((key) => key.includes(`/${node}.`));
        const isStray = (key: string) =>
          known.includes(key) ||
          (key === hold ? !inUse : turn.makes("sweep-unknown") && !known.includes(key));
        return { round: round + 1, strays: own.filter(isStray) };
      });
    },
  };
}
