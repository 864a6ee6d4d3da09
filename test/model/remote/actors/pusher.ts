// Models a push. It stores a snapshot whose blocks are in new packs of its own, and in "borrowed"
// packs that other snapshots already use.
import type { Actor, Turn } from "../turn.js";
import { keysBelow, withFact } from "../world.js";
import { playDeletion, startDeletion, type Deletion } from "./remote-delete.js";

export interface PusherOptions {
  readonly name: string;
  /**
   * The packs that the push tries to borrow. The push read the map of its base at some earlier
   * time.
   */
  readonly borrows?: readonly string[];
  /**
   * Replaces `borrows`: the push waits until the bucket contains this snapshot, then reads its map.
   */
  readonly base?: string;
  /** The number of pushes before the actor gives up, each with new ids. The default is 1. */
  readonly attempts?: number;
  /** True if the actor may crash once. It then continues the same push later. */
  readonly crashes?: boolean;
  /**
   * The name of a pusher whose push this actor continues. The node of that pusher was copied at
   * some moment, with its journal.
   */
  readonly copyOf?: string;
  /** True if the map is a separate object. Otherwise, the snapshot itself names its packs. */
  readonly maps?: boolean;
}

type Step =
  | "copy journal"
  | "read base"
  | "put claim"
  | "list intents"
  | "head packs"
  | "put packs"
  | "put map"
  | "put snapshot"
  | "look for snapshot"
  | "head claim"
  | "list intents again"
  | "head everything"
  | "acknowledge"
  | "give up"
  | "roll back"
  | "start again"
  | "done";

export interface Pusher {
  readonly at: Step;
  /** These numbers count the pushes, their claims, the ids of their snapshots, and their packs. */
  readonly push: number;
  readonly claim: number;
  readonly id: number;
  readonly sequence: number;
  /** The packs that the push would borrow, and those that the checks so far have confirmed. */
  readonly wanted: readonly string[];
  readonly borrowed: readonly string[];
  readonly own: readonly string[];
  readonly crashed: boolean;
  readonly deletion: Deletion | null;
}

export function pusher(options: PusherOptions): Actor<Pusher> {
  const { name, borrows = [], base, copyOf } = options;
  const first = base === undefined ? "put claim" : "read base";
  return {
    name,
    start: {
      at: copyOf === undefined ? first : "copy journal",
      push: 1,
      claim: 1,
      id: 1,
      sequence: 0,
      wanted: borrows,
      borrowed: borrows,
      own: [],
      crashed: options.crashes !== true,
      deletion: null,
    },
    play: (turn) => {
      steps[turn.local.at](turn, options);
      if (!turn.local.crashed && canResume.includes(turn.local.at)) crash(turn);
    },
  };
}

type Play = (turn: Turn<Pusher>, options: PusherOptions) => void;

