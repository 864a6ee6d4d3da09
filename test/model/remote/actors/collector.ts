// Models a garbage collection, which deletes the packs and maps that no snapshot and no claim
// names.
import type { Actor, Turn } from "../turn.js";
import { has, keysBelow, withFact } from "../world.js";

export interface CollectorOptions {
  readonly name: string;
  /** True if the collector may crash at any step. The world records a crash for the operator. */
  readonly dies?: boolean;
  /**
   * True if the collector also deletes the holds and the deletion intents of snapshots that do not
   * exist.
   */
  readonly tidies?: boolean;
  /** True if the collector ignores the intents of other runs. This makes a scene smaller. */
  readonly keepsIntentsOfOthers?: boolean;
}

type Step =
  | "mark claims"
  | "mark snapshots"
  | "list packs"
  | "put intent"
  | "mark claims again"
  | "list leftovers"
  | "mark snapshots again"
  | "mark claims late"
  | "delete"
  | "tidy"
  | "ended";

export interface Collector {
  readonly at: Step;
  /**
   * The number of the intent. If its key is burnt, the collector uses a key with the next number.
   */
  readonly run: number;
  /** The keys and prefixes that the marking has protected so far. */
  readonly roots: readonly string[];
  /** The snapshots that the first marking found, each with the keys that it names. */
  readonly seen: readonly (readonly [string, readonly string[]])[];
  /**
   * Snapshots that lack a pack or their map. They stay incomplete, because no key is written twice.
   */
  readonly broken: readonly string[];
  /** Packs that were listed before the snapshots. Only a mutation does this. */
  readonly packs: readonly string[] | null;
  readonly candidates: readonly string[];
  readonly intent: boolean;
  readonly leftovers: readonly string[];
}

export function collector(options: CollectorOptions): Actor<Collector> {
  return {
    name: options.name,
    start: {
      at: "mark claims",
      run: 1,
      roots: [],
      seen: [],
      broken: [],
      packs: null,
      candidates: [],
      intent: false,
      leftovers: [],
    },
    play: (turn) => {
      steps[turn.local.at](turn, options);
      if (options.dies === true && turn.moves.length > 0) {
        turn.go(
          "dies",
          { ...nothing, at: "ended", leftovers: [] },
          withFact(turn.world, `dead ${turn.name}`),
        );
      }
    },
  };
}

type Play = (turn: Turn<Collector>, options: CollectorOptions) => void;

const steps: Readonly<Record<Step, Play>> = {
  "mark claims": (turn) => {
    if (turn.makes("packs-first") && turn.local.packs === null) {
      return turn.list(["packs/", "maps/"], (found) => ({ packs: [...found.keys()] }));
    }
    markClaims(turn, "mark snapshots");
  },
  "mark snapshots": (turn) =>
    turn.list(["snapshots/"], (found) => ({ at: "list packs", seen: [...found.entries()] })),
  "list packs": (turn, options) => {
    const { packs } = turn.local;
    if (packs !== null) {
      return turn.go("has listed the packs", candidatesOf(turn, packs, options));
    }
    turn.list(["packs/", "maps/"], (found) => candidatesOf(turn, [...found.keys()], options));
  },
  "put intent": (turn) => {
    const at = "mark claims again";
    if (turn.makes("no-intent")) return turn.go("puts no intent", { at });
    const { run, candidates } = turn.local;
    turn.put(intentKey(turn), candidates, { done: { at }, burnt: { run: run + 1 } });
  },
  "mark claims again": (turn, options) => {
    if (turn.makes("mark-once")) return turn.go("marks once only", { at: "delete" });
    if (turn.makes("snapshots-first")) return markSnapshotsAgain(turn, "mark claims late");
    markClaims(turn, options.tidies === true ? "list leftovers" : "mark snapshots again");
  },
  "list leftovers": (turn) =>
    turn.list(["holds/", "deletes/"], (found) => ({
      at: "mark snapshots again",
      leftovers: [...found.keys()],
    })),
  "mark snapshots again": (turn) => markSnapshotsAgain(turn, "delete"),
  "mark claims late": (turn) => markClaims(turn, "delete"),
  delete: (turn) => {
    const { candidates, roots, intent } = turn.local;
    const [first, ...rest] = candidates.filter((key) => !isRoot(roots, key));
    if (first !== undefined) {
      const early = turn.makes("drop-intent") ? { candidates: rest } : undefined;
      turn.remove(first, { candidates: rest }, turn.world, early);
    } else if (intent) turn.remove(intentKey(turn), { ...nothing, at: "tidy", intent: false });
    else turn.go("has no intent", { ...nothing, at: "tidy" });
  },
  tidy: (turn, options) => {
    const [resolved] = intentsWithoutPacks(turn);
    const [leftover, ...leftovers] = turn.local.leftovers;
    if (options.keepsIntentsOfOthers !== true && resolved !== undefined) turn.remove(resolved, {});
    else if (leftover !== undefined) turn.remove(leftover, { leftovers });
  },
  ended: () => {},
};

