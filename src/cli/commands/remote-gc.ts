// Implements `stasis remote gc`, which deletes the packs and maps that nothing at a remote uses.
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { InvalidArgumentError, type Command } from "commander";
import { parseDuration } from "../../config/units.js";
import {
  RemoteGcResultSchema,
  RemoteRunKind,
  StoreError,
  type RemoteGcResult,
  type RemoteObjectCounts,
  type RemoteRun,
} from "../../client/index.js";
import { confirm } from "../confirm.js";
import { usageError } from "../exit-codes.js";
import { count, formatAge, formatBytes, printable } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";
import { renderTable } from "../table.js";

interface RemoteGcOptions extends GlobalOptions {
  readonly grace?: number;
  readonly claimTtl?: number;
  readonly dryRun: boolean;
  readonly abandon?: string;
  readonly yes: boolean;
}

export function addRemoteGc(remote: Command): void {
  remote
    .command("gc")
    .summary("delete what no snapshot of a remote uses")
    .description(
      "Deletes the packs and maps of a remote that no snapshot and no running push uses. Any node may " +
        "do it, and several at once. Prints what was deleted, what was kept and why, and which other " +
        "runs are under way.",
    )
    .argument("<name>", "name of the remote")
    .option("--grace <duration>", "keep what was stored within this time (default: 1d)", duration)
    .option(
      "--claim-ttl <duration>",
      "delete the claims of pushes that began longer ago (default: 7d)",
      duration,
    )
    .option("--dry-run", "say what would be deleted, and change nothing", false)
    .option(
      "--abandon <run>",
      "remove the intent of another run, whose daemon is dead, and collect nothing",
    )
    .option("--yes", "do not ask before --abandon", false)
    .action(async (name: string, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RemoteGcOptions>();
      const { abandon, dryRun, yes } = options;
      if (abandon !== undefined && dryRun) throw usageError("choose --dry-run or --abandon");
      if (abandon !== undefined && !yes) await confirmAbandon(abandon);
      explainInterruption(() =>
        dryRun ? "nothing was deleted" : "the next collection finishes what this one has begun",
      );
      await withSession(options, async (session) => {
        const result = await collect(session, name, options);
        await session.answer(
          () => messageJson(RemoteGcResultSchema, result),
          () => (abandon === undefined ? render(result, dryRun) : "abandoned\n"),
        );
      });
    });
}

/** Returns a duration in milliseconds, which may be 0. */
function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new InvalidArgumentError("Expected a duration such as 0s, 12h or 1d.");
  return ms;
}

function confirmAbandon(run: string): Promise<void> {
  return confirm({
    question: `Is the daemon of run ${printable(run)} dead, and are its last requests over?`,
    effect: "--abandon loses snapshots if the daemon of the run is still at work",
    hint: "Make sure that it is dead, and add --yes where nobody can be asked",
    otherwise: "the run was not abandoned",
  });
}

async function collect(
  { client, call }: Session,
  remote: string,
  { grace, claimTtl, dryRun, abandon }: RemoteGcOptions,
): Promise<RemoteGcResult> {
  const request = {
    ...{ remote, dryRun, abandonRun: abandon ?? "" },
    ...(grace === undefined ? {} : { grace: durationFromMs(grace) }),
    ...(claimTtl === undefined ? {} : { claimTtl: durationFromMs(claimTtl) }),
  };
  let result: RemoteGcResult | undefined;
  for await (const { event } of client.collectRemoteGarbage(request, call)) {
    if (event.case === "result") result = event.value;
  }
  if (result !== undefined) return result;
  throw new StoreError("DOWNLOAD_TRUNCATED", "the daemon's answer ended without the result");
}

function render(result: RemoteGcResult, dryRun: boolean): string {
  const { deleted, keptYoung, keptClaimed, expiredClaims, leftovers } = result;
  const lines = [
    hasObjects(deleted)
      ? `${dryRun ? "would delete" : "deleted"} ${countsText(deleted)}`
      : "nothing to delete",
    ...(hasObjects(keptYoung) ? [`kept ${countsText(keptYoung)}: younger than --grace`] : []),
    ...(hasObjects(keptClaimed) ? [`kept ${countsText(keptClaimed)}: used by pushes`] : []),
    ...(expiredClaims > 0n ? [`${count(Number(expiredClaims), "claim")} had expired`] : []),
    ...(leftovers > 0n ? [`${count(Number(leftovers), "leftover")} of deleted snapshots`] : []),
    ...result.brokenSnapshotIds.map((id) => `snapshot ${printable(id)} is broken: delete it`),
    ...(result.more ? ["there is more: run it again"] : []),
  ];
  return `${lines.join("\n")}\n${renderRuns(result.otherRuns)}`;
}

function hasObjects(counts: RemoteObjectCounts | undefined): boolean {
  return counts !== undefined && (counts.packs > 0n || counts.maps > 0n);
}

function countsText(counts: RemoteObjectCounts | undefined): string {
  const { packs = 0n, packBytes = 0n, maps = 0n } = counts ?? {};
  const objects = `${count(Number(packs), "pack")} and ${count(Number(maps), "map")}`;
  return `${objects} (${formatBytes(packBytes)})`;
}

function renderRuns(runs: readonly RemoteRun[]): string {
  if (runs.length === 0) return "";
  const rows = runs.map(({ run, kind, storedAt, snapshotId, objects }) => [
    printable(run),
    kind === RemoteRunKind.DELETION ? "deletion" : "collection",
    formatAge(storedAt),
    kind === RemoteRunKind.DELETION ? printable(snapshotId) : count(Number(objects), "object"),
  ]);
  return `other runs, at work or dead:\n${renderTable(["RUN", "KIND", "BEGUN", "OF"], rows)}`;
}
