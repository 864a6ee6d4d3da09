// Keeps the ledger of a store's obligations: every call that was begun, and its answer, in order.
// For any moment the ledger knows which snapshots must exist, which may, and which must not.

/** Describes the expected content of a snapshot. */
export interface Content {
  /** Names a directory outside the store that contains exactly the snapshot's files. */
  readonly directory: string;
  readonly description: string;
}

/** Describes one possible state of a name. Without `content`, the name is free. */
export interface Possibility {
  readonly content: Content | undefined;
  /** The id is known if the store acknowledged the snapshot. */
  readonly id?: string | undefined;
}

/**
 * Describes a directory that moved into the store by rename, or to which a snapshot's files move
 * out of the store.
 */
export interface Given {
  readonly path: string;
  /** The path of a copy of the directory, outside the reach of the store. */
  readonly twin: string;
  /** The id of the snapshot whose files move to this directory. */
  readonly takes?: string | undefined;
  /** The request id of the call that moves them, so that the judge can repeat the call. */
  readonly requestId?: string;
}

export type Outcome =
  | { readonly kind: "acknowledged"; readonly id: string | undefined }
  /** The answer said that the call changed nothing. */
  | { readonly kind: "refused" }
  /** The caller got no answer, or the daemon answered that it does not know the outcome. */
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

/** An entry of the ledger, in a form that JSON preserves. */
export type Note = Entry | Found;

export interface GivenExpectation extends Given {
  readonly name: string;
  /** Says where the directory must be: in the store (`stored`), or in its old place (`back`). */
  readonly must: "stored" | "back" | "either";
}

export interface Expectation {
  /** Maps every name that was ever used to all snapshots that may be under it. */
  readonly names: ReadonlyMap<string, readonly Possibility[]>;
  /** Maps each name to all contents that any caller tried to store under it. */
  readonly ever: ReadonlyMap<string, readonly Possibility[]>;
  /** Contains the ids whose deletion or replacement was acknowledged or observed. */
  readonly gone: ReadonlySet<string>;
  readonly givens: readonly GivenExpectation[];
}

export interface Ledger {
  /**
   * Records the beginning of a call. The returned function records its end. At most one call may
   * use a name at a time.
   */
  begin(name: string, to: Possibility, given?: Given): (outcome: Outcome) => void;
  /** Records the result of an inspection, which is the expected state from here on. */
  settle(found: ReadonlyMap<string, Possibility>): void;
  /** Returns a position in the ledger, to which `rewind` returns when the store is restored too. */
  mark(): number;
  rewind(mark: number): void;
  /** Returns the obligations at a position, by default at the end of the ledger. */
  expect(at?: number): Expectation;
  notes(): readonly Note[];
}

/**
 * Opens a ledger with the entries `earlier`. `position` returns the moment of each new entry and
 * never decreases. By default the moment of all entries is 0.
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
