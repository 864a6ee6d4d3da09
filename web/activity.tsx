// Shows the uploads, reads and pushes that are running, and the pulls that are running or were cut
// off.
import type { ComponentChildren } from "preact";
import { age, bytes, percent } from "./format.js";
import { useJson } from "./hooks.js";
import type { Activity, Lease, PullState, Transfer } from "./model.js";
import { Bar, Card, Empty, Failure, Figure, SnapshotLink } from "./parts.js";
import { givenUp, outcomeOf, undescribed } from "./pulls.js";
import { countByPrefix } from "./uploads.js";

/** Maximum number of uploads in the list. */
const maxShown = 20;

export function ActivityView({ revision }: { readonly revision: number }) {
  const { data, error } = useJson<Activity>("activity", 2000, revision);
  const readers = (data?.leases ?? []).filter(({ streams, directories }) => streams + directories);
  const background = (data?.leases ?? []).filter((lease) => lease.background > 0);
  // Callers that see pulls find them in their own list.
  const uploads = (data?.uploads ?? []).filter(({ kind }) => kind !== "pull" || !data?.pulls);
  return (
    <div class="page">
      <Failure error={error} />
      <div class="figures">
        <Figure label="Uploads" value={uploads.length} />
        <Figure label="Snapshots in use" value={readers.length} />
        <Figure label="Pulls" value={pulls(data)} />
        {data?.activeCalls !== undefined && <Figure label="gRPC calls" value={data.activeCalls} />}
      </div>
      <Card title="Uploads">
        {uploads.length === 0 && <Empty>No upload is running.</Empty>}
        {uploads.length > maxShown && <p class="muted">All by prefix: {prefixes(uploads)}</p>}
        <ul class="lines">
          {uploads.slice(0, maxShown).map(({ id, name, kind, startedAt }) => (
            <li>
              <span class="grow">{name || id}</span>
              <span class="label">{kind}</span>
              <span class="muted numbers">{age(startedAt)}</span>
            </li>
          ))}
        </ul>
        {uploads.length > maxShown && (
          <p class="muted small">and {uploads.length - maxShown} more</p>
        )}
      </Card>
      <Card title="In use">
        {readers.length === 0 && <Empty>Nobody reads a snapshot.</Empty>}
        <ul class="lines">
          {readers.map((lease) => (
            <li>
              <span class="grow">
                <SnapshotLink {...lease} />
              </span>
              <span class="muted">{useOf(lease)}</span>
            </li>
          ))}
        </ul>
        {background.length > 0 && (
          <p class="muted small">The daemon itself reads {background.length} in the background.</p>
        )}
      </Card>
      {data?.transfers !== undefined && (
        <Transfers transfers={data.transfers.transfers} pulls={data.pulls ?? []} />
      )}
    </div>
  );
}

/**
 * Returns up to five prefixes of names, each up to the first slash, that have the most running
 * uploads.
 */
function prefixes(uploads: Activity["uploads"]): string {
  return countByPrefix(uploads)
    .slice(0, 5)
    .map(([prefix, times]) => `${prefix} (${times})`)
    .join(", ");
}

function pulls(data: Activity | undefined): number {
  const active = (data?.transfers?.transfers ?? []).filter(isActivePull);
  return active.length + undescribed(data?.pulls ?? []).length;
}

function isActivePull({ active, direction }: Transfer): boolean {
  return active && direction !== "TRANSFER_DIRECTION_PUSH";
}

function useOf({ streams, directories }: Lease): string {
  return [
    streams > 0 ? `${streams} stream${streams === 1 ? "" : "s"}` : "",
    directories > 0 ? `${directories} open director${directories === 1 ? "y" : "ies"}` : "",
  ]
    .filter(Boolean)
    .join(", ");
}

function Transfers(props: {
  readonly transfers: readonly Transfer[];
  readonly pulls: readonly PullState[];
}) {
  const { transfers, pulls } = props;
  const waiting = undescribed(pulls);
  // Pulls without a digest are not among the transfers.
  const lost = givenUp(pulls).filter(({ digest }) => digest === "");
  const isEmpty = transfers.length + waiting.length + lost.length === 0;
  return (
    <Card title="Pulls, and pushes to remotes">
      {isEmpty && <Empty>No pull or push is running, and no pull was cut off.</Empty>}
      <ul class="lines">
        {waiting.map(({ ref, source, startedAt }) => (
          <TransferLine subject={ref} source={source} startedAt={startedAt} state="running">
            <div class="wide muted small">The peer has not yet described the snapshot.</div>
          </TransferLine>
        ))}
        {transfers.map(({ digest, ref, source, direction, active, progress, startedAt }) => (
          <TransferLine
            subject={ref || digest.slice(0, 19)}
            source={source}
            isPush={direction === "TRANSFER_DIRECTION_PUSH"}
            startedAt={startedAt}
            state={active ? "running" : cutOff(outcomeOf(pulls, digest))}
          >
            {progress !== undefined && <Progress {...progress} />}
          </TransferLine>
        ))}
        {lost.map(({ ref, source, startedAt, ended }) => (
          <TransferLine
            subject={ref}
            source={source}
            startedAt={startedAt}
            state={cutOff(ended?.outcome)}
          />
        ))}
      </ul>
    </Card>
  );
}

function cutOff(outcome: string | undefined): string {
  return outcome === undefined || outcome === "OK" ? "cut off" : `cut off: ${outcome}`;
}

function TransferLine(props: {
  readonly subject: string;
  readonly source: string;
  readonly isPush?: boolean;
  readonly startedAt: string;
  /** `running`, or the reason why the transfer does not run. */
  readonly state: string;
  readonly children?: ComponentChildren;
}) {
  const { subject, source, isPush = false, startedAt, state, children } = props;
  return (
    <li class="tall">
      <span class="grow">
        <strong>{subject}</strong>{" "}
        <span class="muted">
          {isPush ? "to" : "from"} {source}
        </span>
      </span>
      <span class={state === "running" ? "badge" : "badge warn"}>{state}</span>
      <span class="muted numbers">{age(startedAt)}</span>
      {children}
    </li>
  );
}

function Progress(props: NonNullable<Transfer["progress"]>) {
  const [done, whole] = [Number(props.doneBytes), Number(props.totalBytes)];
  const share = percent(done, whole);
  return (
    <div class="wide">
      <Bar
        label={`${Math.round(share)} percent done`}
        parts={[
          { kind: "accent", share, title: "done" },
          { kind: "rest", share: 100 - share, title: "to do" },
        ]}
      />
      <span class="muted small numbers">
        {bytes(done)} of {bytes(whole)}, {bytes(props.sentBytes)} travelled
      </span>
    </div>
  );
}
