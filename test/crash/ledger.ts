// What a store owes its callers: every call that was begun, and what it answered, in order. From it
// follows, for any moment, which snapshots must be there, which may be, and which must not.

/** What a snapshot must look like. */
export interface Content {
  /** A directory with exactly its files, outside the store. */
  readonly directory: string;
  readonly description: string;
}

/** One way in which a name may stand; without `content` it is free. */
export interface Possibility {
  readonly content: Content | undefined;
  /** Known from the answer that acknowledged it. */
  readonly id?: string | undefined;
}

/** A directory that was given to the store by rename. */
export interface Given {
  readonly path: string;
  /** One like it, outside the store's reach. */
  readonly twin: string;
}

export type Outcome =
  | { readonly kind: "acknowledged"; readonly id: string | undefined }
  /** The caller was told that it did not happen. */
  | { readonly kind: "refused" }
  /** Nobody told the caller, or the daemon said that it cannot know. */
  | { readonly kind: "unknown" };

interface Begun {
  readonly at: number;
  readonly name: string;
  readonly to: Possibility;
  readonly given: Given | undefined;
}

interface Entry extends Begun {
  ended?: { readonly at: number; readonly outcome: Outcome };
}

interface Found {
  readonly at: number;
  readonly found: readonly (readonly [name: string, Possibility])[];
}

/** One entry of the ledger. It survives JSON. */
export type Note = Entry | Found;

export interface GivenExpectation extends Given {
  readonly name: string;
  /** `stored`: must be gone from its place. `back`: must stand there. */
  readonly must: "stored" | "back" | "either";
}

export interface Expectation {
  /** Every name that was ever used, with all that may stand under it. */
  readonly names: ReadonlyMap<string, readonly Possibility[]>;
  /** All that anybody ever wanted to stand under each name. */
  readonly ever: ReadonlyMap<string, readonly Possibility[]>;
  /** Ids whose deletion or replacement was acknowledged or seen. */
  readonly gone: ReadonlySet<string>;
  readonly givens: readonly GivenExpectation[];
}

export interface Ledger {
  /**
   * Notes that a call begins; returns how its end is noted. Names are used by one call at a time.
   */
  begin(name: string, to: Possibility, given?: Given): (outcome: Outcome) => void;
  /** Notes what an inspection found: from here on that is what must stand. */
  settle(found: ReadonlyMap<string, Possibility>): void;
  /** A place in it, to go back to when the store is put back too. */
  mark(): number;
  rewind(mark: number): void;
  /** What is owed at a position, by default now. */
  expect(at?: number): Expectation;
  notes(): readonly Note[];
}

/** `position` gives the moment of each note; it never goes back. By default all notes are at 0. */
export function createLedger(
  position: () => number = () => 0,
  earlier: readonly Note[] = [],
): Ledger {
  const notes: Note[] = [...earlier];
  return {
    begin(name, to, given) {
      const entry: Entry = { at: position(), name, to, given };
      notes.push(entry);
      return (outcome) => (entry.ended ??= { at: position(), outcome });
    },
    settle(found) {
      notes.push({ at: position(), found: [...found] });
    },
    mark: () => notes.length,
    rewind: (mark) => void notes.splice(mark),
    expect: (at = Infinity) =>
      fold(
        notes.filter((note) => note.at <= at),
        at,
      ),
    notes: () => notes,
  };
}

interface Standing {
  possible: readonly Possibility[];
}

function fold(notes: readonly Note[], at: number): Expectation {
  const ever = new Map<string, Possibility[]>();
  const standing = new Map<string, Standing>();
  const gone = new Set<string>();
  const givens = new Map<string, GivenExpectation>();
  for (const note of notes) {
    if ("found" in note) {
      for (const [name, { possible }] of standing) {
        const found = Object.fromEntries(note.found)[name] ?? { content: undefined };
        for (const { id } of possible) if (id !== undefined && id !== found.id) gone.add(id);
        standing.set(name, { possible: [found] });
      }
      givens.clear();
      continue;
    }
    ever.set(note.name, [...(ever.get(note.name) ?? []), note.to]);
    const before = standing.get(note.name)?.possible ?? [{ content: undefined }];
    const outcome =
      note.ended !== undefined && note.ended.at <= at ? note.ended.outcome : undefined;
    standing.set(note.name, { possible: after(before, note, outcome, gone) });
    if (note.given !== undefined) {
      givens.set(note.given.path, expectGiven(note, note.given, outcome));
    }
  }
  const names = new Map([...standing].map(([name, { possible }]) => [name, possible]));
  return { names, ever, gone, givens: [...givens.values()] };
}

function after(
  before: readonly Possibility[],
  { to }: Begun,
  outcome: Outcome | undefined,
  gone: Set<string>,
): readonly Possibility[] {
  if (outcome?.kind === "refused") return before;
  if (outcome?.kind !== "acknowledged") return [...before, to];
  const id = outcome.id ?? to.id;
  for (const old of before) if (old.id !== undefined && old.id !== id) gone.add(old.id);
  return [{ content: to.content, id: to.content === undefined ? undefined : id }];
}

function expectGiven(
  { name }: Begun,
  given: Given,
  outcome: Outcome | undefined,
): GivenExpectation {
  const must =
    outcome?.kind === "acknowledged" ? "stored" : outcome?.kind === "refused" ? "back" : "either";
  return { ...given, name, must };
}
