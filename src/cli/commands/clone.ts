// Implements `stasis clone`, which makes a writable working copy of a snapshot on the daemon's
// node.
import { resolve } from "node:path";
import type { Command } from "commander";
import { Option } from "commander";
import {
  CloneMode,
  CloneToDirectoryResponseSchema,
  type CloneToDirectoryResponse,
} from "../../client/index.js";
import { collectWord, sizeArgument } from "../arguments.js";
import { usageError } from "../exit-codes.js";
import { count, formatBytes } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";
import { snapshotTitle } from "../show-snapshot.js";
import { warnIfDamaged } from "./restore.js";

const modeOf = {
  auto: CloneMode.AUTO,
  link: CloneMode.LINK,
  reflink: CloneMode.REFLINK,
  copy: CloneMode.COPY,
  skip: CloneMode.SKIP,
} as const;
type ModeName = keyof typeof modeOf;
/** The modes that options choose for single files. */
const perFile = ["link", "reflink", "copy", "skip"] as const;

interface CloneOptions extends GlobalOptions, Partial<Record<(typeof perFile)[number], string[]>> {
  readonly mode: ModeName;
  readonly durable: boolean;
  readonly maxCopy?: number;
  readonly force: boolean;
}

export function addCloneCommand(program: Command): void {
  program
    .command("clone")
    .summary("make a writable working copy of a snapshot")
    .description(
      "Makes a working copy of the data files in DIR, on the daemon's node: milliseconds where the " +
        "filesystem shares blocks (xfs, btrfs). DIR must be absent or empty, and in a directory that " +
        "the daemon's configuration allows. Copy and snapshot are independent, except for files that " +
        "are linked: those are the stored files themselves, for a memory image that the hypervisor " +
        "maps privately and never writes to.",
    )
    .argument("<ref>", "id, name or unique id prefix")
    .argument("<dir>", "directory to make")
    .option(
      "--link <file>",
      "hard-link this file: no space, one page cache for all clones; repeatable",
      collectWord,
    )
    .option("--reflink <file>", "share the blocks of this file, or fail; repeatable", collectWord)
    .option("--copy <file>", "copy this file; repeatable", collectWord)
    .option("--skip <file>", "leave this file out; repeatable", collectWord)
    .addOption(
      new Option("--mode <mode>", "how all other files are made; auto: reflink, or else copy")
        .choices(Object.keys(modeOf))
        .default("auto"),
    )
    .option("--max-copy <size>", "most that auto copies in all (default: 1 GiB)", sizeArgument)
    .option("--durable", "wait until the copy survives a power cut", false)
    .option("--force", "also if the snapshot is marked as damaged", false)
    .action(async (ref: string, directory: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<CloneOptions>();
      const files = filesOf(options);
      await withSession(options, (session) => clone(session, { ref, directory, files }, options));
    });
}

interface CloneTarget {
  readonly ref: string;
  readonly directory: string;
  readonly files: { name: string; mode: CloneMode }[];
}

function filesOf(options: CloneOptions): CloneTarget["files"] {
  const files = perFile.flatMap((mode) =>
    (options[mode] ?? []).map((name) => ({ name, mode: modeOf[mode] })),
  );
  const names = files.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw usageError(`${twice} is named by two of --link, --copy and so on`);
  return files;
}

async function clone(session: Session, target: CloneTarget, options: CloneOptions): Promise<void> {
  const { ref, files } = target;
  const directory = resolve(target.directory);
  explainInterruption(() => `the daemon removes what it has made of ${directory}`);
  const { durable, force, maxCopy } = options;
  const request = {
    ...{ ref, directory, files, durable, force, defaultMode: modeOf[options.mode] },
    ...(maxCopy === undefined ? {} : { maxCopyBytes: BigInt(maxCopy) }),
  };
  const response = await session.client.cloneToDirectory(request, session.call);
  warnIfDamaged(session, response);
  await session.answer(
    () => messageJson(CloneToDirectoryResponseSchema, response),
    () => "",
  );
  session.note(`cloned ${snapshotTitle(response.snapshot)} to ${directory}: ${summary(response)}`);
}

function summary({ files }: CloneToDirectoryResponse): string {
  const named: Partial<Record<CloneMode, string>> = {
    [CloneMode.LINK]: "linked",
    [CloneMode.REFLINK]: "sharing blocks",
    [CloneMode.COPY]: "copied",
    [CloneMode.SKIP]: "left out",
  };
  const parts = Object.entries(named).flatMap(([mode, word]) => {
    const made = files.filter((file) => file.mode === Number(mode));
    return made.length === 0 ? [] : [`${count(made.length, "file")} ${word}`];
  });
  const copiedBytes = files.reduce((sum, file) => sum + file.copiedBytes, 0n);
  return [...parts, ...(copiedBytes === 0n ? [] : [`${formatBytes(copiedBytes)} copied`])].join(
    ", ",
  );
}
