// Implements `stasis verify`, which reads data again and compares it with the stored digests.
import { InvalidArgumentError, type Command } from "commander";
import { parseSize } from "../../config/units.js";
import {
  VerifyProgressSchema,
  VerifyVerdictSchema,
  type VerifyProgress,
  type VerifyRequest,
  type VerifyVerdict,
} from "../../client/index.js";
import { red } from "../color.js";
import { exitCodes, usageError } from "../exit-codes.js";
import { count, printable } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import {
  messageJson,
  withProgress,
  withSession,
  type GlobalOptions,
  type Session,
} from "../session.js";
import { renderTable } from "../table.js";

interface VerifyOptions extends GlobalOptions {
  readonly all: boolean;
  readonly limitRate?: number;
}

type VerifyInit = Pick<VerifyRequest, "ref" | "limitBytesPerSecond">;

/** Adds the command. It calls `setExitCode` if it succeeds and finds damage. */
export function addVerifyCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("verify")
    .summary("read data again and compare it with its digests")
    .description(
      "Reads all data of a snapshot, or of all, and prints a verdict for each file, and then the " +
        "damaged ranges; with --all for each file that is damaged. A damaged snapshot is marked and not served any more unless forced; the " +
        "mark goes when a later verify finds it intact. Exit code 9 if anything is damaged.",
    )
    .argument("[ref]", "id, name or unique id prefix")
    .option("--all", "verify every snapshot", false)
    .option("--limit-rate <size>", "read at most this much a second, for example 100MiB", rate)
    .action(async (ref: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      if ((ref === undefined) !== options.all) throw usageError("name one snapshot, or --all");
      const request = { ref: ref ?? "", limitBytesPerSecond: BigInt(options.limitRate ?? 0) };
      explainInterruption(() => "the rest was not verified");
      await withSession(options, async (session) => {
        const { verdicts, progress, failure } = await collect(session, request);
        if (failure !== undefined && verdicts.length === 0) throw failure.error;
        const { all, json } = options;
        const names = await namesOf(session, all && !json ? damagedIds(verdicts) : []);
        await session.answer(
          () => ({
            progress: progress === undefined ? null : messageJson(VerifyProgressSchema, progress),
            verdicts: verdicts.map((verdict) => messageJson(VerifyVerdictSchema, verdict)),
          }),
          () => render(verdicts, names, options),
        );
        if (failure !== undefined) throw failure.error;
        if (verdicts.some(({ intact }) => !intact)) setExitCode(exitCodes.dataLoss);
      });
    });
}

function rate(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined || bytes === 0) {
    throw new InvalidArgumentError("Expected a size such as 100MiB.");
  }
  return bytes;
}

interface Collected {
  readonly verdicts: VerifyVerdict[];
  readonly progress: VerifyProgress | undefined;
  /**
   * The error that interrupted the verification. Earlier verdicts are still valid. Undefined if the
   * verification was not interrupted.
   */
  readonly failure: { readonly error: unknown } | undefined;
}

async function collect(session: Session, request: VerifyInit): Promise<Collected> {
  const verdicts: VerifyVerdict[] = [];
  let progress: VerifyProgress | undefined;
  let failure: Collected["failure"];
  const reading = withProgress(session, "verify", false, async (onProgress) => {
    for await (const { event } of session.client.verify(request, session.call)) {
      if (event.case === "verdict") verdicts.push(event.value);
      if (event.case !== "progress") continue;
      progress = event.value;
      const { doneBytes, totalBytes } = progress;
      onProgress({ doneBytes: Number(doneBytes), totalBytes: Number(totalBytes) });
    }
  });
  await reading.catch((error: unknown) => {
    failure = { error };
  });
  return { verdicts, progress, failure };
}

/** Renders all verdicts on one snapshot. For all snapshots, it renders only the bad verdicts. */
function render(
  verdicts: readonly VerifyVerdict[],
  names: ReadonlyMap<string, string>,
  { all, quiet }: VerifyOptions,
): string {
  const shown = all
    ? verdicts.filter(({ intact, problem }) => !intact || problem !== "")
    : verdicts;
  const rows = shown.map(({ snapshotId, file, intact, problem }) => {
    const verdict = intact ? "intact" : red("DAMAGED");
    const name = all ? [printable(names.get(snapshotId) || "-")] : [];
    return [snapshotId, ...name, verdict, printable(file), printable(problem)];
  });
  const header = ["ID", ...(all ? ["NAME"] : []), "VERDICT", "FILE", "PROBLEM"];
  const table = rows.length === 0 ? "" : renderTable(header, rows) + shown.map(ranges).join("");
  return quiet ? table : `${table}${summary(verdicts)}\n`;
}

/** Returns the damaged ranges of one file, in bytes, for programs such as dd. */
function ranges({ snapshotId, file, damaged }: VerifyVerdict): string {
  if (damaged.length === 0) return "";
  const rows = damaged.map(({ offset, length }) => [String(offset), String(length)]);
  return `\n${snapshotId} ${printable(file)}, in bytes:\n${renderTable(["OFFSET", "LENGTH"], rows)}\n`;
}

function summary(verdicts: readonly VerifyVerdict[]): string {
  const damaged = damagedIds(verdicts).size;
  const snapshots = new Set(verdicts.map(({ snapshotId }) => snapshotId)).size;
  if (snapshots === 0) return "no snapshots to verify";
  const read = `${count(snapshots, "snapshot")} with ${count(verdicts.length, "file")} verified`;
  return `${read}: ${damaged === 0 ? "all intact" : red(`${damaged} damaged`)}`;
}

function damagedIds(verdicts: readonly VerifyVerdict[]): ReadonlySet<string> {
  return new Set(verdicts.filter(({ intact }) => !intact).map(({ snapshotId }) => snapshotId));
}

/**
 * Returns the names of the snapshots to show. A snapshot that was deleted in the meantime has no
 * name here.
 */
async function namesOf(
  { client, call }: Session,
  ids: Iterable<string>,
): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  for (const id of ids) {
    const { snapshot } = await client.inspect(id, call).catch(() => ({ snapshot: undefined }));
    names.set(id, snapshot?.config?.name ?? "");
  }
  return names;
}
