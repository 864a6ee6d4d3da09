// Implements `stasis take`, which moves a snapshot's files out of the store into a directory on the
// daemon's node.
import { resolve } from "node:path";
import type { Command } from "commander";
import {
  TakeMode,
  TakeToDirectoryResponseSchema,
  type TakeToDirectoryResponse,
} from "../../client/index.js";
import { sizeArgument } from "../arguments.js";
import { count, formatBytes } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";
import { snapshotTitle } from "../show-snapshot.js";

interface TakeOptions extends GlobalOptions {
  readonly maxCopy?: number;
  readonly requestId?: string;
}

export function addTakeCommand(program: Command): void {
  program
    .command("take")
    .summary("move a snapshot's files to a directory, which takes its place")
    .description(
      "Moves the data files of a snapshot to DIR, on the daemon's node, and removes the snapshot: " +
        "instant for any size. DIR must be absent or empty, on the filesystem of the store, and in a " +
        "directory that the daemon's configuration allows. The files are writable again and survive a " +
        "power cut. A snapshot that is protected, damaged or being read stays. Files that clones link " +
        "to are copied, by sharing their blocks if the filesystem can.",
    )
    .argument("<ref>", "id, name or unique id prefix")
    .argument("<dir>", "directory to make")
    .option(
      "--max-copy <size>",
      "most that is copied of files that clones link to (default: 1 GiB)",
      sizeArgument,
    )
    .option("--request-id <uuid>", "makes a retry safe: the same id returns the first result")
    .action(async (ref: string, directory: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<TakeOptions>();
      await withSession(options, (session) => take(session, ref, resolve(directory), options));
    });
}

async function take(
  session: Session,
  ref: string,
  directory: string,
  { maxCopy, requestId = "" }: TakeOptions,
): Promise<void> {
  explainInterruption(() => `the daemon may still move the snapshot: look at ${directory}`);
  const most = maxCopy === undefined ? {} : { maxCopyBytes: BigInt(maxCopy) };
  const request = { ref, directory, requestId, ...most };
  const response = await session.client.takeToDirectory(request, session.call);
  await session.answer(
    () => messageJson(TakeToDirectoryResponseSchema, response),
    () => "",
  );
  session.note(`moved ${snapshotTitle(response.snapshot)} to ${directory}: ${summary(response)}`);
}

function summary({ files }: TakeToDirectoryResponse): string {
  const named: readonly (readonly [TakeMode, string])[] = [
    [TakeMode.MOVED, "moved"],
    [TakeMode.REFLINK, "sharing blocks"],
    [TakeMode.COPY, "copied"],
  ];
  const parts = named.flatMap(([mode, word]) => {
    const made = files.filter((file) => file.mode === mode);
    return made.length === 0 ? [] : [`${count(made.length, "file")} ${word}`];
  });
  const copiedBytes = files.reduce((sum, file) => sum + file.copiedBytes, 0n);
  return [...parts, ...(copiedBytes === 0n ? [] : [`${formatBytes(copiedBytes)} copied`])].join(
    ", ",
  );
}
