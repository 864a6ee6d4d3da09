// Implements `stasis check`, which compares the catalog, the directories and the manifests, and
// changes nothing.
import type { Command } from "commander";
import {
  CheckSummarySchema,
  FindingAction,
  FindingKind,
  FindingSchema,
  type CheckResponse,
  type CheckSummary,
  type Finding,
} from "../../client/index.js";
import { sizeArgument } from "../arguments.js";
import { exitCodes } from "../exit-codes.js";
import { red } from "../color.js";
import { count, printable } from "../format.js";
import { explainInterruption, interruption } from "../interrupt.js";
import { messageJson, renderJson, withSession, type GlobalOptions } from "../session.js";
import { printErr, printOut } from "../stdio.js";
import { renderTable } from "../table.js";

/** Checks the store in a directory that no daemon serves, in the types of the API. */
export type CheckOffline = (
  root: string,
  options: { readonly deep: boolean; readonly limitBytesPerSecond: number },
  signal: AbortSignal,
) => AsyncIterable<CheckResponse>;

interface CheckFlags extends GlobalOptions {
  readonly root?: string;
  readonly deep: boolean;
  readonly limitRate?: number;
}

/** Adds the command. It calls `setExitCode` if the check finds problems or is incomplete. */
export function addCheckCommand(
  program: Command,
  checkOffline: CheckOffline,
  setExitCode: (code: number) => void,
): void {
  program
    .command("check")
    .summary("compare catalog, directories and manifests; change nothing")
    .description(
      "Finds the inconsistencies in a store and shows what `stasis repair` would do about each. " +
        "A note is not a problem: the stored data is correct, or the daemon repairs it at its next " +
        "start. Exit code 11 if there is a problem.",
    )
    .option("--root <directory>", "check the store in this directory, which no daemon serves")
    .option("--deep", "also read all data and compare it with its digests", false)
    .option("--limit-rate <size>", "with --deep: read at most this much per second", sizeArgument)
    .action(async (_options: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CheckFlags>();
      explainInterruption(() => "the check is incomplete");
      const result = await check(flags, checkOffline);
      await printOut(flags.json ? renderJson(asJson(result)) : render(result, flags.quiet));
      if (result.summary === undefined) printErr("stasis: the check is incomplete\n");
      if (result.summary?.problems !== 0n) setExitCode(exitCodes.problems);
    });
}

interface CheckResult {
  readonly findings: readonly Finding[];
  /** The summary. Undefined if the check is incomplete. */
  readonly summary: CheckSummary | undefined;
}

async function check(flags: CheckFlags, checkOffline: CheckOffline): Promise<CheckResult> {
  const { root, deep, limitRate = 0 } = flags;
  if (root !== undefined) {
    const options = { deep, limitBytesPerSecond: limitRate };
    return await collect(checkOffline(root, options, interruption().signal));
  }
  return await withSession(flags, ({ client, call }) =>
    collect(client.check({ deep, limitBytesPerSecond: BigInt(limitRate) }, call)),
  );
}

async function collect(responses: AsyncIterable<CheckResponse>): Promise<CheckResult> {
  const findings: Finding[] = [];
  let summary: CheckSummary | undefined;
  for await (const { event } of responses) {
    if (event.case === "finding") findings.push(event.value);
    if (event.case === "summary") summary = event.value;
  }
  return { findings, summary };
}

function asJson({ findings, summary }: CheckResult) {
  return {
    findings: findings.map((finding) => messageJson(FindingSchema, finding)),
    summary: summary === undefined ? null : messageJson(CheckSummarySchema, summary),
  };
}

function render({ findings, summary }: CheckResult, quiet: boolean): string {
  const header = ["", "KIND", "REPAIR", "ID", "WHAT"];
  const table = findings.length === 0 ? "" : renderTable(header, findings.map(findingCells));
  if (quiet || summary === undefined) return table;
  const { snapshots, problems } = summary;
  return `${table}${count(snapshots, "snapshot")}, ${count(problems, "problem")}\n`;
}

export function findingCells({ kind, problem, action, id, name, path, found }: Finding): string[] {
  return [
    problem ? red("PROBLEM") : "note",
    word(FindingKind[kind]),
    word(FindingAction[action]),
    id === "" ? "-" : id,
    printable([name, path, found].filter((text) => text !== "").join("  ")),
  ];
}

/**
 * Returns the name of an enum value for people. `name` is undefined if this client does not know
 * the value.
 */
export function word(name: string | undefined): string {
  return name === undefined ? "?" : name.toLowerCase().replaceAll("_", "-");
}
