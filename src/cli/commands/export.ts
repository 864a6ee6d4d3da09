// Implements `stasis export`, which writes a snapshot as an archive, or as a directory with
// snapshot.json.
import type { Command } from "commander";
import {
  Compression,
  ExportToDirectoryResponseSchema,
  exportToLocalDirectory,
  openCompared,
  type ExportInit,
  type ExportToDirectoryResponse,
} from "../../client/index.js";
import { collectWord } from "../arguments.js";
import { openOutput } from "../byte-output.js";
import { usageError } from "../exit-codes.js";
import { count } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import {
  messageJson,
  withProgress,
  withSession,
  type GlobalOptions,
  type Session,
} from "../session.js";
import { snapshotTitle } from "../show-snapshot.js";
import { sparseFormatOf, sparseOption, type SparseFormatName } from "../sparse-option.js";
import { noteUncompared, warnIfDamaged, writeOut, zerosForHoles } from "./restore.js";

interface ExportOptions extends GlobalOptions {
  readonly file?: string[];
  readonly deltaFrom?: string;
  readonly output?: string;
  readonly toDir?: string;
  readonly onNode: boolean;
  readonly gzip: boolean;
  readonly zstd: boolean;
  readonly sparse?: SparseFormatName;
  readonly overwrite: boolean;
  readonly force: boolean;
  readonly verify?: boolean;
}

export function addExportCommand(program: Command): void {
  program
    .command("export")
    .summary("get a snapshot as an archive or directory that import takes")
    .description(
      "Writes an archive to a file or stdout, or a directory with snapshot.json. The directory must " +
        "be absent or empty; it appears completely or not at all, readable by its owner " +
        "only. A daemon of this user on this machine writes the directory itself, by reflink where it " +
        "can. With --file, the archive or directory is a snapshot of these files alone. With " +
        "--delta-from, the archive holds only what differs from PARENT, and import needs PARENT. With --json the answer goes to stdout, or to stderr if the data goes to stdout.",
    )
    .argument("<ref>", "id, name or unique id prefix")
    .option("--file <name>", "only this file; repeatable (default: all)", collectWord)
    .option("--delta-from <parent>", "only what differs from this snapshot, as an archive")
    .option("-o, --output <file>", "file to write the archive to; - is stdout (default)")
    .option("--to-dir <dir>", "directory to write the files and snapshot.json into")
    .option("--on-node", "DIR of --to-dir is an absolute path on the daemon's node", false)
    .option("--gzip", "compress with gzip", false)
    .option("--zstd", "compress with Zstandard", false)
    .addOption(sparseOption())
    .option("-f, --overwrite", "replace FILE if it exists", false)
    .option("--force", "like --overwrite, and also if the snapshot is marked as damaged", false)
    .option("--verify", "fail if a block differs from its digest (default, except with --force)")
    .option("--no-verify", "do not compare the data with its digests")
    .action(async (ref: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ExportOptions>();
      checkOptions(options);
      await withSession(options, (session) => exportSnapshot(session, ref, options));
    });
}

function checkOptions(options: ExportOptions): void {
  if (options.gzip && options.zstd) throw usageError("--gzip and --zstd exclude each other");
  checkDelta(options);
  if (options.toDir === undefined) {
    if (options.onNode) throw usageError("--on-node needs --to-dir");
    return;
  }
  if (options.onNode && options.file !== undefined) {
    const hint = "Leave out --on-node: the files then come through the connection";
    throw usageError("--file and --on-node exclude each other", hint);
  }
  if (options.output !== undefined) throw usageError("--output and --to-dir exclude each other");
  if (options.gzip || options.zstd || options.sparse !== undefined) {
    throw usageError("--gzip, --zstd and --sparse are for archives, not for --to-dir");
  }
}

function checkDelta({ deltaFrom, toDir, file, sparse, force }: ExportOptions): void {
  if (deltaFrom === undefined) return;
  if (deltaFrom === "") throw usageError("--delta-from needs an id, name or unique id prefix");
  if (toDir !== undefined) throw usageError("--delta-from and --to-dir exclude each other");
  if (file !== undefined) throw usageError("--delta-from and --file exclude each other");
  if (sparse !== undefined) throw usageError("--delta-from and --sparse exclude each other");
  if (!force) return;
  const hint = "Use --overwrite to replace a file; nothing is compared with damaged data";
  throw usageError("--delta-from and --force exclude each other", hint);
}

async function exportSnapshot(
  session: Session,
  ref: string,
  options: ExportOptions,
): Promise<void> {
  if (options.toDir !== undefined) {
    await exportDirectory(session, ref, options.toDir, options);
    return;
  }
  const compression = options.gzip
    ? Compression.GZIP
    : options.zstd
      ? Compression.ZSTD
      : Compression.NONE;
  const sparseFormat = sparseFormatOf(options.sparse);
  const { deltaFrom = "" } = options;
  const request: ExportInit = { ref, compression, sparseFormat, deltaFrom, ...howRead(options) };
  await using output = await openOutput(options.output, options.overwrite || options.force);
  const call = { ...session.call, reuseBuffers: true };
  const open = (asked: ExportInit) => session.client.export(asked, call);
  await using download = await openCompared(open, request);
  const zeroBytes = zerosForHoles(download.header, options.sparse);
  const totalBytes = isCompressed(options) ? 0 : Number(download.header.dataBytes) + zeroBytes;
  await writeOut(session, "export", download, output, { totalBytes, zeroBytes });
  noteUncompared(session, download.header, request);
}

function howRead({
  force,
  verify,
  file: files = [],
}: ExportOptions): Pick<ExportInit, "force" | "verify" | "files"> {
  return verify === undefined ? { force, files } : { force, files, verify };
}

function isCompressed({ gzip, zstd }: ExportOptions): boolean {
  return gzip || zstd;
}

async function exportDirectory(
  session: Session,
  ref: string,
  directory: string,
  options: ExportOptions,
): Promise<void> {
  explainInterruption(() => `nothing was written to ${directory}`);
  const request: ExportInit = { ref, ...howRead(options) };
  const response: ExportToDirectoryResponse = options.onNode
    ? await session.client.exportToDirectory({ ref, directory, force: options.force }, session.call)
    : await withProgress(session, "export", false, (onProgress) =>
        exportToLocalDirectory(session.client, request, directory, { ...session.call, onProgress }),
      );
  warnIfDamaged(session, response);
  await session.answer(
    () => messageJson(ExportToDirectoryResponseSchema, response),
    () => "",
  );
  const how = response.reflinked ? ", sharing its blocks with the store" : "";
  const { file: files = [] } = options;
  const title = snapshotTitle(response.snapshot);
  const what = files.length === 0 ? title : `${count(new Set(files).size, "file")} of ${title}`;
  session.note(`exported ${what} to ${directory}${how}`);
}
