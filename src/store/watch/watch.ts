// Implements Watch, which reads the catalog's events in pages, at its caller's speed, and waits for
// new events.
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
  /** The token of the last event that the caller has seen. Empty means from now on. */
  readonly resumeToken: string;
  readonly filter: ListFilter;
  /**
   * The identity whose share of watchers this watch uses. Default: the watch counts only in the
   * total.
   */
  readonly identity?: string | undefined;
}

interface AnyWatchEvent {
  readonly occurredAt: Date;
  /** A watch with this token continues after this event. */
  readonly resumeToken: string;
}

/** A change of a snapshot. */
interface SnapshotEvent extends AnyWatchEvent {
  readonly type: CatalogEventType;
  /** The snapshot right after the event, or its last state if it was removed. */
  readonly snapshot: Snapshot;
  /** The name before the event. It is set only for renamed snapshots. */
  readonly previousName: string;
  /** The labels before the event. Undefined if the event does not record them. */
  readonly previousLabels: Readonly<Record<string, string>> | undefined;
  /** Id of the snapshot that took over the name. Empty if no snapshot did. */
  readonly replacedBy: string;
}

/**
 * position  nothing happened, but the stream has reached this place
 * missed    some events were trimmed, so the caller must list again
 */
interface StreamEvent extends AnyWatchEvent {
  readonly type: "position" | "missed";
}

export type WatchEvent = SnapshotEvent | StreamEvent;

/** Number of events that a filter may leave out before the caller gets a newer token. */
const maxSkipped = 1000;
/** Number of events that a watcher reads before other work runs. */
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
    // A filter that leaves out a long history must not block the event loop.
    if (turn % eventsPerTurn === 0) await nextTurn();
  }
}

interface WatchStart {
  readonly position: EventPosition;
  /** The message that the caller needs before the first event. */
  readonly say?: StreamEvent["type"];
}

function startOf({ catalog }: WatchPorts, nodeId: string, resumeToken: string): WatchStart {
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