const steps: Readonly<Record<Step, Play>> = {
  // The journal has the packs that are stored. The copy looks at them in the next steps.
  "copy journal": (turn, options) => {
    const own = keysBelow(turn.world, `packs/${pushId(turn, options)}-`);
    if (own.length === 0) return;
    // A resumed push counts from the next number, if it does not take a random one.
    const numbers = turn.makes("copy-same-numbers") ? { claim: 2, sequence: own.length } : {};
    turn.go(`is copied, with the journal of ${own.join(" ")}`, {
      ...{ at: "put claim", own, ...numbers },
    });
  },
  "read base": (turn, { base = "" }) => {
    const content = turn.world.objects[base];
    if (content === undefined) return;
    const wanted = content.filter((key) => key.startsWith("packs/"));
    turn.go(`GET ${base} and its map`, { at: "put claim", wanted, borrowed: wanted });
  },
  "put claim": (turn, options) => {
    const { claim, wanted } = turn.local;
    const at = after(turn, "put claim");
    if (turn.makes("no-claim")) return turn.go("puts no claim", { at });
    if (turn.makes("resume-unclaimed") && claim > 1) return turn.go("puts no new claim", { at });
    const roots = [...wanted, `packs/${pushId(turn, options)}-`, mapKey(turn)];
    turn.put(claimKey(turn, options), roots, { done: { at }, burnt: { claim: claim + 1 } });
  },
  "list intents": (turn) => {
    const at = after(turn, "list intents");
    if (turn.makes("borrow-doomed")) return turn.go("lists no intents", { at });
    turn.list(["gc/"], (found) => {
      const doomed = [...found.values()].flat();
      const spared = (keys: readonly string[]) => keys.filter((key) => !doomed.includes(key));
      const { borrowed, own } = turn.local;
      return { at, borrowed: spared(borrowed), own: spared(own) };
    });
  },
  "head packs": (turn, { base = "snapshots/B" }) => {
    const at = after(turn, "head packs");
    const { borrowed, own } = turn.local;
    if (turn.makes("borrow-unchecked")) return turn.go("looks at no pack", { at });
    if (turn.makes("head-base")) {
      const gone = turn.missing([base]).length > 0;
      return turn.go(`HEAD ${base}`, { at, borrowed: gone ? [] : borrowed });
    }
    if (borrowed.length + own.length === 0) return turn.go("borrows nothing", { at });
    const missing = turn.missing([...borrowed, ...own]);
    const there = (keys: readonly string[]) => keys.filter((key) => !missing.includes(key));
    turn.go(`HEAD ${[...borrowed, ...own].join(" ")}: ${missing.length} missing`, {
      at,
      borrowed: there(borrowed),
      own: turn.makes("resume-unchecked") ? own : there(own),
    });
  },
  "put packs": (turn, options) => {
    const { own, sequence, wanted, borrowed } = turn.local;
    // The push needs one pack of new blocks, and one pack in place of each pack that it cannot
    // borrow.
    if (own.length >= 1 + wanted.length - borrowed.length) {
      return turn.go("has all packs", { at: options.maps === true ? "put map" : "put snapshot" });
    }
    const key = `packs/${pushId(turn, options)}-${numberOf(turn, options, sequence)}`;
    turn.put(key, [], {
      done: { own: [...own, key], sequence: sequence + 1 },
      burnt: { sequence: sequence + 1 },
    });
  },
  "put map": (turn) =>
    turn.put(mapKey(turn), [], { done: { at: "put snapshot" }, burnt: newId(turn) }),
  "put snapshot": (turn, options) =>
    turn.put(snapshotKey(turn), contentOf(turn, options), {
      done: { at: "head claim" },
      burnt: newId(turn),
    }),
  // A resumed push does not know whether it has already written its snapshot.
  "look for snapshot": (turn) => {
    const key = snapshotKey(turn);
    if (turn.missing([key]).length > 0) {
      const { wanted } = turn.local;
      return turn.go(`HEAD ${key}: not there, burnt`, { ...newId(turn), borrowed: wanted });
    }
    turn.go(`HEAD ${key}: there`, { at: "head claim" });
  },
  "head claim": (turn, options) => {
    if (turn.makes("ack-unchecked")) return turn.go("looks at nothing", { at: "acknowledge" });
    if (turn.missing([claimKey(turn, options)]).length === 0) {
      return turn.go(`HEAD ${claimKey(turn, options)}: it is there`, { at: "acknowledge" });
    }
    turn.go(`HEAD ${claimKey(turn, options)}: it is gone`, { at: afterClaim(turn, "head claim") });
  },
  "list intents again": (turn, options) => {
    const content = contentOf(turn, options);
    turn.list(["gc/"], (found) => {
      const doomed = [...found.values()].flat().some((key) => content.includes(key));
      return doomed ? { at: "give up" } : { at: afterClaim(turn, "list intents again") };
    });
  },
  "head everything": (turn, options) => {
    const missing = turn.missing(contentOf(turn, options));
    if (missing.length > 0) {
      return turn.go(`HEAD everything: ${missing.join(" ")} is gone`, { at: "give up" });
    }
    turn.go("HEAD everything: all there", { at: afterClaim(turn, "head everything") });
  },
  // This step answers the caller and sends the request that follows the answer.
  acknowledge: (turn, options) => {
    const world = withFact(turn.world, `acknowledged ${snapshotKey(turn)}`);
    turn.remove(claimKey(turn, options), { at: "done" }, world);
  },
  "give up": (turn) => {
    const world = withFact(turn.world, `rolled back ${snapshotKey(turn)}`);
    const change: Partial<Pusher> = { at: "roll back", deletion: startDeletion(snapshotKey(turn)) };
    turn.go("gives up this push", change, world);
  },
  "roll back": (turn) => {
    const { deletion } = turn.local;
    if (deletion === null) throw new Error("no deletion");
    const again: Partial<Pusher> = { at: "start again", deletion: null };
    if (turn.makes("roll-back-directly")) return turn.remove(deletion.snapshot, again);
    playDeletion(turn, deletion, {
      next: (next) => ({ deletion: next }),
      deleted: again,
      held: again,
    });
  },
  "start again": (turn, { attempts = 1 }) => {
    const { push, wanted } = turn.local;
    if (push >= attempts) return;
    const change = { push: push + 1, sequence: 0, borrowed: wanted, own: [] };
    if (turn.makes("reuse-ids")) {
      return turn.go("starts again with the same ids", { ...change, at: "put claim", push });
    }
    turn.go("starts again with new ids", { ...newId(turn), ...change });
  },
  done: () => {},
};

