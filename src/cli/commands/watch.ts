// Implements `stasis watch`, which prints one line per change of a snapshot.
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  EventType,
  RemovalReason,
  WatchResponseSchema,
  type SnapshotFilterInit,
  type WatchResponse,
} from "../../client/index.js";
import { collectLabel, type Labels } from "../arguments.js";
import { isBrokenPipe } from "../exit-codes.js";
import { messageJson, withSession, type GlobalOptions, type Session } from "../session.js";
import { openStdout } from "../stdio.js";

interface WatchOptions extends GlobalOptions {
  readonly from?: string;
  readonly label?: Labels;
  readonly namePrefix?: string;
}

export function addWatchCommand(program: Command): void {
  program
    .command("watch")
    .summary("show changes of snapshots")
    .description(
      "Prints a line for each snapshot that is created, renamed, updated, deleted, evicted, marked " +
        "corrupt or found lost, from now on until Ctrl-C. With --json each line is one JSON " +
        "document; --from continues after the document with that resumeToken.",
    )
    .option("--from <token>", "continue after the event with this resume token")
    .option("--label <key=value>", "only snapshots with this label; repeatable", collectLabel)
    .option("--name-prefix <text>", "only snapshots whose name starts with this")
    .action(async (_options: unknown, command: Command) => {
      const options = command.optsWithGlobals<WatchOptions>();
      const filter = { namePrefix: options.namePrefix ?? "", labels: { ...options.label } };
      await withSession(options, (session) => watch(session, options.from ?? "", filter));
    });
}

async function watch(session: Session, from: string, filter: SnapshotFilterInit): Promise<void> {
  const { client, call, options } = session;
  // A stalled reader must not block Ctrl-C.
  const stdout = openStdout();
  call.signal.addEventListener("abort", () => stdout.destroy());
  let resumeToken = from;
  try {
    for await (const event of client.watch({ resumeToken: from, filter }, call)) {
      const line = options.json ? jsonLine(event) : textLine(event);
      if (line !== "") await stdout.write(Buffer.from(line));
      else if (resumeToken === "") session.note("watching, until Ctrl-C");
      ({ resumeToken } = event);
    }
  } catch (error) {
    if (isBrokenPipe(error)) throw error;
    if (resumeToken !== "") session.note(`to continue from here: --from ${resumeToken}`);
    // A signal ends the watch with an error, which is not a failure.
    if (!call.signal.aborted) throw error;
  }
}

function jsonLine(event: WatchResponse): string {
  return `${JSON.stringify(messageJson(WatchResponseSchema, event))}\n`;
}

const idWidth = 16;
const typeWidth = 8;

/**
 * Formats an event as one line. Returns an empty string for events that only matter to programs.
 */
export function textLine({
  type,
  snapshot,
  occurredAt,
  previousName,
  replacedBy,
  removalReason,
}: WatchResponse): string {
  if (type === EventType.POSITION) return "";
  const { id = "-", name = "" } = snapshot?.config ?? {};
  const time = occurredAt === undefined ? "-" : timestampDate(occurredAt).toISOString();
  const notes = [
    type === EventType.RENAMED ? `was ${previousName || "nameless"}` : "",
    replacedBy === "" ? "" : `replaced by ${replacedBy}`,
    removalReason === RemovalReason.TAKEN ? "moved to a directory" : "",
    removalReason === RemovalReason.EXPIRED ? "expired" : "",
    type === EventType.MISSED ? "events are gone: list again" : "",
  ];
  const cells = [time, typeText(type).padEnd(typeWidth), id.padEnd(idWidth), name || "-", ...notes];
  return `${cells.filter(Boolean).join("  ")}\n`;
}

/** Names the type of an event. A newer daemon may send types that this program does not know. */
function typeText(type: EventType): string {
  return (EventType[type] as string | undefined)?.toLowerCase() ?? `type ${type}`;
}
