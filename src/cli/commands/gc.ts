// Implements `stasis gc`, which collects garbage.
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  CollectGarbageResponseSchema,
  GcOutcome,
  GcReason,
  type CollectGarbageResponse,
  type GcCandidate,
} from "../../client/index.js";
import { countArgument, durationArgument, sizeArgument } from "../arguments.js";
import { confirm } from "../confirm.js";
import { exitCodes } from "../exit-codes.js";
import { formatAge, formatBytes, printable } from "../format.js";
import { messageJson, withSession, type GlobalOptions } from "../session.js";
import { explainInterruption } from "../interrupt.js";
import { renderTable } from "../table.js";

interface GcOptions extends GlobalOptions {
  readonly dryRun: boolean;
  readonly keepLast?: number;
  readonly maxAge?: number;
  readonly maxSize?: number;
  readonly groupByLabel?: string;
  readonly evictAll: boolean;
  readonly trustClock: boolean;
  readonly yes: boolean;
}

export function addGcCommand(program: Command, setExitCode: (code: number) => void): void {
  program
    .command("gc")
    .summary("remove leftovers, and evict snapshots by policy")
    .description(
      "Removes leftovers of interrupted work. With a policy it also evicts snapshots: what any of " +
        "the criteria evicts goes. Protected snapshots and those in use are kept. CHARGED is what " +
        "quotas count for a snapshot, as in `stasis du`.",
    )
    .option("--dry-run", "say what would be removed, and remove nothing", false)
    .option("--keep-last <n>", "keep the newest N, evict the others", countArgument)
    .option(
      "--max-age <duration>",
      "evict what was last used longer ago: 12h, 30d",
      durationArgument,
    )
    .option(
      "--max-size <size>",
      "evict the least recently used until the rest is charged at most this (CHARGED of `du`): 100GiB",
      sizeArgument,
    )
    .option(
      "--group-by-label <key>",
      "apply --keep-last and --max-size to each value of this label",
    )
    .option(
      "--trust-clock",
      "the daemon's clock is right: use --max-age although it was set",
      false,
    )
    .option("--evict-all", "evict all that is neither protected nor in use", false)
    .option("--yes", "do not ask before --evict-all", false)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<GcOptions>();
      if (options.evictAll && !options.dryRun && !options.yes) await confirmEvictAll();
      await withSession(options, async (session) => {
        const { dryRun } = options;
        explainInterruption(() =>
          dryRun
            ? "nothing was removed"
            : "something may have been removed, run it again for the rest",
        );
        const request = { dryRun, policy: policyFrom(options) };
        const response = await session.client.collectGarbage(request, session.call);
        await session.answer(
          () => messageJson(CollectGarbageResponseSchema, response),
          () => render(response, dryRun),
        );
        const failed = response.candidates.some(({ outcome }) => outcome === GcOutcome.FAILED);
        if (failed) setExitCode(exitCodes.unexpected);
      });
    });
}

function policyFrom(options: GcOptions) {
  const { keepLast, maxAge, maxSize, groupByLabel, evictAll, trustClock } = options;
  return {
    evictAll,
    trustClock,
    ...(keepLast === undefined ? {} : { keepLast }),
    ...(maxAge === undefined ? {} : { maxAge: durationFromMs(maxAge) }),
    ...(maxSize === undefined ? {} : { maxTotalBytes: BigInt(maxSize) }),
    ...(groupByLabel === undefined ? {} : { groupByLabel }),
  };
}

function confirmEvictAll(): Promise<void> {
  return confirm({
    question: "Remove all unprotected snapshots?",
    effect: "--evict-all removes all unprotected snapshots",
    hint: "Add --yes where nobody can be asked, or look first with --dry-run",
    otherwise: "nothing was removed",
  });
}

function render(response: CollectGarbageResponse, dryRun: boolean): string {
  const { candidates, freedBytes } = response;
  const total = `${dryRun ? "would free" : "freed"} ${formatBytes(freedBytes)} of charged space\n`;
  if (candidates.length === 0) return `nothing to collect\n`;
  const header = ["ID", "CHARGED", "LAST-USED", "REASON", "OUTCOME", "NAME"];
  return renderTable(header, candidates.map(cells), { cut: "NAME" }) + total;
}

function cells(candidate: GcCandidate): string[] {
  const { id, name, bytes, lastAccessedAt, reasons, outcome, message } = candidate;
  const word = GcOutcome[outcome].toLowerCase().replaceAll("_", " ");
  return [
    printable(id),
    formatBytes(bytes),
    formatAge(lastAccessedAt),
    reasons.map((reason) => GcReason[reason].toLowerCase().replaceAll("_", "-")).join(","),
    message === "" ? word : `${word}: ${printable(message)}`,
    printable(name),
  ];
}
