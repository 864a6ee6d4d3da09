// Models a node that deletes its own holds that it does not need, for example after a crash.
import type { Actor } from "../turn.js";
import { recordOf } from "../world.js";

export interface SweeperOptions {
  /** The node whose record the sweeper reads. */
  readonly node: string;
  /** The number of sweeps. */
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
        // The node reads the record after the listing, in the tick in which it chooses the strays.
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
