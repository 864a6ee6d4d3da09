// Implements check, which compares the catalog, the disk and the manifests, and changes nothing. In
// a store that a daemon serves, check reads a record again before it reports a finding about it,
// and reports nothing if the record has changed. Concurrent calls are therefore no findings.
import { join } from "node:path";
import { isStoreError } from "../../base/errors.js";
import type { AuditedRow } from "../../catalog/open.js";
import { isBallastComplete } from "../../files/ballast.js";
import { exists } from "../../files/durable.js";
import { examineDirectory } from "../../files/examine.js";
import { filesDirectoryName, type Layout } from "../../files/layout.js";
import { readManifest } from "../../files/manifest.js";
import { listEntries } from "../../files/removal.js";
import { openStored } from "../../files/stored.js";
import {
  finding,
  type CheckEvent,
  type CheckOptions,
  type Finding,
  type FindingSubject,
} from "../../model/finding.js";
import { idPattern } from "../../model/name.js";
import { checkAreas } from "./check-areas.js";
import type { CheckScene } from "./check-scene.js";
import { compareWithDisk, describedFiles, findingsOfRow } from "./compare.js";
import { beginRun, verifyFiles, type Verdict } from "./verify.js";

/**
 * Yields the findings, and the summary last. A failed listing ends the check with an error and
 * never means "empty".
 */
export async function* checkStore(
  scene: CheckScene,
  options: CheckOptions,
  signal: AbortSignal,
): AsyncGenerator<CheckEvent> {
  let problems = 0;
  let snapshots = 0;
  for await (const event of walk(scene, options, signal)) {
    if (event.kind === "finding" && event.finding.severity === "problem") problems += 1;
    if (event.kind === "progress") snapshots = event.totalSnapshots;
    yield event;
  }
  yield { kind: "summary", snapshots, problems };
}

async function* walk(
  scene: CheckScene,
  options: CheckOptions,
  signal: AbortSignal,
): AsyncGenerator<CheckEvent> {
  const tell = function* (findings: readonly Finding[]): Generator<CheckEvent> {
    for (const found of findings) yield { kind: "finding", finding: found };
  };
  const { catalog, layout } = scene;
  const stored = await listEntries(layout.dataRoot);
  const file = catalog?.auditFile();
  const usable = file === undefined || file.file.length > 0 ? undefined : catalog;
  const damage = file === undefined ? scene.catalogProblem : file.file.join("; ");
  yield* tell(catalogFindings(layout, damage, file?.totals, stored));
  // A catalog that cannot be trusted counts as missing, because the next start makes it again from
  // the manifests.
  const trusted: CheckScene = { ...scene, catalog: usable };
  for (const name of stored) {
    signal.throwIfAborted();
    yield* tell(await checkDirectory(trusted, name, signal));
  }
  const trash = new Set(await listEntries(layout.trashRoot));
  const ids = usable?.allIds() ?? [];
  for (const [index, id] of ids.entries()) {
    signal.throwIfAborted();
    yield* tell(await checkRow(trusted, { id, trash, options }, signal));
    yield { kind: "progress", doneSnapshots: index + 1, totalSnapshots: ids.length };
  }
  yield* tell(await checkAreas(trusted, trash, signal));
  if (!(await isBallastComplete(layout))) {
    const text =
      "some of the files are missing that make starts and deletions possible on a full disk";
    yield* tell([finding("ballast_missing", { path: layout.ballast }, text, "make_ballast")]);
  }
}

function catalogFindings(
  { catalogDatabase: path }: Layout,
  damage: string | undefined,
  totals: readonly string[] | undefined,
  stored: readonly string[],
): Finding[] {
  if (damage !== undefined && damage !== "") {
    return [finding("catalog_damaged", { path }, damage, "at_next_start")];
  }
  if (totals !== undefined) {
    return totals.map((text) => finding("catalog_rows", { path }, text, "rewrite_rows"));
  }
  if (stored.length === 0) return [];
  return [finding("catalog_missing", { path }, "there is no catalog", "at_next_start")];
}

/** Checks an entry of `data/` without a record. */
async function checkDirectory(
  scene: CheckScene,
  name: string,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { layout, catalog, live } = scene;
  const path = join(layout.dataRoot, name);
  if (!idPattern.test(name)) {
    return [finding("entry_unknown", { path }, "no snapshot has such an id", "quarantine")];
  }
  const isKnown = (): boolean =>
    catalog?.auditRow(name) !== undefined || live?.intakes.has(name) === true;
  if (isKnown()) return [];
  const found = await describeUnknown(layout, name, signal);
  // The deletion of this snapshot may have ended since the directory was listed.
  if (live !== undefined && (isKnown() || !(await exists(path)))) return [];
  return [found];
}

