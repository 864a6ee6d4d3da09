// Implements `stasis ls`, which finds snapshots.
import type { Command } from "commander";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  ListResponseSchema,
  type ListResponse,
  type SnapshotFilterInit,
} from "../../client/index.js";
import { watchList } from "./list-watch.js";
import { collectLabel, countArgument, expiryArgument, type Labels } from "../arguments.js";
import { collectFact, factList, type HostSelection } from "../host-option.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";
import { renderSnapshots } from "../show-snapshot.js";
import { printErr } from "../stdio.js";

interface ListOptions extends GlobalOptions {
  readonly label?: Labels;
  readonly namePrefix?: string;
  readonly image?: string;
  readonly hypervisor?: string;
  readonly host?: HostSelection;
  readonly damaged: boolean;
  readonly expiresBefore?: Date;
  readonly limit?: number;
  readonly all: boolean;
  readonly watch: boolean;
}

const maxPageSize = 1000;

export function addListCommand(program: Command): void {
  program
    .command("ls")
    .alias("list")
    .summary("list snapshots, newest first")
    .description(
      "Lists all snapshots, newest first. SIZE is the size of their files, with holes; ON-DISK is their " +
        "disk space when they were stored. With --quiet prints only the ids.",
    )
    .option("--label <key=value>", "only snapshots with this label; repeatable", collectLabel)
    .option("--name-prefix <text>", "only snapshots whose name starts with this")
    .option("--image <ref>", "only snapshots made from this image")
    .option("--hypervisor <name>", "only snapshots of this hypervisor")
    .option(
      "--host <fact=value>",
      `only snapshots of such a host: ${factList}; repeatable`,
      collectFact,
    )
    .option("--damaged", "only snapshots that are marked as damaged", false)
    .option(
      "--expires-before <when>",
      "only snapshots that expire before: 7d or a time",
      expiryArgument,
    )
    .option(
      "--limit <n>",
      "show at most this many, with a note on stderr if there are more",
      countArgument,
    )
    .option("--all", "show all snapshots (default)", false)
    .option("--watch", "draw the list again on each change, until Ctrl-C", false)
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<ListOptions>();
      await withSession(options, (session) => list(session, options));
    });
}

async function list(session: Session, options: ListOptions): Promise<void> {
  const limit = options.all
    ? Number.POSITIVE_INFINITY
    : (options.limit ?? Number.POSITIVE_INFINITY);
  const filter = filterFrom(options);
  const fetchList = (): Promise<ListResponse> => listUpTo(session, limit, filter);
  if (options.watch) return watchList(session, filter, fetchList);
  const response = await fetchList();
  await session.answer(
    () => messageJson(ListResponseSchema, response),
    () =>
      options.quiet
        ? response.snapshots.map((snapshot) => `${snapshot.config?.id ?? ""}\n`).join("")
        : renderSnapshots(response.snapshots),
  );
  const more = Number(response.totalSize) - response.snapshots.length;
  // This is printed even with --json and --quiet, because a script must not mistake a part for the
  // whole.
  if (response.nextPageToken !== "" && more > 0)
    printErr(`and ${more} more: --limit cut them off\n`);
}

/** Fetches as many pages as needed and combines them into one answer. */
async function listUpTo(
  session: Session,
  limit: number,
  filter: SnapshotFilterInit,
): Promise<ListResponse> {
  const whole = create(ListResponseSchema);
  do {
    const pageSize = Math.min(maxPageSize, limit - whole.snapshots.length);
    const pageToken = whole.nextPageToken;
    const page = await session.client.list({ pageSize, pageToken, filter }, session.call);
    whole.snapshots.push(...page.snapshots);
    whole.nextPageToken = page.nextPageToken;
    whole.totalSize = page.totalSize;
  } while (whole.nextPageToken !== "" && whole.snapshots.length < limit);
  return whole;
}

function filterFrom(options: ListOptions): SnapshotFilterInit {
  const { expiresBefore } = options;
  return {
    namePrefix: options.namePrefix ?? "",
    labels: { ...options.label },
    image: options.image ?? "",
    hypervisor: options.hypervisor ?? "",
    ...(options.host && { host: options.host }),
    ...(options.damaged && { corrupt: true }),
    ...(expiresBefore && { expiresBefore: timestampFromDate(expiresBefore) }),
  };
}
