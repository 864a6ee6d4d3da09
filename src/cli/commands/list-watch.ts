// Implements `stasis ls --watch`, which draws the list again on each change. Without a terminal it
// prints the list once, and then a line for each change.
import type { ListResponse, SnapshotFilterInit } from "../../client/index.js";
import { usageError } from "../exit-codes.js";
import type { Session } from "../session.js";
import { renderSnapshots } from "../show-snapshot.js";
import { openStdout, printOut, stdoutIsTerminal, stdoutRows } from "../stdio.js";
import { textLine } from "./watch.js";

/** Shortest time between two drawings, because a busy store changes many times a second. */
const redrawMs = 300;
/**
 * The sequences that move the cursor to the top left, clear the rest of a line as it is written,
 * and clear everything below the cursor.
 */
const [home, clearLine, clearBelow] = ["\x1b[H", "\x1b[K", "\x1b[J"];
const [enterScreen, leaveScreen] = ["\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"];

type FetchList = () => Promise<ListResponse>;

export async function watchList(
  session: Session,
  filter: SnapshotFilterInit,
  fetchList: FetchList,
): Promise<void> {
  if (session.options.json || session.options.quiet) {
    throw usageError("--watch draws for people", "`stasis watch --json` prints each change");
  }
  const draw = stdoutIsTerminal() ? drawScreen : printLines;
  try {
    await draw(session, filter, fetchList);
  } catch (error) {
    // A signal ends the watch with an error, which is not a failure.
    if (!session.call.signal.aborted) throw error;
  }
}

async function drawScreen(
  { client, call }: Session,
  filter: SnapshotFilterInit,
  fetchList: FetchList,
): Promise<void> {
  let due = false;
  let drawing: Promise<void> | undefined;
  let failure: Error | undefined;
  const stop = new AbortController();
  const redraw = async (): Promise<void> => {
    while (due && !call.signal.aborted) {
      due = false;
      await printOut(screenOf(await fetchList()));
      await new Promise((resolve) => setTimeout(resolve, redrawMs));
    }
  };
  const change = (): void => {
    due = true;
    drawing ??= redraw()
      .catch((error: unknown) => {
        failure = error instanceof Error ? error : new Error(String(error));
        stop.abort(failure);
      })
      .finally(() => (drawing = undefined));
  };
  await printOut(enterScreen);
  process.stdout.on("resize", change);
  try {
    const signal = AbortSignal.any([call.signal, stop.signal]);
    for await (const _ of client.watch({ filter }, { ...call, signal })) change();
  } catch (error) {
    // If fetching the list failed, that failure ended the watch.
    throw failure ?? error;
  } finally {
    process.stdout.off("resize", change);
    await drawing;
    await printOut(leaveScreen);
  }
}

function screenOf({ snapshots, totalSize }: ListResponse): string {
  const rows = Math.max(3, stdoutRows() ?? 24);
  const lines = renderSnapshots(snapshots.slice(0, rows)).trimEnd().split("\n");
  const total = `${totalSize} snapshot${totalSize === 1n ? "" : "s"}, until Ctrl-C`;
  const shown = [...lines.slice(0, rows - 2), total];
  return home + shown.map((line) => `${line}${clearLine}`).join("\n") + clearBelow;
}

async function printLines(
  { client, call }: Session,
  filter: SnapshotFilterInit,
  fetchList: FetchList,
): Promise<void> {
  // A stalled reader must not block Ctrl-C.
  const stdout = openStdout();
  call.signal.addEventListener("abort", () => stdout.destroy());
  let listed = false;
  for await (const event of client.watch({ filter }, call)) {
    // The first event is the position from which the changes are reported.
    if (!listed) await stdout.write(Buffer.from(renderSnapshots((await fetchList()).snapshots)));
    listed = true;
    const line = textLine(event);
    if (line !== "") await stdout.write(Buffer.from(line));
  }
}
