// Implements `stasis remote verify`, which looks whether the snapshots of a remote are whole.
import { InvalidArgumentError, Option, type Command } from "commander";
import {
  RemoteDamageSchema,
  RemoteVerifyCountsSchema,
  RemoteVerifyLevel,
  StoreError,
  type RemoteDamage,
  type RemoteVerifyCounts,
} from "../../client/index.js";
import { red } from "../color.js";
import { exitCodes } from "../exit-codes.js";
import { count, formatBytes, printable } from "../format.js";
import { explainInterruption } from "../interrupt.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";
import { renderTable } from "../table.js";

interface RemoteVerifyFlags extends GlobalOptions {
  readonly level: keyof typeof levels;
  readonly sample?: number;
}

const levels = {
  exists: RemoteVerifyLevel.EXISTS,
  footers: RemoteVerifyLevel.FOOTERS,
  data: RemoteVerifyLevel.DATA,
} as const;

export function addRemoteVerify(remote: Command, setExitCode: (code: number) => void): void {
  remote
    .command("verify")
    .summary("look whether the snapshots of a remote are whole")
    .description(
      "Looks whether the snapshots of a remote, or one of them, are whole, and prints what is missing " +
        "or damaged. Exit code 9 if anything is.",
    )
    .argument("<name>", "name of the remote")
    .argument("[ref]", "id at the remote, name or unique id prefix; default: all")
    .addOption(
      new Option(
        "--level <level>",
        "exists: all objects; footers: also what packs contain; data: all",
      )
        .choices(Object.keys(levels))
        .default("exists"),
    )
    .option("--sample <percent>", "read only this share of footers and blocks, at random", percent)
    .action(async (name: string, ref: string | undefined, _options: unknown, command: Command) => {
      const options = command.optsWithGlobals<RemoteVerifyFlags>();
      explainInterruption(() => "the rest was not verified");
      await withSession(options, async (session) => {
        const { damages, summary } = await verify(session, name, ref ?? "", options);
        await session.answer(
          () => ({
            damages: damages.map((damage) => messageJson(RemoteDamageSchema, damage)),
            summary: messageJson(RemoteVerifyCountsSchema, summary),
          }),
          () => render(damages, summary),
        );
        if (summary.damages > 0n) setExitCode(exitCodes.dataLoss);
      });
    });
}

function percent(text: string): number {
  const value = Number(text.replace(/%$/, ""));
  if (!Number.isInteger(value) || value < 1 || value > 100) {
    throw new InvalidArgumentError("Expected a share in percent, 1 to 100.");
  }
  return value;
}

async function verify(
  { client, call }: Session,
  remote: string,
  ref: string,
  { level, sample = 0 }: RemoteVerifyFlags,
) {
  const request = { remote, ref, level: levels[level], samplePercent: sample };
  const damages: RemoteDamage[] = [];
  let summary: RemoteVerifyCounts | undefined;
  for await (const { event } of client.verifyRemote(request, call)) {
    if (event.case === "damage") damages.push(event.value);
    if (event.case === "summary") summary = event.value;
  }
  if (summary !== undefined) return { damages, summary };
  throw new StoreError("DOWNLOAD_TRUNCATED", "the daemon's answer ended without the summary");
}

function render(damages: readonly RemoteDamage[], summary: RemoteVerifyCounts): string {
  const rows = damages.map(({ snapshotId, snapshotName, key, offset, problem }) => [
    printable(snapshotId),
    printable(snapshotName === "" ? "-" : snapshotName),
    printable(key),
    offset === undefined ? "-" : String(offset),
    printable(problem),
  ]);
  const header = ["SNAPSHOT", "NAME", "OBJECT", "OFFSET", "PROBLEM"];
  const table = rows.length === 0 ? "" : renderTable(header, rows);
  const { doneSnapshots, damagedSnapshots, requests, readBytes } = summary;
  const state = damagedSnapshots === 0n ? "all whole" : red(`${damagedSnapshots} damaged`);
  const cost = `${count(Number(requests), "request")}, ${formatBytes(readBytes)} read`;
  return `${table}${count(Number(doneSnapshots), "snapshot")} verified: ${state}; ${cost}\n`;
}
