// Implements `stasis info`, which describes the daemon.
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  BlockEncoding,
  CloneMode,
  GetInfoResponseSchema,
  type ClockStatus,
  type Features,
  type GetInfoResponse,
  type ScrubRun,
  type ScrubStatus,
} from "../../client/index.js";
import { red } from "../color.js";
import { count, formatBytes, formatSeconds, formatTime } from "../format.js";
import { messageJson, withSession, type GlobalOptions } from "../session.js";
import { renderFields } from "../table.js";
import { problemText } from "./health.js";

export function addInfoCommand(program: Command): void {
  program
    .command("info")
    .summary("describe the daemon: version, store, limits, features")
    .action(async (_options: unknown, command: Command) => {
      await withSession(command.optsWithGlobals<GlobalOptions>(), async (session) => {
        const info = await session.client.getInfo(session.call);
        await session.answer(
          () => messageJson(GetInfoResponseSchema, info),
          () => renderInfo(session.client.address.text, info),
        );
      });
    });
}

function renderInfo(address: string, info: GetInfoResponse): string {
  const { usage, limits, scrub, clock } = info;
  const features = Object.entries(info.features ?? {}).filter(([, value]) => value === true);
  return renderFields([
    ["Address", address],
    ["Version", info.commit === "" ? info.version : `${info.version} (commit ${info.commit})`],
    ["Store", info.root === "" ? info.storeType : `${info.storeType} in ${info.root}`],
    ["Node", info.nodeId],
    ["Started", formatTime(info.startedAt)],
    ...(usage === undefined ? [] : usageFields(usage, limits?.maxStoreBytes ?? 0n)),
    ...(scrub === undefined ? [] : scrubFields(scrub)),
    ...(info.formats === undefined ? [] : [formatsField(info.formats)]),
    ...(clock?.suspect === true ? [clockField(clock)] : []),
    ...info.problems.map((problem): [string, string] => ["Problem", problemText(problem)]),
    ["Features", features.map(([name]) => words(name)).join(", ")],
    ...(info.features === undefined ? [] : contractFields(info.features)),
    ["Streams", `${limits?.maxStreams ?? 0} at once`],
    ["Connections", `${limits?.maxConnections ?? 0} at once`],
    ["Messages", `up to ${formatBytes(limits?.maxMessageBytes ?? 0n)}`],
    ["Files", `up to ${limits?.maxFiles ?? 0} in a snapshot`],
  ]);
}

/**
 * Returns lines for the fields that the daemon sends. Daemons that are older than these fields do
 * not send them.
 */
function contractFields({ encodings, cloneModes }: Features): [string, string][] {
  const shown: [string, string[]][] = [
    ["Clones", cloneModes.map((mode) => enumName(CloneMode[mode]))],
    ["Encodings", encodings.map((encoding) => enumName(BlockEncoding[encoding]))],
  ];
  return shown.flatMap(([title, names]) => (names.length === 0 ? [] : [[title, names.join(", ")]]));
}

/** Turns `XOR_DEFLATE` into `xor deflate`. */
function enumName(name: string): string {
  return name.toLowerCase().replaceAll("_", " ");
}

function formatsField(formats: NonNullable<GetInfoResponse["formats"]>): [string, string] {
  const { store, catalog, manifest, blockTables } = formats;
  const versions = [`store ${store}`, `catalog ${catalog}`, `manifest ${manifest}`];
  return ["Formats", [...versions, `block tables ${blockTables.join(" and ")}`].join(", ")];
}

/** Returns the lines about usage, which confined callers do not see. */
function usageFields(
  usage: NonNullable<GetInfoResponse["usage"]>,
  maxStoreBytes: bigint,
): [string, string][] {
  const limit = maxStoreBytes === 0n ? "" : ` of ${formatBytes(maxStoreBytes)}`;
  const held =
    usage.heldBytes === 0n ? "" : `, ${formatBytes(usage.heldBytes)} deleted but still read`;
  return [
    ["Snapshots", `${usage.snapshotCount}${damagedNote(usage.corruptCount)}`],
    ["Size", formatBytes(usage.sizeBytes)],
    ["On disk", formatBytes(usage.allocatedBytes)],
    ["Charged", `${formatBytes(usage.chargedBytes)}${limit}${held}`],
    ["Free", formatBytes(usage.freeBytes)],
  ];
}

function damagedNote(corruptCount: bigint): string {
  return corruptCount === 0n ? "" : `, ${red(`${corruptCount} damaged`)} (stasis ls --damaged)`;
}

function clockField({ ahead, trustedAfter }: ClockStatus): [string, string] {
  const aheadMs = ahead === undefined ? 0 : durationMs(ahead);
  const side = aheadMs < 0 ? "behind" : "ahead";
  const until = trustedAfter && ` for ${formatSeconds(durationMs(trustedAfter) / 1000)}`;
  const effect = `nothing is evicted by age${until ?? ""}, or until stasis gc --trust-clock`;
  return ["Clock", `suspect, ${formatSeconds(Math.abs(aheadMs) / 1000)} ${side}: ${effect}`];
}

function scrubFields({ last, running }: ScrubStatus): [string, string][] {
  const ended = last && `${formatTime(last.endedAt)}, ${scrubCounts(last)}`;
  const fields: [string, string][] = [["Scrubbed", ended ?? "never completed"]];
  if (running === undefined) return fields;
  return [...fields, ["Scrub", `since ${formatTime(running.startedAt)}, ${scrubCounts(running)}`]];
}

function scrubCounts({ snapshots, bytes, damaged, unreadable }: ScrubRun): string {
  const texts = [count(snapshots, "snapshot"), formatBytes(bytes), `${damaged} damaged`];
  if (unreadable > 0n) texts.push(`${unreadable} not readable`);
  return texts.join(", ");
}

/** Turns `directAccess` into `direct access`. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