async function describeUnknown(layout: Layout, id: string, signal: AbortSignal): Promise<Finding> {
  const subject: FindingSubject = { id, path: layout.dataDirectory(id) };
  try {
    const { config, files } = await readManifest(layout, id);
    await using _whole = await openStored(layout, id, files, signal);
    const named = { ...subject, name: config.name };
    return finding("directory_unknown", named, "no record knows this snapshot", "adopt");
  } catch (error) {
    if (isStoreError(error, "FORMAT_UNSUPPORTED")) {
      const text = `no record knows this directory: ${error.message}`;
      return finding("format_unsupported", subject, text, "none");
    }
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    const text = `no record knows this directory, and ${error.message}`;
    return finding("directory_unknown", subject, text, "quarantine");
  }
}

interface RowCheck {
  readonly id: string;
  /** The names of the entries of the trash. */
  readonly trash: ReadonlySet<string>;
  readonly options: CheckOptions;
}

/**
 * The maximum number of looks at one snapshot. If it changes during each look, this check skips it.
 */
const maxLooks = 5;

async function checkRow(
  scene: CheckScene,
  check: RowCheck,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { catalog, live } = scene;
  for (let look = 1; look <= maxLooks; look += 1) {
    const row = catalog?.auditRow(check.id);
    if (row === undefined) return [];
    if (live === undefined) return await lookAtRow(scene, row, check, signal);
    // If the lease is exclusive, the snapshot's files are moving out of the store.
    if (live.leases.isExclusive(row.id)) return [];
    using lease = live.leases.share(row.id, "background", "Check");
    const both = AbortSignal.any([signal, lease.signal]);
    try {
      // The look runs in the queue of this manifest, because an update may be about to write the
      // manifest.
      const found = await live.manifests.run(row.id, () => lookAtRow(scene, row, check, both));
      const after = catalog?.auditRow(check.id);
      if (after !== undefined && isSame(row, after)) return found;
    } catch (error) {
      signal.throwIfAborted();
      // The signal has fired if the snapshot is being deleted or moved out of the store.
      if (!lease.signal.aborted) throw error;
    }
  }
  return [];
}

function isSame(row: AuditedRow, after: AuditedRow): boolean {
  return row.state === after.state && row.revision === after.revision && row.dirty === after.dirty;
}

async function lookAtRow(
  scene: CheckScene,
  row: AuditedRow,
  check: RowCheck,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { layout, live } = scene;
  const path = layout.dataDirectory(row.id);
  const subject = { id: row.id, name: row.name, path };
  const note = (text: string): Finding => finding("interrupted", subject, text, "at_next_start");
  if (row.state === "pending") {
    const isRunning = live?.intakes.has(row.id) === true;
    return isRunning ? [] : [note("an upload that was never acknowledged")];
  }
  if (row.state === "deleting" || row.state === "replaced") {
    return live === undefined ? [note("its deletion is not finished")] : [];
  }
  const isThere = await exists(path);
  if (row.state === "lost") {
    if (isThere) return [finding("marked_lost", subject, "its directory is back", "at_next_start")];
    return [finding("marked_lost", subject, "its directory was missing at a start", "none")];
  }
  if (!isThere) {
    if (check.trash.has(row.id)) return [note("deleted; this copy of the catalog is older")];
    return [finding("directory_missing", subject, "its directory is missing", "mark_lost")];
  }
  if (live === undefined && scene.catalog?.unfinishedTakes().some(({ id }) => id === row.id)) {
    return [note("a move of its files to a directory was interrupted")];
  }
  const disk = await examineDirectory(path, (found) => describedFiles(row, found), signal);
  const found = [...findingsOfRow(row, path), ...compareWithDisk(row, disk, live !== undefined)];
  return check.options.deep
    ? [...found, ...(await readData(scene, row, check, found, signal))]
    : found;
}

/**
 * Reads all data and compares it with the digests. Reports no damage in files for which `before`
 * already has a finding.
 */
async function readData(
  scene: CheckScene,
  { snapshot }: AuditedRow,
  { options }: RowCheck,
  before: readonly Finding[],
  signal: AbortSignal,
): Promise<Finding[]> {
  if (snapshot === undefined) return [];
  const { id, name } = snapshot.config;
  const parent = join(scene.layout.dataDirectory(id), filesDirectoryName);
  const known = new Set(before.map(({ path }) => path));
  const found: Finding[] = [];
  const { limitBytesPerSecond } = options;
  const run = beginRun(scene, { limitBytesPerSecond, totalBytes: 0 }, signal);
  try {
    for await (const event of verifyFiles(scene, snapshot, run)) {
      if (event.kind !== "verdict" || event.intact) continue;
      const path = join(parent, event.file);
      if (known.has(path) || known.has(parent)) continue;
      const action = snapshot.corrupt ? "none" : "mark_corrupt";
      found.push(finding("data_damaged", { id, name, path }, describeDamage(event), action));
    }
  } catch (error) {
    // The finding about the block table of a newer version already reports this.
    if (!isStoreError(error, "FORMAT_UNSUPPORTED")) throw error;
  }
  return found;
}

function describeDamage({ damaged, problem }: Verdict): string {
  const ranges = damaged.slice(0, shownRanges);
  const where = ranges.map(({ offset, length }) => `${offset}+${length}`).join(" ");
  return [problem, where].filter((part) => part !== "").join(": ");
}

/** The number of damaged ranges in a finding. `stasis verify` shows the others. */
const shownRanges = 5;
