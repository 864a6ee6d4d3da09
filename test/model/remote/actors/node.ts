// Models a node that depends on the remote copy of a snapshot. The node offloads its data and
// rehydrates it later. A lazy reader and a cold pull make the same requests.
import type { Actor, Turn } from "../turn.js";
import { localRecord, recordOf, withRecord, type CatalogRecord, type World } from "../world.js";

export interface NodeOptions {
  readonly name: string;
  /** The id of the node, by default its name. A copied node may have the id of its original. */
  readonly id?: string;
  /** The snapshot's key. The node waits until the bucket contains it. */
  readonly snapshot: string;
  /**
   * The number of offloads. The node rehydrates its data between them. If `rehydrates` is true, it
   * also rehydrates after the last one.
   */
  readonly rounds?: number;
  readonly rehydrates?: boolean;
  /** True if the node may crash once during an offload. */
  readonly crashes?: boolean;
  /**
   * The name of the node's original. The node is a copy of it, made at any moment, and starts with
   * a copy of the original's catalog.
   */
  readonly copyOf?: string;
}

type Step =
  | "copy"
  | "first start"
  | "read map"
  | "put hold"
  | "list deletions"
  | "list intents"
  | "head snapshot"
  | "head packs"
  | "head hold"
  | "go cold"
  | "cold"
  | "go local"
  | "release"
  | "released"
  | "done";

export interface Node {
  readonly at: Step;
  readonly round: number;
  /** The number of the node's next hold. */
  readonly holds: number;
  /** The keys that the snapshot's map names. */
  readonly content: readonly string[];
  readonly crashed: boolean;
  /** The copied record of the original, until the copy starts. */
  readonly copied: CatalogRecord;
}

export function node(options: NodeOptions): Actor<Node> {
  return {
    name: options.name,
    start: {
      at: options.copyOf === undefined ? "read map" : "copy",
      round: 1,
      holds: 1,
      content: [],
      crashed: options.crashes !== true,
      copied: localRecord,
    },
    play: (turn) => {
      steps[turn.local.at](turn, options);
      if (!turn.local.crashed && offloading.includes(turn.local.at)) crash(turn);
    },
  };
}

type Play = (turn: Turn<Node>, options: NodeOptions) => void;

