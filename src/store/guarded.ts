// Wraps the store so that its operations check the root. If the root is missing, was replaced or
// belongs to another daemon now, they fail with ROOT_UNAVAILABLE, not with an error about a missing
// file. Comments below name the exceptions.
import { StoreError, isStoreError, restated } from "../base/errors.js";
import type { RootGuard } from "../files/root-guard.js";
import type { TransferArea } from "../files/transfer-area.js";
import { errnoCode } from "../holes/errno.js";
import type { Condition } from "./parts/condition.js";
import type { GcResult } from "./remove/collect.js";
import type { GcCycle } from "./remove/gc-session.js";
import type { ConfinedStore, SnapshotStore } from "./snapshot-store.js";

/** Checks `root` before an operation begins, and `condition` after it has failed. */
interface Guards {
  readonly root: Pick<RootGuard, "check" | "problem">;
  readonly condition: Pick<Condition, "noticed" | "explain">;
}

export function guardStore(store: SnapshotStore, guards: Guards): SnapshotStore {
  const { call, stream } = guardsOf(guards);
  return {
    ...store,
    ...guardShared(store, guards),
    createFromDirectory: (...args) => call(() => store.createFromDirectory(...args)),
    createDeltaFromDirectory: (...args) => call(() => store.createDeltaFromDirectory(...args)),
    importFromDirectory: (...args) => call(() => store.importFromDirectory(...args)),
    exportToDirectory: (...args) => call(() => store.exportToDirectory(...args)),
    cloneToDirectory: (...args) => call(() => store.cloneToDirectory(...args)),
    takeToDirectory: (...args) => call(() => store.takeToDirectory(...args)),
    openBlocks: (...args) => call(() => store.openBlocks(...args)),
    healFromPeer: (...args) => call(() => store.healFromPeer(...args)),
    receive: (...args) => call(() => store.receive(...args)),
    withDigest: (digest) => {
      guards.root.check();
      return store.withDigest(digest);
    },
    usage: () => usageIfKnown(store, guards),
    copies: {
      at: (repository) => {
        guards.root.check();
        return store.copies.at(repository);
      },
      set: (copy) => call(() => store.copies.set(copy)),
      drop: (copy) => call(() => store.copies.drop(copy)),
    },
    transfers: guardTransfers(store.transfers, guards),
    gcSessions: guardSessions(store.gcSessions, guards),
    scrub: { ...store.scrub, run: (...args) => call(() => store.scrub.run(...args)) },
    check: (...args) => stream(() => store.check(...args)),
    repair: (...args) => stream(() => store.repair(...args)),
    confined: (namePrefix) => {
      const own = store.confined(namePrefix);
      return { ...own, ...guardShared(own, guards) };
    },
  };
}

function guardShared(store: ConfinedStore, guards: Guards): Omit<ConfinedStore, "layout"> {
  const { call, stream } = guardsOf(guards);
  const { root, condition } = guards;
  const required = (): ConfinedStore => {
    const problem = root.problem();
    if (problem !== undefined) throw problem;
    return store;
  };
  const ask = <T>(work: (store: ConfinedStore) => T): T => {
    try {
      return work(required());
    } catch (error) {
      condition.noticed(error);
      throw error;
    }
  };
  return {
    create: (...args) => call(() => store.create(...args)),
    createDelta: (...args) => call(() => store.createDelta(...args)),
    import: (...args) => call(() => store.import(...args)),
    list: (query) => ask(({ list }) => list(query)),
    outline: (walk) => ask(({ outline }) => outline(walk)),
    listed: (id) => ask(({ listed }) => listed(id)),
    position: () => ask(({ position }) => position()),
    dataMap: (...args) => call(() => store.dataMap(...args)),
    activity: () => ask(({ activity }) => activity()),
    lost: () => ask(({ lost }) => lost()),
    inspect: (ref) => ask(({ inspect }) => inspect(ref)),
    // Without the root, `blockHashes` finds nothing and reports no error, so it needs no guard.
    blockHashes: store.blockHashes,
    update: (request) => call(() => store.update(request)),
    delete: (request) => call(() => store.delete(request)),
    download: (...args) => call(() => store.download(...args)),
    readFile: (...args) => call(() => store.readFile(...args)),
    openDataDirectory: (...args) => call(() => store.openDataDirectory(...args)),
    verify: (...args) => stream(() => store.verify(...args)),
    watch: (...args) => required().watch(...args),
    collectGarbage: (...args) =>
      call(async () => explainFailures(await store.collectGarbage(...args), condition)),
  };
}

