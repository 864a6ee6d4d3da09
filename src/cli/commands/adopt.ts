// Implements `stasis adopt`, which adopts the snapshots of a store that cocoon has written.
import { create } from "@bufbuild/protobuf";
import type { Command } from "commander";
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  SnapshotConfigSchema,
  importLocalDirectory,
  type SnapshotConfig,
} from "../../client/index.js";
import { exitCodes, usageError } from "../exit-codes.js";
import { printable } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import { withProgress, withSession, type GlobalOptions, type Session } from "../session.js";
import { renderTable } from "../table.js";
import { messageOf } from "../../base/errors.js";

/** A snapshot of cocoon's store, in the types of the API. */
interface ForeignSnapshot {
  /** cocoon knows neither the host nor the orchestrator's own data. */
  readonly config: Omit<SnapshotConfig, "$typeName" | "$unknown" | "host" | "extra">;
  readonly createdAt: string;
  readonly pending: boolean;
  readonly deleting: boolean;
  readonly directory: string | undefined;
  /** The snapshot's `config` as an envelope, including keys that the API does not have. */
  readonly envelope: Uint8Array;
  /** The keys that the API does not have. */
  readonly unknownKeys: readonly string[];
}

interface ForeignStore {
  readonly snapshots: readonly ForeignSnapshot[];
  /** The problem of the newest index if an older one was read instead. Otherwise empty. */
  readonly remark: string;
}

export type ReadCocoonStore = (root: string) => Promise<ForeignStore>;

interface AdoptFlags extends GlobalOptions {
  readonly dryRun: boolean;
  readonly move: boolean;
  readonly reflink: boolean;
  readonly copy: boolean;
}

type Way = "copy" | "reflink" | "move";

/** The order of the counts in the summary. */
const outcomes = [
  "adopted",
  "planned",
  "already here",
  "pending",
  "deleting",
  "missing",
  "failed",
] as const;
type Outcome = (typeof outcomes)[number];

interface Row {
  readonly cocoonId: string;
  readonly name: string;
  readonly outcome: Outcome;
  /**
   * Depends on the outcome: the id in this store, perhaps with the keys of the configuration that
   * were lost; the planned step; or the problem.
   */
  readonly text: string;
}

/** Label that identifies an adopted snapshot. */
const idLabel = "cocoon/id";
const createdLabel = "cocoon/created-at";

/** Adds the command. It calls `setExitCode` if snapshots are missing or could not be adopted. */
export function addAdoptCommand(
  program: Command,
  readCocoonStore: ReadCocoonStore,
  setExitCode: (code: number) => void,
): void {
  program
    .command("adopt")
    .summary("take over the snapshots of a cocoon store")
    .description(
      "Reads the index of cocoon's store at ROOT (SQLite or JSON; cocoon must not run) and stores each ready " +
        "snapshot under a new id, with the labels cocoon/id and cocoon/created-at. Those that are pending " +
        "or half deleted are skipped. The source is unchanged, except with --move. Run again after an interruption, it continues " +
        "with the rest. Exit code 11 if directories are missing or snapshots failed.",
    )
    .argument("<root>", "root directory of cocoon's store")
    .option("--dry-run", "show what would be done, and change nothing", false)
    .option(
      "--copy",
      "upload a copy (the default); works with a daemon on another machine, and keeps keys of the configuration that stasis does not know",
      false,
    )
    .option(
      "--reflink",
      "share the blocks; needs a daemon on the same filesystem, which supports reflinks",
      false,
    )
    .option(
      "--move",
      "move the directories out of cocoon's store: instant, on one filesystem",
      false,
    )
    .action(async (root: string, _options: unknown, command: Command) => {
      const flags = command.optsWithGlobals<AdoptFlags>();
      const ways = (["copy", "reflink", "move"] as const).filter((way) => flags[way]);
      if (ways.length > 1) throw usageError("give only one of --copy, --reflink and --move");
      const { snapshots, remark } = await readCocoonStore(root);
      explainInterruption(() => "adopted snapshots stay; run it again for the rest");
      const rows = await withSession(flags, async (session) => {
        if (remark !== "") session.warn(remark);
        const adopted = await adoptAll(session, snapshots, ways[0] ?? "copy", flags.dryRun);
        await session.answer(
          () => ({ snapshots: adopted.map((row) => ({ ...row })) }),
          () => render(adopted),
        );
        return adopted;
      });
      const left = rows.some(({ outcome }) => outcome === "missing" || outcome === "failed");
      if (left) setExitCode(exitCodes.problems);
    });
}

