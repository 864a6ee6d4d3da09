// Defines the rules for the order of syncs, renames and commits that makes answers survive a power
// cut. Each rule has a name and is checked against the events of one undisturbed run.

/**
 * Requires at least `count` events that match `all`. All of them must come before the first event
 * that matches `before`.
 */
interface AllBefore {
  readonly rule: string;
  readonly all: RegExp;
  readonly before: RegExp;
  /** The minimum number of matching events. The default is 1. */
  readonly count?: number;
}

/**
 * Looks at the events between the last that matches `after` and the first that matches `before`.
 * Requires at least one that matches `some`, and none that matches `none`.
 */
interface Between {
  readonly rule: string;
  readonly some?: RegExp;
  readonly none?: RegExp;
  readonly after: RegExp;
  readonly before: RegExp;
}

export type OrderRule = AllBefore | Between;

const moved = /^rename staging\/NEW to data\/NEW$/;
const manifestMade = /^create staging\/NEW\/manifest\.json$/;
const answered = /^answered$/;

/** These rules apply to everything that becomes a snapshot. */
const published: readonly OrderRule[] = [
  {
    rule: "the name is reserved in the catalog before anything is staged",
    some: /^commit$/,
    after: /^start$/,
    before: /^mkdir staging\/NEW$/,
  },
  {
    rule: "every data file is synced before the manifest is written",
    all: /^sync staging\/NEW\/files\/(cow\.raw|state\.json)$/,
    before: manifestMade,
    count: 2,
  },
  {
    rule: "names and modes of the data files are synced before the manifest is written",
    all: /^sync staging\/NEW\/files$/,
    before: manifestMade,
  },
  {
    rule: "the names of the block tables are synced before the manifest is written",
    all: /^sync staging\/NEW\/blocks$/,
    before: manifestMade,
  },
  {
    rule: "the manifest is synced before the rename",
    some: /^sync staging\/NEW\/manifest\.json$/,
    after: /^write staging\/NEW\/manifest\.json$/,
    before: moved,
  },
  {
    rule: "the staged directory is synced after its manifest and before the rename",
    some: /^sync staging\/NEW$/,
    after: /^sync staging\/NEW\/manifest\.json$/,
    before: moved,
  },
  {
    rule: "staging/ is synced before the rename, for btrfs",
    some: /^sync staging$/,
    after: /^sync staging\/NEW$/,
    before: moved,
  },
  {
    rule: "data/ is synced after the rename and before the answer",
    some: /^sync data$/,
    after: moved,
    before: answered,
  },
  {
    rule: "staging/ is synced after data/, so that the name always exists in one of the two",
    some: /^sync staging$/,
    after: /^sync data$/,
    before: answered,
  },
  {
    rule: "nothing is committed between the manifest and the last sync",
    none: /^commit$/,
    after: manifestMade,
    before: /^sync data$/,
  },
  {
    rule: "the catalog records the snapshot after the last sync and before the answer",
    some: /^commit$/,
    after: /^sync data$/,
    before: answered,
  },
];

/** If there are block tables, they are durable before the snapshot is published. */
const hashed: OrderRule = {
  rule: "every block table is synced before the manifest is written",
  all: /^sync staging\/NEW\/blocks\/000[01]\.blk$/,
  before: manifestMade,
  count: 2,
};

const uploaded: readonly OrderRule[] = [...published, hashed];

const taken = /^rename given to staging\/NEW\/files$/;

const movedOut = /^rename data\/OLD\/files to given$/;

