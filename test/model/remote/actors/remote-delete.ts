// Models the deletion of a snapshot at the remote, by a user or by a pusher that rolls back.
import { has, withFact, type World } from "../world.js";
import type { Actor, Turn } from "../turn.js";

export interface Deletion {
  readonly step: DeletionStep;
  /** The snapshot's key. */
  readonly snapshot: string;
  /** The number of intents of this author. A burnt key is not used again. */
  readonly intents: number;
}

type DeletionStep =
  "put intent" | "list holds" | "delete snapshot" | "remove intent" | "withdraw intent";

/** Returns a deletion at its first step. */
export function startDeletion(snapshot: string): Deletion {
  return { step: "put intent", snapshot, intents: 1 };
}

export interface DeletionEnds<Local> {
  /** Returns the change that continues the deletion. */
  readonly next: (deletion: Deletion) => Partial<Local>;
  readonly deleted: Partial<Local>;
  readonly held: Partial<Local>;
  /** The world in which the DELETE is sent, if it adds a fact that the invariants check. */
  readonly sends?: World;
}

export function playDeletion<Local extends object>(
  turn: Turn<Local>,
  deletion: Deletion,
  ends: DeletionEnds<Local>,
): void {
  const id = deletion.snapshot.replace("snapshots/", "");
  const intent = `deletes/${id}/${turn.name}.${deletion.intents}`;
  const to = (step: DeletionStep) => ends.next({ ...deletion, step });
  switch (deletion.step) {
    case "put intent": {
      if (turn.makes("delete-without-intent")) return turn.go("puts no intent", to("list holds"));
      if (turn.makes("list-holds-first") && deletion.intents === 1) {
        return listHolds(turn, id, to("withdraw intent"), ends.next({ ...deletion, intents: 2 }));
      }
      const afterwards = turn.makes("list-holds-first") ? "delete snapshot" : "list holds";
      const burnt = ends.next({ ...deletion, intents: deletion.intents + 1 });
      return turn.put(intent, [], { done: to(afterwards), burnt });
    }
    case "list holds":
      if (turn.makes("ignore-holds")) return turn.go("lists no holds", to("delete snapshot"));
      return listHolds(turn, id, to("withdraw intent"), to("delete snapshot"));
    case "delete snapshot": {
      const early = turn.makes("drop-delete-intent") ? to("remove intent") : undefined;
      return turn.remove(deletion.snapshot, to("remove intent"), ends.sends, early);
    }
    case "remove intent":
      return turn.remove(intent, ends.deleted);
    case "withdraw intent":
      return turn.remove(intent, ends.held);
  }
}

function listHolds<Local extends object>(
  turn: Turn<Local>,
  id: string,
  held: Partial<Local>,
  free: Partial<Local>,
): void {
  turn.list([`holds/${id}/`], (found) => (found.size > 0 ? held : free));
}

interface Deleter {
  readonly at: "waits" | "deletes" | "done" | "held";
  readonly deletion: Deletion;
}

/** Models a user who deletes one snapshot from the remote. The daemon may crash at any step. */
export function deleter(
  name: string,
  snapshot: string,
  options: { readonly dies?: boolean } = {},
): Actor<Deleter> {
  return {
    name,
    start: { at: "waits", deletion: startDeletion(snapshot) },
    play: (turn) => {
      const { at, deletion } = turn.local;
      if (at === "waits") {
        // The snapshot must exist first, because a collector would take the intent for a leftover.
        if (has(turn.world, snapshot)) turn.go(`HEAD ${snapshot}: there`, { at: "deletes" });
        else if (turn.makes("delete-unseen")) turn.go("does not look", { at: "deletes" });
      } else if (at === "deletes") {
        playDeletion(turn, deletion, {
          next: (next) => ({ deletion: next }),
          deleted: { at: "done" },
          held: { at: "held" },
          sends: withFact(turn.world, `deleted ${snapshot}`),
        });
      }
      if (options.dies === true && turn.moves.length > 0) {
        turn.go("dies", { at: "done" }, withFact(turn.world, `dead ${name}`));
      }
    },
  };
}
