// Watch: reads the catalog's events in pages, as fast as its caller takes them, and waits for more.
import { setImmediate as nextTurn } from "node:timers/promises";
import type {
  CatalogEvent,
  CatalogEventType,
  EventPosition,
  ListFilter,
} from "../../catalog/open.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { Reader, Watching } from "../parts/ports.js";

type WatchPorts = Pick<Reader, "catalog" | "clock"> & Watching;
import { eventMatches } from "./watch-filter.js";
import { decodeWatchToken, encodeWatchToken } from "./watch-token.js";

export interface WatchRequest {
  /** Empty: from now on. */
  readonly resumeToken: string;
  readonly filter: ListFilter;
  /** Whose places it counts among. Default: nobody's in particular. */
  readonly identity?: string | undefined;
}

interface AnyWatchEvent {
  readonly occurredAt: Date;
  /** Goes on after this event. */
  readonly resumeToken: string;
}

/** What happened to a snapshot. */
export interface SnapshotEvent extends AnyWatchEvent {
  readonly type: CatalogEventType;
  /** Right after the event, or as it was before it went. */
  readonly snapshot: Snapshot;
  /** Of renamed ones. */
  readonly previousName: string;
  /** Of renamed and updated ones. */
  readonly previousLabels: Readonly<Record<string, string>> | undefined;
  /** Id of the snapshot that took its name; empty if none did. */
  readonly replacedBy: string;
}

/** position: nothing happened, but the stream is here. missed: events are gone, list again. */
export interface StreamEvent extends AnyWatchEvent {
  readonly type: "position" | "missed";
}

export type WatchEvent = SnapshotEvent | StreamEvent;

/** Events that a filter may leave out before the caller gets a newer token. */
const maxSkipped = 1000;
/** Events that a watcher looks at before others have their turn. */
const eventsPerTurn = 32;

export async function* watch(
  reader: WatchPorts,
  request: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent, never> {
  const { catalog, watchers, clock } = reader;
  using _place = watchers.enter(request.identity);
  const nodeId = catalog.nodeId();
  const tell = (type: StreamEvent["type"], { sequence, mark }: EventPosition): StreamEvent => {
    const resumeToken = encodeWatchToken({ nodeId, sequence, mark });
    return { type, occurredAt: clock.now(), resumeToken };
  };
  const start = startOf(reader, nodeId, request.resumeToken);
  let { position } = start;
  if (start.say !== undefined) yield tell(start.say, position);
  let skipped = 0;
  for (let turn = 1; ; turn += 1) {
    signal.throwIfAborted();
    const { event, missed } = watchers.eventAfter(position.sequence);
    if (missed) {
      position = catalog.eventPosition();
      yield tell("missed", position);
    } else if (event === undefined) {
      await watchers.nextChange(signal);
    } else {
      position = { sequence: event.sequence, mark: event.mark };
      const wanted = eventMatches(request.filter, event);
      skipped = wanted ? 0 : skipped + 1;
      if (wanted) yield snapshotEvent(nodeId, event);
    }
    if (skipped >= maxSkipped) {
      skipped = 0;
      yield tell("position", position);
    }
    // A filter that leaves out all of a long history must not hold up everybody else.
    if (turn % eventsPerTurn === 0) await nextTurn();
  }
}

interface Start {
  readonly position: EventPosition;
  /** What the caller has to know first. */
  readonly say?: StreamEvent["type"];
}

function startOf({ catalog }: WatchPorts, nodeId: string, resumeToken: string): Start {
  const newest = catalog.eventPosition();
  if (resumeToken === "") return { position: newest, say: "position" };
  const position = decodeWatchToken(resumeToken);
  const known = position.nodeId === nodeId && catalog.isKnownPosition(position);
  return known ? { position } : { position: newest, say: "missed" };
}

function snapshotEvent(nodeId: string, event: CatalogEvent): SnapshotEvent {
  const { type, snapshot, occurredAt, replacedBy, previous, sequence, mark } = event;
  const previousName = type === "renamed" ? (previous?.name ?? "") : "";
  const resumeToken = encodeWatchToken({ nodeId, sequence, mark });
  const previousLabels = previous?.labels;
  return { type, snapshot, occurredAt, replacedBy, previousName, previousLabels, resumeToken };
}
