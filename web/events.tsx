// Shows the events of snapshots as they happen.
import { clockTime, bytes, word } from "./format.js";
import type { WatchEvent } from "./model.js";
import { Card, Empty, SnapshotLink } from "./parts.js";

const tones: Readonly<Record<string, string>> = {
  created: "good",
  deleted: "",
  evicted: "warn",
  corrupt: "bad",
  lost: "bad",
};

export function EventsView(props: { readonly events: readonly WatchEvent[]; live: boolean }) {
  const { events, live } = props;
  return (
    <div class="page">
      <Card title="Events" note={live ? "since this page was opened, newest first" : "connecting"}>
        {events.length === 0 && <Empty>Nothing has happened since this page was opened.</Empty>}
        <ul class="lines" aria-live="polite">
          {events.map((event) => (
            <Line event={event} />
          ))}
        </ul>
      </Card>
    </div>
  );
}

function Line({ event }: { readonly event: WatchEvent }) {
  const { snapshot, previousName, replacedBy, removalReason } = event;
  const type = word(event.type, "EVENT_TYPE_");
  const notes = [
    previousName === "" ? "" : `was ${previousName}`,
    replacedBy === "" ? "" : `replaced by ${replacedBy}`,
    removalReason === "REMOVAL_REASON_TAKEN" ? "moved to a directory" : "",
    removalReason === "REMOVAL_REASON_EXPIRED" ? "expired" : "",
    type === "missed" ? "events are gone: reload the page" : "",
  ];
  return (
    <li>
      <time class="muted numbers" dateTime={event.occurredAt}>
        {clockTime(event.occurredAt)}
      </time>
      <span class={`badge ${tones[type] ?? ""}`}>{type}</span>
      <span class="grow">
        {snapshot !== undefined && (
          <SnapshotLink id={snapshot.config.id} name={snapshot.config.name} />
        )}{" "}
        <span class="muted">{notes.filter(Boolean).join(", ")}</span>
      </span>
      {snapshot !== undefined && <span class="muted numbers">{bytes(snapshot.sizeBytes)}</span>}
    </li>
  );
}
