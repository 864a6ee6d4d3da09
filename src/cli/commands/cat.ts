// Implements `stasis cat`, which writes a data file of a snapshot, or a part of it, to stdout or a
// file.
import type { Command } from "commander";
import {
  DownloadTrailerSchema,
  ReadFileHeaderSchema,
  openVerifiedReader,
  type FileReader,
  type ProgressListener,
} from "../../client/index.js";
import { offsetArgument, sizeArgument } from "../arguments.js";
import { openOutput, type Output } from "../byte-output.js";
import { explainInterruption } from "../interrupt.js";
import {
  messageJson,
  renderJson,
  withProgress,
  withSession,
  type GlobalOptions,
  type Session,
} from "../session.js";
import { printErr } from "../stdio.js";

interface CatOptions extends GlobalOptions {
  readonly offset: number;
  readonly length?: number;
  readonly output?: string;
  readonly overwrite: boolean;
  readonly force: boolean;
  readonly verify?: boolean;
}

export function addCatCommand(program: Command): void {
  program
    .command("cat")
    .summary("get a data file of a snapshot, or a part of it")
    .description(
      "Writes the bytes of FILE to stdout. The daemon reads only this file and compares every " +
        "block of it with its digest before it sends a byte of the block. Holes are written as " +
        "zeros. With --json the answer goes to stdout, or to stderr if the data goes to stdout.",
    )
    .argument("<ref>", "id, name or unique id prefix")
    .argument("<file>", "name of the file, as `stasis inspect` shows it")
    .option("--offset <size>", "where to begin, from the start of the file", offsetArgument, 0)
    .option("--length <size>", "how much to write (default: up to the end)", sizeArgument)
    .option("-o, --output <file>", "file to write to; - is stdout (default)")
    .option("-f, --overwrite", "replace the output file if it exists", false)
    .option("--force", "also if the snapshot is marked as damaged", false)
    .option("--verify", "fail if the digests are still being computed")
    .option("--no-verify", "do not compare the data with its digests")
    .action(async (ref: string, file: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CatOptions>();
      await withSession(options, (session) => cat(session, { ref, file }, options));
    });
}

async function cat(
  session: Session,
  target: { readonly ref: string; readonly file: string },
  { offset, length, force, verify, ...options }: CatOptions,
): Promise<void> {
  await using output = await openOutput(options.output, options.overwrite);
  const range = { offset: BigInt(offset), length: BigInt(length ?? Number.MAX_SAFE_INTEGER) };
  await using reader = await openVerifiedReader(
    (request) => session.client.readFile(request, session.call),
    {
      ...{ ...target, force, ranges: [range] },
      ...(verify === undefined ? {} : { skipVerify: !verify }),
    },
  );
  explainInterruption(() => (output.isStdout ? "the output is incomplete" : "no file was written"));
  const end = length === undefined ? Number.POSITIVE_INFINITY : offset + length;
  await withProgress(session, "cat", output.isStdout, (onProgress) =>
    write(reader, output, { offset, end }, { onProgress, signal: session.call.signal }),
  );
  if (reader.header.file?.digest === "" && verify === undefined) {
    session.note("its digests are still being computed: the data was not compared");
  }
  if (!session.options.json) return;
  const json = answerJson(reader);
  if (output.isStdout) printErr(renderJson(json));
  else await session.answer(() => json, String);
}

function answerJson({ header, trailer }: FileReader) {
  return {
    ...(messageJson(ReadFileHeaderSchema, header) as object),
    ...(trailer === undefined ? {} : (messageJson(DownloadTrailerSchema, trailer) as object)),
  };
}

/** The zeros that one write contains. */
const zeros = Buffer.alloc(256 * 1024);

interface WriteOptions {
  readonly onProgress: ProgressListener;
  readonly signal: AbortSignal;
}

/** Writes the bytes from `offset` to before `end`, or to the end of the file. */
async function write(
  { header, parts }: FileReader,
  output: Output,
  { offset, end }: { readonly offset: number; readonly end: number },
  { onProgress, signal }: WriteOptions,
): Promise<void> {
  // The signal ends the call, but it does not end a write to a stalled reader.
  signal.addEventListener("abort", output.stop);
  const stop = Math.min(Number(header.file?.sizeBytes ?? 0n), end);
  const totalBytes = Math.max(0, stop - offset);
  let position = offset;
  const written = async (bytes: Uint8Array): Promise<void> => {
    await output.write(bytes);
    position += bytes.length;
    onProgress({ doneBytes: position - offset, totalBytes });
  };
  const fillTo = async (target: number): Promise<void> => {
    while (position < target) await written(zeros.subarray(0, target - position));
  };
  // The range between two chunks is a hole.
  for await (const part of parts) {
    if (part.bytes === undefined) continue;
    await fillTo(part.offset);
    await written(part.bytes);
  }
  await fillTo(stop);
  signal.removeEventListener("abort", output.stop);
  await output.commit();
}
