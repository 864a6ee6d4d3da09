// Lists the content of the store for the plan of a collection. It reads in short steps, between
// which other work runs. At the end it corrects the list, so that the list describes a single
// moment.
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { exists } from "../../files/durable.js";
import { nameSet, spaceBelow } from "../../files/leftovers.js";
import { inodeBytes } from "../../model/charge.js";
import { newerManifest } from "../../files/manifest.js";
import type { GcInput, GcLeftover, GcSnapshot } from "../../model/gc-plan.js";
import { reflinkProbePrefix } from "../../holes/sparse-copy.js";
import type { Leases, Reader, Intakes } from "../parts/ports.js";

type Surveyed = Reader & Leases & Intakes;

export type GcSurvey = Pick<GcInput, "snapshots" | "inUse" | "leftovers">;

/**
 * The number of rows to read between two turns of the event loop. Reading them takes a few
 * milliseconds.
 */
const rowsPerTurn = 500;

/**
 * Lists the store for a policy that groups by `label`. When the promise resolves, the survey is
 * current.
 */
export async function surveyStore(
  reader: Surveyed,
  label = "",
  signal: AbortSignal,
): Promise<GcSurvey> {
  const { catalog, layout } = reader;
  // The survey lists the directories before it reads the rows. The steps below look again at
  // everything that is published or removed meanwhile.
  const stored = await nameSet(layout.dataRoot, signal);
  const staged = await nameSet(layout.stagingRoot, signal);
  using changes = followChanges(catalog);
  const snapshots: GcSnapshot[] = [];
  const withoutDirectory: string[] = [...catalog.idsInState("lost")];
  for (let after: GcSnapshot | undefined; ;) {
    const page = catalog.gcPage(label, after, rowsPerTurn);
    for (const one of page) {
      snapshots.push(one);
      if (!stored.delete(one.id)) withoutDirectory.push(one.id);
    }
    after = page.at(-1);
    if (after === undefined) break;
    await nextTurn();
    signal.throwIfAborted();
  }
  const missing = await findMissing(reader, withoutDirectory, signal);
  const orphans = await findOrphans(reader, { stored, staged }, signal);
  const stale = await findStale(reader);
  // No await may follow below this line.
  const leftovers = [...missing, ...orphans, ...stale];
  const gone = new Set(missing.map(({ id }) => id));
  return {
    snapshots: putRight(snapshots, changes.ids(), gone, (id) => catalog.gcSnapshot(label, id)),
    inUse: reader.leases.idsInUse(),
    leftovers,
  };
}

/** Lists the store with parts from `confinedParts`, so the survey contains no leftovers. */
export async function surveyOwn(
  { catalog, leases }: Surveyed,
  label = "",
  signal: AbortSignal,
): Promise<GcSurvey> {
  using changes = followChanges(catalog);
  const read = (id: string): GcSnapshot | undefined => catalog.gcSnapshot(label, id);
  const ids = catalog.idsInState("ready");
  const snapshots: GcSnapshot[] = [];
  for (let from = 0; from < ids.length; from += rowsPerTurn) {
    snapshots.push(...ids.slice(from, from + rowsPerTurn).flatMap((id) => read(id) ?? []));
    await nextTurn();
    signal.throwIfAborted();
  }
  const found = putRight(snapshots, changes.ids(), new Set(), read);
  return { snapshots: found, inUse: leases.idsInUse(), leftovers: [] };
}

interface Changes extends Disposable {
  /** Returns the ids of all snapshots with an event since `followChanges` was called. */
  ids(): ReadonlySet<string>;
}

/**
 * Follows the changes in the log of events. A snapshot in the list never changes without an event,
 * except for the time of its last access.
 */
