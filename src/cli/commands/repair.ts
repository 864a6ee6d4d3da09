// Implements `stasis repair`, which carries out the repairs that check proposes, and never deletes
// data.
import type { Command } from "commander";
import { RepairOutcome, RepairResponseSchema, type RepairResponse } from "../../client/index.js";
import { sizeArgument } from "../arguments.js";
import { exitCodes } from "../exit-codes.js";
import { printable } from "../format.js";
import { explainInterruption, interruption } from "../interrupt.js";
import { messageJson, renderJson, withSession, type GlobalOptions } from "../session.js";
import { printOut } from "../stdio.js";
import { renderTable } from "../table.js";
import { findingCells, word } from "./check.js";

/** Repairs the store in a directory that no daemon serves, in the types of the API. */
export type RepairOffline = (
  root: string,
  options: {
    readonly dryRun: boolean;
    readonly deep: boolean;
    readonly limitBytesPerSecond: number;
  },
  signal: AbortSignal,
) => AsyncIterable<RepairResponse>;

interface RepairFlags extends GlobalOptions {
  readonly root?: string;
  readonly dryRun: boolean;
  readonly deep: boolean;
  readonly limitRate?: number;
}

/** Adds the command. It calls `setExitCode` if it succeeds and problems remain. */
export function addRepairCommand(
  program: Command,
  repairOffline: RepairOffline,
  setExitCode: (code: number) => void,
): void {
  program
    .command("repair")
    .summary("do what check proposes; never delete data")
    .description(
      "Checks, and does what check proposes. It never deletes data: it moves unexplained data to " +
        "quarantine, with the reason beside it. With --root it opens the store like a starting daemon, " +
        "which finishes interrupted work. Exit code 11 if problems remain.",
    )
    .option("--root <directory>", "repair the store in this directory, which no daemon serves")
    .option("--dry-run", "show what would be done, and change nothing", false)
    .option("--deep", "also read all data, and mark damaged snapshots", false)
    .option("--limit-rate <size>", "with --deep: read at most this much per second", sizeArgument)
    .action(async (_options: unknown, command: Command) => {
      const flags = command.optsWithGlobals<RepairFlags>();
      explainInterruption(() => "finished repairs stay; run it again for the rest");
      const repaired = await repair(flags, repairOffline);
      const { json, quiet } = flags;
      await printOut(json ? renderJson(asJson(repaired)) : render(repaired, quiet));
      if (repaired.some(isLeft)) setExitCode(exitCodes.problems);
    });
}

async function repair(
  { root, dryRun, deep, limitRate = 0, ...global }: RepairFlags,
  repairOffline: RepairOffline,
): Promise<RepairResponse[]> {
  if (root !== undefined) {
    const options = { dryRun, deep, limitBytesPerSecond: limitRate };
    return await collect(repairOffline(root, options, interruption().signal));
  }
  const request = { dryRun, deep, limitBytesPerSecond: BigInt(limitRate) };
  return await withSession(global, ({ client, call }) => collect(client.repair(request, call)));
}

async function collect(responses: AsyncIterable<RepairResponse>): Promise<RepairResponse[]> {
  const all: RepairResponse[] = [];
  for await (const response of responses) all.push(response);
  return all;
}

function isLeft({ finding, outcome }: RepairResponse): boolean {
  return finding?.problem === true && outcome !== RepairOutcome.DONE;
}

function asJson(repaired: readonly RepairResponse[]) {
  return { repaired: repaired.map((one) => messageJson(RepairResponseSchema, one)) };
}

function render(repaired: readonly RepairResponse[], quiet: boolean): string {
  if (repaired.length === 0) return quiet ? "" : "nothing to repair\n";
  const rows = repaired.map(({ finding, outcome, message }) => {
    const cells = finding === undefined ? [] : findingCells(finding);
    const what = [cells.at(-1) ?? "", printable(message)].filter((text) => text !== "");
    return [word(RepairOutcome[outcome]), ...cells.slice(0, -1), what.join("  ")];
  });
  return renderTable(["OUTCOME", "", "KIND", "REPAIR", "ID", "WHAT"], rows);
}