/** These rules apply when the files of a snapshot move out to a directory. */
const takenOut: readonly OrderRule[] = [
  {
    rule: "no mode changes before the intent is in the catalog",
    none: /^(chmod|chown) data\/OLD\/files/,
    after: /^start$/,
    before: /^commit$/,
  },
  {
    rule: "the intent is in the catalog before the directory moves",
    some: /^commit$/,
    after: /^start$/,
    before: movedOut,
  },
  ...["cow.raw", "state.json"].map((name) => ({
    rule: `${name} is synced with its mode before the directory moves`,
    some: new RegExp(`^sync data/OLD/files/${name.replace(".", "\\.")}$`),
    after: new RegExp(`^chmod data/OLD/files/${name.replace(".", "\\.")}$`),
    before: movedOut,
  })),
  {
    rule: "the directory is synced with its mode before it moves",
    some: /^sync data\/OLD\/files$/,
    after: /^chmod data\/OLD\/files$/,
    before: movedOut,
  },
  {
    rule: "its old parent is synced before it moves, for btrfs",
    some: /^sync data\/OLD$/,
    after: /^sync data\/OLD\/files$/,
    before: movedOut,
  },
  {
    rule: "nothing is committed before its new parent is synced",
    none: /^commit$/,
    after: movedOut,
    before: /^sync \.$/,
  },
  {
    rule: "its old parent is synced after its new one",
    some: /^sync data\/OLD$/,
    after: /^sync \.$/,
    before: answered,
  },
  {
    rule: "the catalog removes the snapshot after both syncs and before the answer",
    some: /^commit$/,
    after: /^sync data\/OLD$/,
    before: answered,
  },
  {
    rule: "the rest of the snapshot leaves data/ only after the catalog removes the snapshot",
    some: /^commit$/,
    after: movedOut,
    before: /^rename data\/OLD to trash\/OLD$/,
  },
];

/** These rules apply when a directory is taken over and becomes a snapshot. */
const takenOver: readonly OrderRule[] = [
  ...published,
  {
    rule: "origin.json is synced before the directory is taken over",
    all: /^sync staging\/NEW\/origin\.json$/,
    before: taken,
  },
  {
    rule: "the name of origin.json is synced before the directory is taken over",
    some: /^sync staging\/NEW$/,
    after: /^sync staging\/NEW\/origin\.json$/,
    before: taken,
  },
  {
    rule: "staging/ is synced before the directory is taken over",
    some: /^sync staging$/,
    after: /^mkdir staging\/NEW$/,
    before: taken,
  },
  {
    rule: "no file of the directory is changed before it is taken over",
    none: /^(chmod|chown|write) given/,
    after: /^start$/,
    before: taken,
  },
  {
    rule: "the directory's old parent is synced before the directory is changed",
    some: /^sync \.$/,
    after: taken,
    before: /^chmod staging\/NEW\/files$/,
  },
  {
    rule: "the directory is durably read-only before its files are changed",
    some: /^sync staging\/NEW\/files$/,
    after: /^chmod staging\/NEW\/files$/,
    before: /^chmod staging\/NEW\/files\//,
  },
  {
    rule: "origin.json is discarded only when the catalog has the snapshot",
    some: /^commit$/,
    after: /^sync data$/,
    before: /^unlink data\/NEW\/origin\.json$/,
  },
  {
    rule: "block tables that are made later are synced before the manifest names them",
    all: /^sync data\/NEW\/blocks\/0000\.blk(\.tmp)?$/,
    before: /^create data\/NEW\/manifest\.json\.tmp$/,
  },
];