const steps: Readonly<Record<Step, Play>> = {
  copy: (turn, { copyOf = "", snapshot }) => {
    const copied = recordOf(turn.world, copyOf);
    const content = turn.world.objects[snapshot] ?? [];
    if (copied.hold !== "")
      turn.go(`is made from ${copyOf}`, { at: "first start", content, copied });
  },
  // A copy detects that it runs on another machine, and takes a new id. The holds in its record
  // belong to the original. If its data is cold, the copy puts a hold of its own. Until then, only
  // the original's hold protects the data.
  "first start": (turn) => {
    const { copied } = turn.local;
    if (turn.makes("copy-keeps-id")) {
      return turn.remove(copied.hold, { at: "done", copied: localRecord });
    }
    const at = copied.state === "cold" ? first(turn) : "done";
    turn.go("takes a new id", { at, copied: localRecord });
  },
  "read map": (turn, { snapshot }) => {
    const content = turn.world.objects[snapshot];
    if (content !== undefined) turn.go(`GET ${snapshot} and its map`, { at: first(turn), content });
  },
  "put hold": (turn, options) => {
    const at = after(turn, "put hold");
    if (turn.makes("no-hold")) {
      return turn.go("puts no hold", { at }, put(turn, { state: "holding" }));
    }
    const key = holdKey(turn, options);
    // The record is durable before the request is sent, so that the node can find its own strays
    // later.
    const { strays, hold } = recordOf(turn.world, turn.name);
    const known = hold === "" || hold === key ? strays : [...strays, hold];
    const recorded = put(turn, { state: "holding", hold: key, strays: known });
    turn.put(key, [], { done: { at }, burnt: { holds: turn.local.holds + 1 } }, recorded);
  },
  "list deletions": (turn, { snapshot }) => {
    const at = after(turn, "list deletions");
    if (turn.makes("ignore-deletions")) return turn.go("lists no deletions", { at });
    turn.list([snapshot.replace("snapshots/", "deletes/") + "/"], (found) =>
      found.size > 0 ? { at: "release" } : { at },
    );
  },
  "list intents": (turn) => {
    const at = after(turn, "list intents");
    if (turn.makes("ignore-intents")) return turn.go("lists no intents", { at });
    const { content } = turn.local;
    turn.list(["gc/"], (found) => {
      const doomed = [...found.values()].flat().some((key) => content.includes(key));
      return { at: doomed ? "release" : at };
    });
  },
  "head snapshot": (turn, { snapshot }) => {
    const at = after(turn, "head snapshot");
    if (turn.makes("skip-head-snapshot")) return turn.go("does not look at the snapshot", { at });
    const gone = turn.missing([snapshot]).length > 0;
    turn.go(`HEAD ${snapshot}: ${gone ? "gone" : "there"}`, { at: gone ? "release" : at });
  },
  "head packs": (turn) => {
    const at = after(turn, "head packs");
    if (turn.makes("skip-head-packs")) return turn.go("does not look at the packs", { at });
    const missing = turn.missing(turn.local.content);
    const words = missing.length > 0 ? `${missing.join(" ")} is gone` : "all there";
    turn.go(`HEAD map and packs: ${words}`, { at: missing.length > 0 ? "release" : at });
  },
  "head hold": (turn) => {
    const { hold } = recordOf(turn.world, turn.name);
    const checked = put(turn, { state: "checked" });
    if (turn.makes("skip-head-hold") || turn.makes("no-hold")) {
      return turn.go("does not look at its hold", { at: "go cold" }, checked);
    }
    if (turn.missing([hold]).length > 0) return turn.go(`HEAD ${hold}: gone`, { at: "release" });
    turn.go(`HEAD ${hold}: there`, { at: "go cold" }, checked);
  },
  "go cold": (turn) => {
    turn.go("is cold, and drops its data", { at: "cold" }, put(turn, { state: "cold" }));
  },
  cold: (turn, { rounds = 1, rehydrates }) => {
    if (turn.local.round >= rounds && rehydrates !== true) return;
    const at = turn.makes("release-first") ? "release" : "go local";
    turn.go("GET all packs", { at });
  },
  "go local": (turn) => {
    const at = turn.makes("release-first") ? "released" : "release";
    turn.go("has its data again, durably", { at }, put(turn, { state: "local" }));
  },
  release: (turn) => {
    const { hold, state } = recordOf(turn.world, turn.name);
    const cold = state === "cold";
    const world = cold ? turn.world : put(turn, { state: "local" });
    turn.remove(hold, { at: cold ? "go local" : "released" }, world);
  },
  released: (turn, { rounds = 1 }) => {
    const { round, holds } = turn.local;
    if (round >= rounds) return;
    const world = put(turn, { hold: "" });
    turn.go("offloads again", { at: first(turn), round: round + 1, holds: holds + 1 }, world);
  },
  done: () => {},
};

/** Returns the steps of an offload up to its last check of the hold. */
function orderOf(turn: Turn<Node>): readonly [Step, ...Step[]] {
  if (turn.makes("hold-late")) {
    return ["list deletions", "put hold", "list intents", "head snapshot", "head packs"];
  }
  if (turn.makes("head-snapshot-early")) {
    return ["put hold", "head snapshot", "list deletions", "list intents", "head packs"];
  }
  if (turn.makes("list-intents-late")) {
    return ["put hold", "list deletions", "head snapshot", "head packs", "list intents"];
  }
  return ["put hold", "list deletions", "list intents", "head snapshot", "head packs"];
}

function first(turn: Turn<Node>): Step {
  return orderOf(turn)[0];
}

function after(turn: Turn<Node>, step: Step): Step {
  const order = orderOf(turn);
  return order[order.indexOf(step) + 1] ?? "head hold";
}

const offloading: readonly Step[] = [
  "list deletions",
  "list intents",
  "head snapshot",
  "head packs",
  "head hold",
  "go cold",
];

/** Models a crash. The record says that an offload was running, so its hold becomes a stray. */
function crash(turn: Turn<Node>): void {
  const world = put(turn, { state: "local" });
  turn.go("crashes, and starts again", { at: "release", crashed: true }, world);
}

function put({ world, name }: Turn<Node>, change: Partial<CatalogRecord>): World {
  return withRecord(world, name, { ...recordOf(world, name), ...change });
}

/**
 * Returns the key of a new hold. Real keys are random. Here, the node's name and a number make each
 * key unique.
 */
function holdKey(turn: Turn<Node>, { snapshot, id = turn.name }: NodeOptions): string {
  const number = turn.makes("reuse-hold") ? 1 : turn.local.holds;
  return `${snapshot.replace("snapshots/", "holds/")}/${id}.${turn.name}${number}`;
}
