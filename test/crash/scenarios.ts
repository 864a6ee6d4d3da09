// Defines the calls of the daemon into which faults are injected. Each scenario prepares the store
// and then makes one call, whose obligations are in the ledger.
import { join } from "node:path";
import type { Bench } from "./bench.js";
import { keptName } from "./bench.js";
import type { Content } from "./ledger.js";
import {
  collectAll,
  create,
  createDelta,
  createFromDirectory,
  exportToDirectory,
  importArchive,
  importFromDirectory,
  linkElsewhere,
  linkInClone,
  mustSucceed,
  onlyPossibility,
  remove,
  restore,
  take,
  update,
  verifyAll,
  type CallResult,
  type Stage,
} from "./stage.js";

export interface Scenario {
  readonly name: string;
  /**
   * True if the call stores or deletes a snapshot. A call that only reads can be repeated without
   * preparing the store again.
   */
  readonly changes: boolean;
  /**
   * True if the call is a Delete or a collection. It answers only when the directory is durably in
   * the trash.
   */
  readonly deletes?: boolean;
  /**
   * Matches, as "name path", the first call of the work for which the answer does not wait.
   * Recovery repeats that work.
   */
  readonly follows?: RegExp;
  /** The index of the content whose directory the call hands over to the store. */
  readonly gives?: number;
  /**
   * True if the daemon has committed nothing since its start. SQLite does more work at the first
   * commit.
   */
  readonly cold?: boolean;
  prepare(bench: Bench): Promise<void>;
  act(bench: Bench): Promise<CallResult>;
  /**
   * Returns true if the work after the answer is done. By default it is done when the daemon
   * deletes no files any more.
   */
  isDone?(bench: Bench): Promise<boolean>;
}

const name = "web";
const nothing = (): Promise<void> => Promise.resolve();

/**
 * Prepares the store for the scenario. Unless the scenario is cold, this includes a first commit.
 */
export async function prepareFor(bench: Bench, scenario: Scenario): Promise<void> {
  const { content: kept } = onlyPossibility(bench.stage.ledger, keptName);
  if (scenario.cold !== true && kept !== undefined) {
    mustSucceed(await update(bench.stage, keptName, kept.description));
  }
  await scenario.prepare(bench);
}