/**
 * Returns the results. If the collection could remove nothing because of a problem of the store,
 * throws that problem.
 */
async function explainFailures(
  results: GcResult[],
  condition: Guards["condition"],
): Promise<GcResult[]> {
  const failed = results.find(({ outcome }) => outcome === "failed");
  if (failed === undefined || results.some(({ outcome }) => outcome === "removed")) return results;
  const cause = await condition.explain(new StoreError("IO_FAILED", failed.message));
  if (isStoreError(cause) && cause.reason !== "IO_FAILED") throw cause;
  return results;
}

/**
 * Returns the usage, or undefined if it is unknown, because GetInfo must answer in every state of
 * the store.
 */
function usageIfKnown(
  store: Pick<SnapshotStore, "usage">,
  { root, condition }: Guards,
): ReturnType<SnapshotStore["usage"]> {
  try {
    root.check();
    return store.usage();
  } catch (error) {
    if (!isStoreError(error) && errnoCode(error) === undefined) throw error;
    condition.noticed(error);
    return undefined;
  }
}

/**
 * If another directory is now at the root's path, the area reads, makes and discards nothing there.
 */
function guardTransfers(transfers: TransferArea, guards: Guards): TransferArea {
  const { call } = guardsOf(guards);
  return {
    list: () => call(() => transfers.list()),
    open: (...args) => call(() => transfers.open(...args)),
    noteEnd: (...args) => call(() => transfers.noteEnd(...args)),
    space: (digest) => call(() => transfers.space(digest)),
    drop: (digest) => call(() => transfers.drop(digest)),
    journals: () => call(() => transfers.journals()),
    journal: (name) => {
      const journal = transfers.journal(name);
      return {
        notes: () => call(() => journal.notes()),
        restart: (note) => call(() => journal.restart(note)),
        add: (note) => call(() => journal.add(note)),
        discard: () => call(() => journal.discard()),
      };
    },
  };
}

/** `renew` and `end` need no root: a session must not stay open because the root has gone. */
function guardSessions(sessions: GcCycle, guards: Guards): GcCycle {
  const { call } = guardsOf(guards);
  return {
    begin: (request) => {
      guards.root.check();
      return sessions.begin(request);
    },
    listReferences: (...args) => call(() => sessions.listReferences(...args)),
    listCandidates: (...args) => call(() => sessions.listCandidates(...args)),
    collect: (request) => call(() => sessions.collect(request)),
    renew: (ref) => sessions.renew(ref),
    end: (ref) => {
      sessions.end(ref);
    },
  };
}

function guardsOf({ root, condition }: Guards) {
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    root.check();
    try {
      return await work();
    } catch (error) {
      throw await condition.explain(explained(root, error));
    }
  };
  const stream = async function* <T>(work: () => AsyncIterable<T>): AsyncGenerator<T> {
    root.check();
    try {
      yield* work();
    } catch (error) {
      throw await condition.explain(explained(root, error));
    }
  };
  return { call, stream };
}

/**
 * Returns the problem of the root if the root disappeared during the operation, otherwise `error`.
 */
function explained(root: Guards["root"], error: unknown): unknown {
  try {
    root.check();
    return error;
  } catch (problem) {
    if (!(problem instanceof StoreError)) throw problem;
    return restated(problem, { cause: error });
  }
}