async function adoptAll(
  session: Session,
  found: readonly ForeignSnapshot[],
  way: Way,
  dryRun: boolean,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const each of found) {
    session.call.signal.throwIfAborted();
    const row = { cocoonId: each.config.id, name: each.config.name };
    const here = await ourId(session, each.config.id);
    if (here !== undefined) rows.push({ ...row, outcome: "already here", text: here });
    else if (each.pending)
      rows.push({ ...row, outcome: "pending", text: "cocoon has not finished it" });
    else if (each.deleting)
      rows.push({ ...row, outcome: "deleting", text: "cocoon has begun to delete it" });
    else if (each.directory === undefined) {
      rows.push({ ...row, outcome: "missing", text: "its directory is missing" });
    } else if (dryRun) rows.push({ ...row, outcome: "planned", text: `${way} ${each.directory}` });
    else rows.push({ ...row, ...(await adoptOne(session, each, each.directory, way)) });
  }
  return rows;
}

async function ourId(session: Session, cocoonId: string): Promise<string | undefined> {
  const filter = { labels: { [idLabel]: cocoonId } };
  const { snapshots } = await session.client.list({ pageSize: 1, filter }, session.call);
  return snapshots[0]?.config?.id;
}

async function adoptOne(
  session: Session,
  foreign: ForeignSnapshot,
  directory: string,
  way: Way,
): Promise<Pick<Row, "outcome" | "text">> {
  const { config: theirs, createdAt, envelope, unknownKeys } = foreign;
  const created = createdAt === "" ? {} : { [createdLabel]: createdAt };
  const labels = { [idLabel]: theirs.id, ...created };
  const config = create(SnapshotConfigSchema, { ...theirs, id: "", labels });
  try {
    const ours = await storers[way](session, config, directory, envelope);
    const lost = way === "copy" ? [] : unknownKeys;
    const without = lost.length === 0 ? "" : `, without ${lost.join(", ")}`;
    return { outcome: "adopted", text: `${ours ?? ""}${without}` };
  } catch (error) {
    if (session.call.signal.aborted) throw error;
    return { outcome: "failed", text: messageOf(error) };
  }
}

type Storer = (
  session: Session,
  config: SnapshotConfig,
  directory: string,
  envelope: Uint8Array,
) => Promise<string | undefined>;

const storers: Readonly<Record<Way, Storer>> = { copy: storeCopy, move, reflink: storeReflink };

/**
 * Copies a snapshot by an import, because only an import preserves the keys of newer cocoons that
 * stasis does not know.
 */
async function storeCopy(
  session: Session,
  { name, labels }: SnapshotConfig,
  directory: string,
  envelope: Uint8Array,
): Promise<string | undefined> {
  const { snapshot } = await withProgress(session, name || directory, false, (onProgress) =>
    importLocalDirectory(
      session.client,
      directory,
      { labels },
      { ...session.call, onProgress, envelope },
    ),
  );
  return snapshot?.config?.id;
}

async function move(
  { client, call }: Session,
  config: SnapshotConfig,
  directory: string,
): Promise<string | undefined> {
  const { snapshot } = await client.createFromDirectory({ directory, config }, call);
  return snapshot?.config?.id;
}

/**
 * Makes a copy that shares the blocks of the files, next to the daemon's root, and then moves the
 * copy into the store.
 */
async function storeReflink(
  session: Session,
  config: SnapshotConfig,
  directory: string,
): Promise<string | undefined> {
  const { root } = await session.client.getInfo(session.call);
  if (root === "") {
    throw usageError(
      "--reflink needs to know where the daemon's store is: call the daemon over its socket",
    );
  }
  const copy = join(dirname(root), `.stasis-adopt-${config.labels[idLabel] ?? ""}`);
  // An interrupted run may have left a copy here.
  await rm(copy, { recursive: true, force: true });
  try {
    await mkdir(copy, { mode: 0o700 });
    for (const name of await readdir(directory)) {
      const [from, to] = [join(directory, name), join(copy, name)];
      await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
      await chmod(to, (await stat(from)).mode & 0o777);
    }
    return await move(session, config, copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

function render(rows: readonly Row[]): string {
  if (rows.length === 0) return "nothing to adopt\n";
  const cells = rows.map(({ outcome, cocoonId, name, text }) => [
    ...[outcome, printable(cocoonId)],
    ...[printable(name), printable(text)],
  ]);
  const counts = outcomes
    .map((outcome) => ({ outcome, count: rows.filter((row) => row.outcome === outcome).length }))
    .filter(({ count }) => count > 0);
  const total = counts.map(({ outcome, count }) => `${count} ${outcome}`).join(", ");
  return `${renderTable(["OUTCOME", "COCOON-ID", "NAME", "ID, OR WHAT"], cells, { cut: "NAME" })}${total}\n`;
}