/** Returns the step that follows `step` before the first PUT of a pack. */
function after(turn: Turn<Pusher>, step: Step): Step {
  let order: readonly Step[] = ["put claim", "list intents", "head packs", "put packs"];
  if (turn.makes("claim-late")) order = ["list intents", "head packs", "put claim", "put packs"];
  if (turn.makes("head-packs-early")) {
    order = ["put claim", "head packs", "list intents", "put packs"];
  }
  return order[order.indexOf(step) + 1] ?? "put packs";
}

/** Returns the step that follows `step` after the claim has expired. */
function afterClaim(turn: Turn<Pusher>, step: Step): Step {
  const order: Step[] = ["list intents again", "head everything"];
  if (turn.makes("head-before-list")) order.reverse();
  return order[order.indexOf(step) + 1] ?? "acknowledge";
}

/**
 * Changes the id of the snapshot after the key of its map or snapshot was burnt. No claim protects
 * the new id yet. The packs stay valid.
 */
function newId(turn: Turn<Pusher>): Partial<Pusher> {
  const { id, claim } = turn.local;
  return { at: "put claim", id: id + 1, claim: claim + 1 };
}

const canResume: readonly Step[] = [
  ...(["list intents", "head packs", "put packs", "put map", "put snapshot"] as const),
  ...(["head claim", "list intents again", "head everything"] as const),
];

/**
 * Models a crash. It loses the state in memory, and a PUT that was under way may take effect later,
 * so a resumed push uses other keys. The push finds its packs again by listing `packs/<push>-`.
 */
function crash(turn: Turn<Pusher>): void {
  const { at, wanted, sequence } = turn.local;
  const wroteSnapshot = canResume.indexOf(at) >= canResume.indexOf("put snapshot");
  turn.go("crashes, and continues the same push", {
    ...(wroteSnapshot ? { at: "look for snapshot" } : newId(turn)),
    ...(wroteSnapshot ? {} : { borrowed: wanted }),
    sequence: turn.makes("resume-same-keys") ? sequence : sequence + 1,
    crashed: true,
  });
}

function pushId({ name, local }: Turn<Pusher>, { copyOf = name }: PusherOptions): string {
  return `${copyOf}${local.push}`;
}

/**
 * Returns a number of a claim or a pack. A push that continues on a copy of the node takes random
 * numbers, which the model writes with the name of the actor.
 */
function numberOf(turn: Turn<Pusher>, { copyOf }: PusherOptions, number: number): string {
  const isRandom = copyOf !== undefined && !turn.makes("copy-same-numbers");
  return isRandom ? `${turn.name}${number}` : String(number);
}

function claimKey(turn: Turn<Pusher>, options: PusherOptions): string {
  return `claims/${pushId(turn, options)}.${numberOf(turn, options, turn.local.claim)}`;
}

function snapshotKey({ name, local }: Turn<Pusher>): string {
  return `snapshots/${name}${local.id}`;
}

function mapKey({ name, local }: Turn<Pusher>): string {
  return `maps/${name}${local.id}`;
}

function contentOf(turn: Turn<Pusher>, { maps }: PusherOptions): readonly string[] {
  const { borrowed, own } = turn.local;
  return [...borrowed, ...own, ...(maps === true ? [mapKey(turn)] : [])];
}