/** Clears the state that a collector does not need after it has deleted the last pack. */
const nothing = { roots: [], seen: [], broken: [], packs: null, candidates: [] } as const;

function markClaims(turn: Turn<Collector>, at: Step): void {
  const { roots } = turn.local;
  turn.list(["claims/"], (found) => ({ at, roots: union(roots, [...found.values()].flat()) }));
  // A correct collector ends its run at an error. The model need not include that, because such a
  // run equals one that is not scheduled again.
  if (turn.makes("ignore-errors"))
    turn.fail("GET of the claims: an error, which it ignores", { at });
}

/** Computes which snapshots are incomplete, and which keys no other snapshot and no claim names. */
function candidatesOf(
  turn: Turn<Collector>,
  packs: readonly string[],
  { tidies }: CollectorOptions,
): Partial<Collector> {
  const { seen, roots } = turn.local;
  const isBroken = (content: readonly string[]) => content.some((key) => !packs.includes(key));
  const broken = seen.filter(([, content]) => isBroken(content)).map(([key]) => key);
  if (turn.makes("broken-stops") && broken.length > 0) return { ...nothing, at: "ended" };
  const counted = turn.makes("broken-is-root") ? [] : broken;
  const named = seen.filter(([key]) => !counted.includes(key)).flatMap(([, content]) => content);
  const candidates = packs.filter((key) => !named.includes(key) && !isRoot(roots, key));
  if (candidates.length === 0 && tidies !== true) return { ...nothing, at: "tidy" };
  const at = candidates.length === 0 ? "mark claims again" : "put intent";
  const judged = turn.makes("leftovers-early") ? seen : [];
  return { ...nothing, at, intent: at === "put intent", broken: counted, candidates, seen: judged };
}

function markSnapshotsAgain(turn: Turn<Collector>, at: Step): void {
  const { roots, broken, leftovers, seen } = turn.local;
  turn.list(["snapshots/"], (found) => {
    const whole = [...found].filter(([key]) => !broken.includes(key));
    const known = turn.makes("leftovers-early") ? seen.map(([key]) => key) : [...found.keys()];
    const isLeft = (key: string) => !known.includes(`snapshots/${key.split("/")[1]}`);
    return {
      at,
      roots: union(
        roots,
        whole.flatMap(([, content]) => content),
      ),
      leftovers: turn.makes("tidy-delete-intents")
        ? leftovers.filter((key) => isLeft(key) || key.startsWith("deletes/"))
        : leftovers.filter(isLeft),
    };
  });
}

/**
 * Returns the intents whose packs are all deleted. They protect nothing, because a deleted pack
 * never returns.
 */
function intentsWithoutPacks(turn: Turn<Collector>): string[] {
  const isGone = (packs: readonly string[]) => packs.every((pack) => !has(turn.world, pack));
  return keysBelow(turn.world, "gc/").filter(
    (key) => turn.makes("take-over") || isGone(turn.world.objects[key] ?? []),
  );
}

function intentKey({ name, local }: Turn<Collector>): string {
  return `gc/${name}.${local.run}`;
}

/**
 * Returns whether a claim or a snapshot protects the key. A claim protects a whole push by the
 * prefix of its packs, which ends in "-".
 */
function isRoot(roots: readonly string[], key: string): boolean {
  return roots.some((root) => (root.endsWith("-") ? key.startsWith(root) : key === root));
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].sort();
}