export const orderRules: Readonly<Record<string, readonly OrderRule[]>> = {
  create: uploaded,
  import: uploaded,
  "import-from-directory": uploaded,
  "create-delta": uploaded,
  "create-delta-from-directory": uploaded,
  "import-delta": uploaded,
  "create-from-directory": takenOver,
  "create-from-linked": [
    ...takenOver,
    {
      rule: "the place of linked files is durable before the directory is taken over",
      some: /^sync staging\/NEW$/,
      after: /^mkdir staging\/NEW\/linked$/,
      before: taken,
    },
    {
      rule: "a linked file moves to its place before its copy replaces it",
      all: /^rename staging\/NEW\/files\/cow\.raw to staging\/NEW\/linked\/cow\.raw$/,
      before: /^rename staging\/NEW\/copies\/cow\.raw to staging\/NEW\/files\/cow\.raw$/,
    },
    {
      rule: "a linked file waits in its place until the catalog has the snapshot",
      some: /^commit$/,
      after: /^sync data$/,
      before: /^remove-tree data\/NEW\/linked$/,
    },
  ],
  replace: [
    ...uploaded,
    {
      rule: "the old snapshot leaves data/ only when the catalog has the new one",
      some: /^commit$/,
      after: /^sync data$/,
      before: /^rename data\/OLD to trash\/OLD$/,
    },
  ],
  update: [
    {
      rule: "the catalog has the change before the manifest",
      some: /^commit$/,
      after: /^start$/,
      before: /^create data\/OLD\/manifest\.json\.tmp$/,
    },
    {
      rule: "the new manifest is synced before it replaces the old one",
      some: /^sync data\/OLD\/manifest\.json\.tmp$/,
      after: /^write data\/OLD\/manifest\.json\.tmp$/,
      before: /^rename data\/OLD\/manifest\.json\.tmp to data\/OLD\/manifest\.json$/,
    },
    {
      rule: "the manifest's name is synced before the catalog clears the mark",
      some: /^sync data\/OLD$/,
      after: /^rename data\/OLD\/manifest\.json\.tmp to/,
      before: answered,
    },
    {
      rule: "the catalog clears the mark after that sync",
      some: /^commit$/,
      after: /^sync data\/OLD$/,
      before: answered,
    },
  ],
  delete: [
    {
      rule: "the catalog has the tombstone before the directory moves",
      some: /^commit$/,
      after: /^start$/,
      before: /^rename data\/OLD to trash\/OLD$/,
    },
    {
      rule: "trash/ and then data/ are synced before the answer",
      some: /^sync data$/,
      after: /^sync trash$/,
      before: answered,
    },
    {
      rule: "the move is durable before any file is discarded",
      all: /^sync (trash|data)$/,
      before: /^remove-tree trash\/OLD$/,
      count: 2,
    },
    {
      rule: "the record is deleted after the files",
      some: /^commit$/,
      after: /^remove-tree data\/OLD$/,
      before: /^end$/,
    },
  ],
  take: takenOut,
  "take-linked": [
    // Some rules do not apply, because the clone that precedes the call, and the copies that the
    // call makes, also change modes and commit.
    ...takenOut.filter(({ rule }) => !/^(no mode changes|nothing is committed)/.test(rule)),
    {
      rule: "the copy of a linked file is synced before it replaces the file",
      all: /^sync staging\/OLD\/cow\.raw$/,
      before: /^rename staging\/OLD\/cow\.raw to data\/OLD\/files\/cow\.raw$/,
    },
  ],
};

/** Returns the rules that the events violate, each with the explanation. */
export function brokenRules(events: readonly string[], rules: readonly OrderRule[]): string[] {
  return rules.flatMap((rule) => {
    const problem = "all" in rule ? wrongBefore(events, rule) : wrongBetween(events, rule);
    return problem === undefined ? [] : [`${rule.rule}: ${problem}`];
  });
}

function wrongBefore(
  events: readonly string[],
  { all, before, count = 1 }: AllBefore,
): string | undefined {
  const end = events.findIndex((event) => before.test(event));
  if (end < 0) return `there is no ${before.source}`;
  const matches = events.flatMap((event, index) => (all.test(event) ? [index] : []));
  if (matches.length < count) return `${all.source} comes ${matches.length} times`;
  const late = matches.find((index) => index > end);
  return late === undefined ? undefined : `${events[late]} comes after ${events[end]}`;
}

function wrongBetween(events: readonly string[], rule: Between): string | undefined {
  const { some, none, after, before } = rule;
  const end = events.findIndex((event) => before.test(event));
  if (end < 0) return `there is no ${before.source}`;
  const start = events.slice(0, end).findLastIndex((event) => after.test(event));
  if (start < 0) return `there is no ${after.source} before ${events[end]}`;
  const region = events.slice(start + 1, end);
  if (some !== undefined && !region.some((event) => some.test(event))) {
    return `no ${some.source} between ${events[start]} and ${events[end]}`;
  }
  const wrong = none && region.find((event) => none.test(event));
  return wrong === undefined ? undefined : `${wrong} comes before ${events[end]}`;
}
