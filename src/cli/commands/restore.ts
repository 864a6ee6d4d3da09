// Implements `stasis restore`, which writes the data files of a snapshot into a directory or as a
// tar.
import type { Command } from "commander";
import {
  DownloadHeaderSchema,
  DownloadTrailerSchema,
  openCompared,
  restoreToLocalDirectory,
  type Download,
  type DownloadHeader,
  type RestoreInit,
} from "../../client/index.js";
import { collectWord } from "../arguments.js";
import { openOutput, receive, type Output } from "../byte-output.js";
import { usageError } from "../exit-codes.js";
import { count, formatBytes } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import {
  messageJson,
  renderJson,
  withProgress,
  withSession,
  type GlobalOptions,
  type Session,
} from "../session.js";
import { snapshotTitle } from "../show-snapshot.js";
import { sparseFormatOf, sparseOption, type SparseFormatName } from "../sparse-option.js";
import { printErr } from "../stdio.js";

interface RestoreOptions extends GlobalOptions {
  readonly file?: string[];
  readonly to?: string;
  readonly output?: string;
  readonly sparse?: SparseFormatName;
  readonly overwrite: boolean;
  readonly force: boolean;
  readonly verify?: boolean;
}

export function addRestoreCommand(program: Command): void {
  program
    .command("restore")
    .summary("get the data files of a snapshot")
    .description(
      "Writes the data files into a directory, or a tar of them to a file or stdout. The directory " +
        "must be absent or empty; it appears completely or not at all, readable by its " +
        "owner only. With --json the answer goes to stdout, or to stderr if the data goes to stdout.",
    )
    .argument("<ref>", "id, name or unique id prefix")
    .option("--file <name>", "only this file; repeatable (default: all)", collectWord)
    .option("--to <dir>", "directory to write the files into")
    .option("-o, --output <file>", "file to write a tar to; - is stdout (default)")
    .addOption(sparseOption())
    .option("-f, --overwrite", "replace FILE if it exists", false)
    .option("--force", "like --overwrite, and also if the snapshot is marked as damaged", false)
    .option("--verify", "fail if a block differs from its digest (default, except with --force)")
    .option("--no-verify", "do not compare the data with its digests")
    .action(async (ref: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RestoreOptions>();
      if (options.to !== undefined && options.output !== undefined) {
        throw usageError("--to and --output exclude each other");
      }
      if (options.to !== undefined && options.sparse !== undefined) {
        throw usageError("--sparse is for tars, not for --to, which keeps holes as they are");
      }
      const { force, verify, file: files = [] } = options;
      const request = { ref, force, files, ...(verify === undefined ? {} : { verify }) };
      await withSession(options, (session) => restore(session, request, options));
    });
}

async function restore(
  session: Session,
  request: RestoreInit,
  options: RestoreOptions,
): Promise<void> {
  const { to } = options;
  if (to === undefined) {
    await using output = await openOutput(options.output, options.overwrite || options.force);
    const call = { ...session.call, reuseBuffers: true };
    const open = (asked: RestoreInit) => session.client.restore(asked, call);
    const sparseFormat = sparseFormatOf(options.sparse);
    await using download = await openCompared(open, { ...request, sparseFormat });
    const zeroBytes = zerosForHoles(download.header, options.sparse);
    const totalBytes = Number(download.header.dataBytes) + zeroBytes;
    await writeOut(session, "restore", download, output, { totalBytes, zeroBytes });
    noteUncompared(session, download.header, request);
    return;
  }
  explainInterruption(() => `nothing was written to ${to}`);
  const header = await withProgress(session, "restore", false, (onProgress) =>
    restoreToLocalDirectory(session.client, request, to, { ...session.call, onProgress }),
  );
  warnIfDamaged(session, header);
  noteUncompared(session, header, request);
  await session.answer(
    () => messageJson(DownloadHeaderSchema, header),
    () => "",
  );
  session.note(`restored ${sentTitle(header)} to ${to}`);
}

/** Returns the number of bytes in holes that are written as zeros. */
export function zerosForHoles(
  { snapshot, dataBytes, files }: Pick<DownloadHeader, "snapshot" | "dataBytes" | "files">,
  sparse: SparseFormatName | undefined,
): number {
  if (sparse !== "none" || snapshot === undefined) return 0;
  const sent = snapshot.files.filter(({ name }) => files.length === 0 || files.includes(name));
  const sizeBytes = sent.reduce((sum, file) => sum + file.sizeBytes, 0n);
  return Math.max(0, Number(sizeBytes - dataBytes));
}

interface Written {
  /** Bytes that will arrive, or 0 if the number is unknown. */
  readonly totalBytes: number;
  readonly zeroBytes: number;
}

/** Receives a download. With --json, prints its header and trailer as one answer. */
export async function writeOut(
  session: Session,
  what: "restore" | "export",
  download: Download,
  output: Output,
  { totalBytes, zeroBytes }: Written,
): Promise<void> {
  warnIfDamaged(session, download.header);
  for (const { message } of download.header.warnings) session.warn(`warning: ${message}`);
  if (zeroBytes > 0) {
    session.note(`${formatBytes(zeroBytes)} of holes are written as zeros (--sparse none)`);
  }
  explainInterruption(() => (output.isStdout ? "the output is incomplete" : "no file was written"));
  await withProgress(session, what, output.isStdout, (onProgress) =>
    receive(download, output, { totalBytes, onProgress, signal: session.call.signal }),
  );
  const { header, trailer } = download;
  const done = what === "restore" ? "restored" : "exported";
  session.note(`${done} ${sentTitle(header)}: ${formatBytes(trailer?.totalBytes ?? 0n)}`);
  if (!session.options.json) return;
  const json = {
    ...(messageJson(DownloadHeaderSchema, header) as object),
    ...(trailer === undefined ? {} : (messageJson(DownloadTrailerSchema, trailer) as object)),
    zeroBytes: String(zeroBytes),
  };
  if (output.isStdout) printErr(renderJson(json));
  else await session.answer(() => json, String);
}

function sentTitle({ snapshot, files }: Pick<DownloadHeader, "snapshot" | "files">): string {
  const title = snapshotTitle(snapshot);
  return files.length === 0 ? title : `${count(files.length, "file")} of ${title}`;
}

/** Prints a note that nothing was compared because the snapshot has no digests yet. */
export function noteUncompared(
  session: Session,
  { snapshot }: Pick<DownloadHeader, "snapshot">,
  request: { readonly force?: boolean; readonly verify?: boolean },
): void {
  if (snapshot?.digest !== "" || request.force === true || request.verify !== undefined) return;
  session.note("its digests are still being computed: the data was not compared");
}

export function warnIfDamaged(
  session: Session,
  { snapshot }: Pick<DownloadHeader, "snapshot">,
): void {
  if (snapshot?.corrupt !== true) return;
  session.warn(`warning: ${snapshotTitle(snapshot)} is marked as damaged`);
}
