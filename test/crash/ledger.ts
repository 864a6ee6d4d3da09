// The ledger of a store's obligations: every call that was begun, and its answer, in order. It
// tells for any moment which snapshots must exist, which may, and which must not.

/** The expected content of a snapshot. */
export interface Content {
  /** A directory with exactly its files, outside the store. */
  readonly directory: string;
  readonly description: string;
}

/** One possible state of a name. Without `content`, the name is free. */
export interface Possibility {
  readonly content: Content | undefined;
  /** Known from the answer that acknowledged it. */
  readonly id?: string | undefined;
}

/** A directory that was handed over to the store by rename, or that takes a snapshot's place. */
export interface Given {
  readonly path: string;
  /** A copy of it, outside the store's reach. */
  readonly twin: string;
  /** Id of the snapshot whose place it takes. */
  readonly takes?: string | undefined;
}

export type Outcome =
  | { readonly kind: "acknowledged"; readonly id: string | undefined }
  /** The answer said that it did not happen. */
  | { readonly kind: "refused" }
  /** The caller got no answer, or the daemon said that it cannot know. */
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

/** One entry of the ledger, in a form that JSON preserves. */
export type Note = Entry | Found;

export interface GivenExpectation extends Given {
  readonly name: string;
  /** `stored`: must be in the store. `back`: must be in its place. */
  readonly must: "stored" | "back" | "either";
}

export interface Expectation {
  /** Every name that was ever used, with all possible snapshots under it. */
  readonly names: ReadonlyMap<string, readonly Possibility[]>;
  /** All contents that any caller tried to store under each name. */
  readonly ever: ReadonlyMap<string, readonly Possibility[]>;
  /** Ids whose deletion or replacement was acknowledged or observed. */
  readonly gone: ReadonlySet<string>;
  readonly givens: readonly GivenExpectation[];
}

export interface Ledger {
  /**
   * Records that a call begins. The returned function records its end. Only one call uses a name at
   * a time.
   */
  begin(name: string, to: Possibility, given?: Given): (outcome: Outcome) => void;
  /** Records the result of an inspection, which is the expected state from here on. */
  settle(found: ReadonlyMap<string, Possibility>): void;
  /** A position in the ledger, to return to when the store is restored too. */
  mark(): number;
  rewind(mark: number): void;
  /** The obligations at a position. Default: now. */
  expect(at?: number): Expectation;
  notes(): readonly Note[];
}

/**
 * `position` returns the moment of each entry and never decreases. By default all entries are at 0.
 */
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
  const [done, undone] =
    given.takes === undefined ? (["stored", "back"] as const) : (["back", "stored"] as const);
  const must =
    outcome?.kind === "acknowledged" ? done : outcome?.kind === "refused" ? undone : "either";
  return { ...given, name, must };
}