export const scenarios: readonly Scenario[] = [
  {
    name: "create",
    changes: true,
    prepare: ({ stage }) => ensureFree(stage),
    act: (bench) => create(bench.stage, name, content(bench, 1)),
  },
  {
    name: "create-large",
    changes: true,
    prepare: ({ stage }) => ensureFree(stage),
    act: (bench) => create(bench.stage, name, content(bench, 3)),
  },
  {
    name: "import",
    changes: true,
    prepare: ({ stage }) => ensureFree(stage),
    act: (bench) => {
      const imported = { ...content(bench, 0), description: "imported" };
      return importArchive(bench.stage, name, imported, bench.exported.archive);
    },
  },
  {
    name: "create-from-directory",
    changes: true,
    gives: 2,
    prepare: async (bench) => {
      await ensureFree(bench.stage);
      await bench.give(2);
    },
    act: async (bench) =>
      createFromDirectory(bench.stage, name, content(bench, 2), await bench.give(2)),
    isDone: isHashed,
  },
  {
    name: "create-from-linked",
    changes: true,
    gives: 2,
    prepare: async (bench) => {
      await ensureFree(bench.stage);
      await linkElsewhere(bench.stage, await bench.give(2), "memory-ranges");
    },
    act: async (bench) =>
      createFromDirectory(bench.stage, name, content(bench, 2), await bench.give(2)),
    isDone: isHashed,
  },
  {
    name: "import-from-directory",
    changes: true,
    prepare: ({ stage }) => ensureFree(stage),
    act: (bench) => {
      const imported = { ...content(bench, 0), description: "imported" };
      return importFromDirectory(bench.stage, name, imported, bench.exported.directory);
    },
  },
  {
    name: "create-delta",
    changes: true,
    prepare: ({ stage }) => ensureFree(stage),
    act: ({ stage, delta }) => createDelta(stage, name, delta, overKept(false)),
  },
  {
    name: "create-delta-from-directory",
    changes: true,
    prepare: ({ stage }) => ensureFree(stage),
    act: ({ stage, delta }) => createDelta(stage, name, delta, overKept(true)),
  },
  {
    name: "replace",
    changes: true,
    // This call begins the move of the replaced snapshot to the trash.
    follows: /^renameat2 data\/ID$/,
    prepare: (bench) => ensureStored(bench.stage, content(bench, 1)),
    act: (bench) => create(bench.stage, name, content(bench, 2), { replace: true }),
  },
  {
    name: "delete",
    changes: true,
    deletes: true,
    prepare: (bench) => ensureStored(bench.stage, content(bench, 1)),
    act: ({ stage }) => remove(stage, name),
  },
  {
    name: "take",
    changes: true,
    // This call begins the move of the snapshot's remaining files to the trash.
    follows: /^renameat2 data\/ID$/,
    prepare: (bench) => ensureStored(bench.stage, content(bench, 1)),
    act: ({ stage }) => take(stage, name),
  },
  {
    name: "take-linked",
    changes: true,
    follows: /^renameat2 data\/ID$/,
    prepare: async (bench) => {
      await ensureStored(bench.stage, content(bench, 1));
      await linkInClone(bench.stage, name);
    },
    act: ({ stage }) => take(stage, name),
  },
  {
    name: "collect",
    changes: true,
    deletes: true,
    prepare: async (bench) => {
      await ensureStored(bench.stage, content(bench, 1));
      const request = { ref: keptName, protected: true, updateMask: { paths: ["protected"] } };
      await bench.stage.client.update(request);
    },
    act: ({ stage }) => collectAll(stage, name),
  },
  {
    name: "update",
    changes: true,
    // This work writes the manifest, and commits that the manifest is up to date.
    follows: /^openat data\/ID\/manifest/,
    cold: true,
    prepare: (bench) => ensureStored(bench.stage, content(bench, 1)),
    act: ({ stage }) => update(stage, name, "updated"),
  },
  {
    name: "restore",
    changes: false,
    prepare: nothing,
    act: ({ stage }) => restore(stage, keptName),
  },
  {
    name: "export-to-directory",
    changes: false,
    prepare: nothing,
    act: ({ stage }) => exportToDirectory(stage, keptName),
  },
  {
    name: "verify",
    changes: false,
    prepare: nothing,
    act: ({ stage }) => verifyAll(stage),
  },
  {
    name: "stop",
    changes: false,
    prepare: async (bench) => {
      await ensureStored(bench.stage, content(bench, 1));
      mustSucceed(await update(bench.stage, name, "before the stop"));
    },
    act: (bench) => stop(bench),
  },
];

function overKept(direct: boolean): { readonly parent: string; readonly direct: boolean } {
  return { parent: keptName, direct };
}

async function isHashed({ stage }: Bench): Promise<boolean> {
  const { snapshot } = await stage.client.inspect(name);
  return snapshot?.files.every(({ digest }) => digest.length > 0) ?? false;
}

function content(bench: Bench, index: number): Content {
  return bench.contents[index] as Content;
}

async function ensureFree(stage: Stage): Promise<void> {
  if (onlyPossibility(stage.ledger, name).content !== undefined) {
    mustSucceed(await remove(stage, name));
  }
}

async function ensureStored(stage: Stage, wanted: Content): Promise<void> {
  const now = onlyPossibility(stage.ledger, name).content;
  if (now?.directory === wanted.directory && now.description === wanted.description) return;
  mustSucceed(await create(stage, name, wanted, { replace: true }));
}

/** Stops the daemon. A clean stop ends with status 0, whatever was running. */
async function stop({ served, place, stage }: Bench): Promise<CallResult> {
  served.signal("SIGTERM");
  const { code, signal } = await served.exited;
  const answeredAt = Date.now() / 1000;
  if (signal === null && code !== 0 && served.output().includes("    at ")) {
    stage.problems.push(`stopping ${join(place.root)} failed without a word: ${served.output()}`);
  }
  const outcome = { kind: "acknowledged", id: undefined } as const;
  return { outcome, answeredAt };
}
