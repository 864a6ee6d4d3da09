// Implements repair, which does what check proposes. Repair never deletes data: anything that
// nobody can explain goes to quarantine. Actions that depend on the state of a snapshot check that
// state again first. If one action fails, repair reports the failure and continues with the other
// findings.
import { basename, dirname, join } from "node:path";
import { isStoreError, StoreError } from "../../base/errors.js";
import { ensureBallast } from "../../files/ballast.js";
import { exists, fsyncFile } from "../../files/durable.js";
import { readManifest } from "../../files/manifest.js";
import { quarantine } from "../../files/removal.js";
import { rebuildTable } from "../../files/stored-hash.js";
import { sealFile, whileWritable } from "../../files/stored-modes.js";
import type {
  Finding,
  FindingAction,
  Repaired,
  RepairOptions,
  RepairOutcome,
} from "../../model/finding.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { adoptAll, readWholeManifest, takeNewer } from "./adopt.js";
import { checkStore } from "./check.js";
import type { Healer } from "./healer.js";
import { writeManifestAgain } from "../write/update.js";

/**
 * Checks the store and then acts on the findings. Throws GC_LOCK_BUSY at once if another repair, a
 * collection or a GC session is running.
 */
export async function* repairStore(
  healer: Healer,
  { dryRun, deep, limitBytesPerSecond }: RepairOptions,
  signal: AbortSignal,
): AsyncGenerator<Repaired> {
  using _ = healer.collecting.lock();
  const scene = { ...healer, live: healer };
  const findings: Finding[] = [];
  for await (const event of checkStore(scene, { deep, limitBytesPerSecond }, signal)) {
    if (event.kind === "finding") findings.push(event.finding);
  }
  for (const finding of findings) {
    signal.throwIfAborted();
    if (!isForUs(finding)) yield { finding, outcome: "left", message: "" };
    else if (dryRun) yield { finding, outcome: "planned", message: "" };
    else yield { finding, ...(await carryOut(healer, finding, signal)) };
  }
}

/** Returns whether a repair would do anything about the finding. */
export function isForUs({ action }: Finding): boolean {
  return action !== "none" && action !== "at_next_start";
}

interface Done {
  readonly outcome: RepairOutcome;
  readonly message: string;
}

async function carryOut(healer: Healer, finding: Finding, signal: AbortSignal): Promise<Done> {
  const { id, kind, path, action } = finding;
  try {
    // Under an exclusive lease, the snapshot's files are moving out of the store.
    healer.leases.refuseIfExclusive(id);
    const message = await actions[action](healer, finding, signal);
    healer.logger.warn({ id, kind, path, action, message }, "repaired");
    return { outcome: "done", message };
  } catch (error) {
    if (signal.aborted) throw error;
    healer.logger.error({ err: error, id, kind, path, action }, "a repair failed");
    return { outcome: "failed", message: isStoreError(error) ? error.message : "unexpected error" };
  }
}

/**
 * Carries out one action, and returns in words what it did. The text is empty if the name of the
 * action says it.
 */
type Act = (healer: Healer, finding: Finding, signal: AbortSignal) => Promise<string>;

const nothing: Act = () => Promise.resolve("");

const actions: Readonly<Record<FindingAction, Act>> = {
  none: nothing,
  at_next_start: nothing,
  adopt: async (healer, { id }) => {
    if (healer.catalog.get(id) !== undefined) throw changed(id);
    adoptAll(healer, [await readWholeManifest(healer, id)], { older: false });
    return "";
  },
  quarantine: async ({ layout }, { path, found }) =>
    `moved to ${await whileWritable(dirname(path), () => quarantine(layout, path, found))}`,
  mark_lost: async ({ catalog, layout }, { id }) => {
    if (await exists(layout.dataDirectory(id))) throw changed(id);
    requireReady(catalog.get(id), id);
    catalog.markLost(id);
    return "";
  },
  mark_corrupt: ({ catalog }, { id }) => {
    requireReady(catalog.get(id), id);
    catalog.setCorrupt(id, true);
    return Promise.resolve("");
  },
  rewrite_manifest: async (healer, { id }) => {
    await writeManifestAgain(healer, id);
    return "";
  },
  take_manifest: async (healer, { id }) => {
    await healer.manifests.run(id, async () => {
      takeNewer(healer, [await readManifest(healer.layout, id)]);
    });
    return "";
  },
  rebuild_block_table: async ({ catalog, layout, leases }, { id, path }, signal) => {
    const { files } = requireReady(catalog.get(id), id);
    using lease = leases.share(id, "background", "Repair");
    const both = AbortSignal.any([signal, lease.signal]);
    if (await rebuildTable(layout, id, files, fileOf(files, path), both)) return "";
    catalog.setCorrupt(id, true);
    throw new StoreError(
      "STORED_DATA_CORRUPT",
      `the data of ${path} have not the digest that was stored: snapshot ${id} is marked corrupt`,
      { metadata: { snapshot_id: id } },
    );
  },
  set_mode: async ({ catalog, layout }, { id, path }) => {
    const file = fileOf(requireReady(catalog.get(id), id).files, path);
    const target = join(layout.filesDirectory(id), file.name);
    await sealFile(layout, target);
    await fsyncFile(target);
    return "";
  },
  rewrite_rows: ({ catalog }, { id }) => {
    if (id === "") catalog.rewriteTotals();
    else catalog.rewriteRows(id);
    return Promise.resolve("");
  },
  make_ballast: async ({ layout }) => {
    if (await ensureBallast(layout)) return "";
    throw new StoreError("STORAGE_FULL", `there is no room for ${layout.ballast}`);
  },
};

function fileOf(files: readonly SnapshotFile[], path: string): SnapshotFile {
  const file = files.find(({ name }) => name === basename(path));
  if (file === undefined) throw changed(path);
  return file;
}

function requireReady(snapshot: Snapshot | undefined, id: string): Snapshot {
  if (snapshot?.state !== "ready") throw changed(id);
  return snapshot;
}

function changed(what: string): StoreError {
  return new StoreError("OPERATION_IN_PROGRESS", `${what} has changed since it was checked`, {
    hint: "Check again",
  });
}