function followChanges(catalog: Reader["catalog"]): Changes {
  const ids = new Set<string>();
  let { sequence } = catalog.eventPosition();
  let missedSome = false;
  const stop = catalog.onEvents(() => {
    for (;;) {
      const { events, missed } = catalog.eventsAfter(sequence, 1000);
      missedSome ||= missed;
      const last = events.at(-1);
      if (last === undefined) return;
      for (const { snapshot } of events) ids.add(snapshot.config.id);
      ({ sequence } = last);
    }
  });
  return {
    ids: () => {
      // Events are read after each commit. Only a transaction with more events than the log keeps
      // could lose an event.
      if (missedSome) throw new Error("events went before they could be read");
      return ids;
    },
    [Symbol.dispose]: stop,
  };
}

function putRight(
  found: readonly GcSnapshot[],
  changed: ReadonlySet<string>,
  gone: ReadonlySet<string>,
  read: (id: string) => GcSnapshot | undefined,
): readonly GcSnapshot[] {
  if (changed.size === 0 && gone.size === 0) return found;
  const unchanged = found.filter(({ id }) => !changed.has(id) && !gone.has(id));
  const fresh = [...changed].flatMap((id) => (gone.has(id) ? [] : (read(id) ?? [])));
  return [...fresh, ...unchanged];
}

async function findMissing(
  reader: Surveyed,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<GcLeftover[]> {
  const found: GcLeftover[] = [];
  for (const id of ids) {
    signal.throwIfAborted();
    if (await exists(reader.layout.dataDirectory(id))) continue;
    if (!isMissing(reader, id)) continue;
    const leftover = await describe(reader, "missing_directory", id);
    found.push({ ...leftover, protected: reader.catalog.get(id)?.protected === true });
  }
  return found;
}

async function findOrphans(
  reader: Surveyed,
  names: { readonly stored: ReadonlySet<string>; readonly staged: ReadonlySet<string> },
  signal: AbortSignal,
): Promise<GcLeftover[]> {
  const { dataRoot, stagingRoot } = reader.layout;
  const found: GcLeftover[] = [];
  const look = async (root: string, name: string): Promise<void> => {
    signal.throwIfAborted();
    const path = join(root, name);
    // A snapshot that was removed meanwhile has neither a record nor a directory.
    if (!isOrphan(reader, name) || !(await exists(path))) return;
    // If a newer stasis wrote the manifest, recovery left the directory there, because only that
    // version can handle it.
    if (root === dataRoot && (await newerManifest(path)) !== undefined) return;
    if (isOrphan(reader, name)) found.push(await describe(reader, "orphan", name, path));
  };
  for (const name of names.stored) await look(dataRoot, name);
  for (const name of names.staged) {
    if (!name.startsWith(reflinkProbePrefix)) await look(stagingRoot, name);
  }
  return found;
}

async function findStale(reader: Surveyed): Promise<GcLeftover[]> {
  const found: GcLeftover[] = [];
  for (const { id } of reader.catalog.pendingUploads()) {
    if (reader.intakes.has(id)) continue;
    const path = join(reader.layout.stagingRoot, id);
    found.push(await describe(reader, "stale_pending", id, path));
  }
  return found;
}

async function describe(
  { catalog, layout }: Surveyed,
  reason: GcLeftover["reason"],
  id: string,
  path = layout.dataDirectory(id),
): Promise<GcLeftover> {
  const { allocatedBytes, inodes } = await spaceBelow(path);
  const chargedBytes = allocatedBytes + inodes * inodeBytes;
  return { reason, id, name: catalog.get(id)?.config.name ?? "", chargedBytes };
}

/** Returns whether the directory has no record, and no upload is making it. */
export function isOrphan(reader: Surveyed, name: string): boolean {
  return !reader.intakes.has(name) && reader.catalog.get(name) === undefined;
}

/**
 * Returns whether the record should have a directory. The caller must establish that the directory
 * is missing.
 */
export function isMissing(reader: Surveyed, id: string): boolean {
  const state = reader.catalog.get(id)?.state;
  return state === "ready" || state === "lost";
}
