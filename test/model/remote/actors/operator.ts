// Models what an operator does about nodes that do not return.
import type { Actor } from "../turn.js";
import { factsOf, keysBelow, recordOf, withFact, withoutObjects } from "../world.js";

interface Operator {
  readonly done: boolean;
}

/**
 * Models `stasis remote gc --abandon RUN`, which removes the intent of a collector or of a deletion
 * whose daemon is dead. The operator must know that the daemon is dead and that none of its
 * requests is still under way.
 */
export function abandons(prefix: "gc/" | "deletes/"): Actor<Operator> {
  return {
    name: "operator",
    start: { done: false },
    play: (turn) => {
      if (turn.local.done) return;
      const dead = factsOf(turn.world, "dead");
      for (const key of keysBelow(turn.world, prefix)) {
        const author = key.split("/").at(-1)?.split(".")[0] as string;
        const waiting = turn.world.late.some((request) => request.author === author);
        const sure = turn.makes("abandon-running")
          ? !waiting
          : dead.includes(author) && (turn.makes("abandon-early") || !waiting);
        if (sure) turn.go(`abandons ${key}`, { done: true }, withoutObjects(turn.world, [key]));
      }
    },
  };
}

/**
 * Models `stasis remote holds --release NODE`: a dead node does not need its remote copies. The
 * operator may be wrong. A node that returns before the end of an offload notices the release.
 */
export function releases(node: string): Actor<Operator> {
  return {
    name: "operator",
    start: { done: false },
    play: (turn) => {
      if (turn.local.done) return;
      const holds = keysBelow(turn.world, "holds/").filter((key) => key.includes(`/${node}.`));
      if (holds.length === 0) return;
      const { state } = recordOf(turn.world, node);
      const world = withoutObjects(turn.world, holds);
      const late = state === "checked" || state === "cold";
      turn.go(
        `releases the holds of ${node}`,
        { done: true },
        late ? withFact(world, `given up ${node}`) : world,
      );
    },
  };
}
