// Models one turn of an actor: the requests that it may send, and every possible outcome of each.
//
// Either a request is applied and answered, or its answer never arrives. In the second case the
// request is applied at any later moment, or never. Retries of reads change nothing, so reads are
// always answered.
import type { Move, Process } from "./explorer.js";
import type { Mutation } from "./mutations.js";
import {
  keysBelow,
  withLate,
  withObject,
  withoutObjects,
  type Content,
  type World,
} from "./world.js";

/** The differences between the model of a scene and the whole protocol. */
export interface Setting {
  /** The mistake that all actors make, or undefined if they make none. */
  readonly mutation?: Mutation | undefined;
  /**
   * True if a listing takes two moves. It may or may not contain an object that was added or
   * deleted between the two.
   */
  readonly tornListings?: boolean;
}

/** An actor is a state machine whose steps are single requests. */
export interface Actor<Local extends object> {
  readonly name: string;
  readonly start: Local;
  /** Adds every possible next move of the actor to the turn. */
  readonly play: (turn: Turn<Local>) => void;
}

export type Found = ReadonlyMap<string, Content>;

interface Stored<Local> {
  readonly local: Local;
  /** The key of a PUT without an answer, or the entries that a listing has found so far. */
  readonly unanswered?: string;
  readonly listed?: readonly (readonly [string, Content])[];
}

export class Turn<Local extends object> {
  readonly moves: Move<World>[] = [];
  readonly name: string;
  readonly local: Local;
  readonly world: World;
  readonly #stored: Stored<Local>;
  readonly #setting: Setting;

  constructor(name: string, stored: Stored<Local>, world: World, setting: Setting) {
    this.name = name;
    this.local = stored.local;
    this.world = world;
    this.#stored = stored;
    this.#setting = setting;
  }

  /** Returns whether the actors of this exploration make this mistake. */
  makes(mutation: Mutation): boolean {
    return this.#setting.mutation === mutation;
  }

  /** Adds a step without a request. `world` is the world after the step. */
  go(words: string, change: Partial<Local>, world = this.world): void {
    this.moves.push({ words, local: { local: { ...this.local, ...change } }, shared: world });
  }

  /**
   * PUTs a key that no actor has used before. If no answer arrives, a HEAD decides: either the
   * object exists, or the key is burnt and the actor uses another key. `world` contains the changes
   * that the actor makes together with sending the request.
   */
  put(key: string, content: Content, ends: PutEnds<Local>, world = this.world): void {
    if (this.#stored.unanswered === key) {
      if (this.makes("resend-key")) {
        this.go(`PUT ${key} again`, ends.done, withObject(world, key, content));
      } else if (world.objects[key] !== undefined) this.go(`HEAD ${key}: it is there`, ends.done);
      else this.go(`HEAD ${key}: not there, so this key is burnt`, ends.burnt);
      return;
    }
    this.go(`PUT ${key}${contentWords(content)}`, ends.done, withObject(world, key, content));
    if (world.faults > 0) {
      const late = withLate(world, { author: this.name, verb: "PUT", key, content });
      const stored: Stored<Local> = { local: this.local, unanswered: key };
      this.moves.push({ words: `PUT ${key}: no answer`, local: stored, shared: late });
    }
  }

  /**
   * DELETEs a key until an answer arrives. With `unanswered`, the actor tries only once and
   * continues with that change.
   */
  remove(key: string, done: Partial<Local>, world = this.world, unanswered?: Partial<Local>): void {
    this.go(`DELETE ${key}`, done, withoutObjects(world, [key]));
    if (world.faults > 0) {
      const late = withLate(world, { author: this.name, verb: "DELETE", key, content: [] });
      this.go(`DELETE ${key}: no answer`, unanswered ?? {}, late);
    }
  }

  /** Lists some prefixes. `use` computes the actor's change from the listed objects. */
  list(prefixes: readonly string[], use: (found: Found) => Partial<Local>): void {
    const now = prefixes.flatMap((prefix) => keysBelow(this.world, prefix));
    const words = `LIST ${prefixes.join(", ")}`;
    const use1 = (keys: readonly (readonly [string, Content])[]) => {
      const found = keys.length === 0 ? "nothing" : keys.map(([key]) => key).join(" ");
      this.go(`${words}: ${found}`, use(new Map(keys)));
    };
    const current = now.map((key) => [key, this.world.objects[key] as Content] as const);
    const { listed } = this.#stored;
    if (!this.#setting.tornListings) use1(current);
    else if (listed === undefined) {
      const stored: Stored<Local> = { local: this.local, listed: current };
      this.moves.push({ words: `${words}: begins`, local: stored, shared: this.world });
    } else for (const keys of tornListings(listed, current)) use1(keys);
  }

  /**
   * Adds a step in which a request fails, if the scene has faults left. The actor must not ignore
   * this failure.
   */
  fail(words: string, change: Partial<Local>): void {
    if (this.world.faults > 0) {
      this.go(words, change, { ...this.world, faults: this.world.faults - 1 });
    }
  }

  /** Returns those of the keys that a HEAD does not find. */
  missing(keys: readonly string[]): string[] {
    return keys.filter((key) => this.world.objects[key] === undefined);
  }
}

export interface PutEnds<Local> {
  readonly done: Partial<Local>;
  readonly burnt: Partial<Local>;
}

export function processOf<Local extends object>(
  actor: Actor<Local>,
  setting: Setting,
): Process<World> {
  const start: Stored<Local> = { local: actor.start };
  return {
    name: actor.name,
    start,
    moves: (stored, world) => {
      const turn = new Turn(actor.name, stored as Stored<Local>, world, setting);
      actor.play(turn);
      return turn.moves;
    },
  };
}

type Entries = readonly (readonly [string, Content])[];

/**
 * Returns every possible result of a listing. A result contains each object that existed at both
 * ends, and any of the other objects.
 */
function tornListings(before: Entries, after: Entries): Entries[] {
  const among = (entries: Entries) => new Set(entries.map(([key]) => key));
  const [early, late] = [among(before), among(after)];
  const unsure = [
    ...before.filter(([key]) => !late.has(key)),
    ...after.filter(([key]) => !early.has(key)),
  ];
  let results: Entries[] = [before.filter(([key]) => late.has(key))];
  for (const entry of unsure) results = results.flatMap((result) => [result, [...result, entry]]);
  return results;
}

function contentWords(content: Content): string {
  return content.length === 0 ? "" : ` (names ${content.join(" ")})`;
}
