// Records the operations on files as texts such as "sync staging/NEW/manifest.json", in one order
// with the commits of the catalog.
import { statSync } from "node:fs";
import { relative } from "node:path";
import type { Layer, Operation } from "./intercept.js";
import type { Place } from "./scenarios.js";

export interface Recorder extends Layer {
  readonly events: readonly string[];
  /** Records an event that is not an operation on a file, such as the answer. */
  note(event: string): void;
}

/**
 * Makes a recorder. `ids` maps the ids of known snapshots to their names. Any other snapshot is
 * NEW. The recorder calls `onEvent` with each event. It reports an operation before the operation
 * is done.
 */
export function createRecorder(
  { base, root }: Place,
  ids: ReadonlyMap<string, string>,
  onEvent: (event: string) => void = () => undefined,
): Recorder {
  const events: string[] = [];
  const note = (event: string): void => {
    onEvent(event);
    events.push(event);
  };
  const log = `${root}/catalog.db-wal`;
  let logBytes = sizeOf(log);
  // SQLite appends each commit to its log. Data that was added since the previous operation was one
  // commit.
  const noteCommit = (): void => {
    const bytes = sizeOf(log);
    if (bytes > logBytes) note("commit");
    logBytes = bytes;
  };
  const show = (path: string): string => {
    const from = path === root || path.startsWith(`${root}/`) ? root : base;
    return relative(from, path)
      .replace(/[0-9a-z]{16}/, (id) => ids.get(id) ?? "NEW")
      .replace(/\.[0-9a-f]{12}\.tmp$/, ".tmp");
  };
  return {
    events,
    note: (event) => {
      noteCommit();
      note(event);
    },
    before: ({ kind, path, to }: Operation) => {
      noteCommit();
      // An open only precedes a sync.
      if (kind === "open") return;
      note(`${kind} ${show(path) || "."}${to === undefined ? "" : ` to ${show(to)}`}`);
    },
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
