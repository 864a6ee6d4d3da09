// Implements `stasis remote list`, which lists the buckets of the configuration, or the snapshots
// in one of them.
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  ListRemoteSnapshotsResponseSchema,
  ListRemotesResponseSchema,
  type ListRemotesResponse,
  type RemoteSnapshot,
} from "../../client/index.js";
import { collectLabel, countArgument } from "../arguments.js";
import { yellow } from "../color.js";
import { usageError } from "../exit-codes.js";
import { formatAge, formatBytes, printable } from "../format.js";
import { listRemoteUpTo, type RemoteSelection } from "../remote-snapshots.js";
import { messageJson, renderJson, withSession, type GlobalOptions } from "../session.js";
import { printErr, printOut } from "../stdio.js";
import { renderTable } from "../table.js";

/** Lists the remotes of a configuration file without a daemon. */
type ListOffline = (configFile: string) => Promise<ListRemotesResponse>;

interface ListFlags extends GlobalOptions, RemoteSelection {
  readonly config?: string;
  readonly limit?: number;
}

export function addRemoteList(remote: Command, offline: ListOffline, configText: string): void {
  remote
    .command("list")
    .alias("ls")
    .summary("list the remotes, or the snapshots at one")
    .description(
      "Without NAME lists the remotes of the configuration, and makes no request to them. With NAME " +
        "lists the snapshots there, newest first; STORED is what the push of the snapshot has added " +
        "to the bucket. With --quiet prints only the ids.",
    )
    .argument("[name]", "name of the remote whose snapshots are listed")
    .option("--config <file>", `${configText}; not with NAME`)
    .option("--label <key=value>", "only snapshots with this label; repeatable", collectLabel)
    .option("--name-prefix <text>", "only snapshots whose name starts with this")
    .option("--node <id>", "only snapshots that the node with this id has pushed")
    .option(
      "--limit <n>",
      "show at most this many, with a note on stderr if there are more",
      countArgument,
    )
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ListFlags>();
      await (name === undefined ? listRemotes(flags, offline) : listSnapshots(flags, name));
    });
}

async function listRemotes(flags: ListFlags, offline: ListOffline): Promise<void> {
  const { config, label, namePrefix, node, limit } = flags;
  if ([label, namePrefix, node, limit].some((option) => option !== undefined)) {
    throw usageError(
      "name the remote whose snapshots --label, --name-prefix, --node or --limit select",
    );
  }
  const found =
    config === undefined
      ? await withSession(flags, ({ client, call }) => client.listRemotes(call))
      : await offline(config);
  const json = (): string => renderJson(messageJson(ListRemotesResponseSchema, found));
  await printOut(flags.json ? json() : renderRemotes(found));
}

function renderRemotes({ remotes }: ListRemotesResponse): string {
  const rows = remotes.map(({ name, endpoint, bucket, prefix, region }) =>
    [name, endpoint, bucket, prefix === "" ? "-" : prefix, region].map(printable),
  );
  return renderTable(["NAME", "ENDPOINT", "BUCKET", "PREFIX", "REGION"], rows);
}

async function listSnapshots(flags: ListFlags, name: string): Promise<void> {
  if (flags.config !== undefined) throw usageError("--config lists remotes, not their snapshots");
  await withSession(flags, async (session) => {
    const found = await listRemoteUpTo(session, name, flags, flags.limit);
    const { snapshots, totalSize, brokenIds, brokenSize } = found;
    await session.answer(
      () => messageJson(ListRemoteSnapshotsResponseSchema, found),
      () =>
        flags.quiet ? snapshots.map(({ id }) => `${id}\n`).join("") : renderSnapshots(snapshots),
    );
    // These lines are printed even with --json and --quiet, because a script must not mistake a
    // part for the whole.
    const more = Number(totalSize) - snapshots.length;
    if (found.nextPageToken !== "" && more > 0) {
      printErr(`and ${more} more: --limit cut them off\n`);
    }
    if (brokenSize > 0n) {
      const ids = brokenIds.slice(0, 3).join(", ");
      const others = brokenSize > 3n ? ` and ${brokenSize - 3n} more` : "";
      printErr(`not listed, because they are broken: ${ids}${others} (docs/remotes.md)\n`);
    }
  });
}

function renderSnapshots(snapshots: readonly RemoteSnapshot[]): string {
  const rows = snapshots.map((snapshot) => [
    printable(snapshot.config?.name || "-"),
    printable(snapshot.id),
    formatBytes(snapshot.dataBytes),
    formatBytes(snapshot.packedBytes),
    formatAge(snapshot.pushedAt),
    printable(snapshot.nodeId),
    notesOf(snapshot),
  ]);
  const header = ["NAME", "ID", "DATA", "STORED", "PUSHED", "NODE", "NOTE"];
  return renderTable(header, rows, { cut: "NAME" });
}

function notesOf({ protected: isProtected, expireTime }: RemoteSnapshot): string {
  const expires = expireTime === undefined ? "" : timestampDate(expireTime).toISOString();
  return [
    isProtected ? yellow("protected") : "",
    expires === "" ? "" : `expires ${expires.slice(0, 10)}`,
  ]
    .filter(Boolean)
    .join(", ");
}
