// Shows what moves now: uploads, reads, and pulls from other nodes.
import { age, bytes, percent } from "./format.js";
import { useJson } from "./hooks.js";
import type { Activity, Lease, Transfer } from "./model.js";
import { Bar, Card, Empty, Failure, Figure, SnapshotLink } from "./parts.js";

/** Uploads are listed up to this many. */
const maxShown = 20;

export function ActivityView({ revision }: { readonly revision: number }) {
  const { data, error } = useJson<Activity>("activity", 2000, revision);
  const readers = (data?.leases ?? []).filter(({ streams, directories }) => streams + directories);
  const background = (data?.leases ?? []).filter((lease) => lease.background > 0);
  const uploads = data?.uploads ?? [];
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
          <p class="muted small">
            and {uploads.length - maxShown} more; all by prefix: {prefixes(uploads)}
          </p>
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
      {data?.transfers !== undefined && <Transfers transfers={data.transfers.transfers} />}
    </div>
  );
}

/** The names up to their first slash with the most uploads. */
function prefixes(uploads: Activity["uploads"]): string {
  const counts = new Map<string, number>();
  for (const { name } of uploads) {
    const prefix = /^[^/]*\//.exec(name)?.[0] ?? "others";
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 5)
    .map(([prefix, times]) => `${prefix} (${times})`)
    .join(", ");
}

function pulls(data: Activity | undefined): number {
  return (data?.transfers?.transfers ?? []).filter(({ active }) => active).length;
}

function useOf({ streams, directories }: Lease): string {
  return [
    streams > 0 ? `${streams} stream${streams === 1 ? "" : "s"}` : "",
    directories > 0 ? `${directories} open director${directories === 1 ? "y" : "ies"}` : "",
  ]
    .filter(Boolean)
    .join(", ");
}

function Transfers({ transfers }: { readonly transfers: readonly Transfer[] }) {
  return (
    <Card title="Pulls from other nodes">
      {transfers.length === 0 && <Empty>No pull is running, and none was cut off.</Empty>}
      <ul class="lines">
        {transfers.map(({ digest, ref, source, active, progress, startedAt }) => {
          const [done, whole] = [Number(progress?.doneBytes), Number(progress?.totalBytes)];
          const share = percent(done, whole);
          return (
            <li class="tall">
              <span class="grow">
                <strong>{ref || digest.slice(0, 19)}</strong>{" "}
                <span class="muted">from {source}</span>
              </span>
              <span class={active ? "badge" : "badge warn"}>{active ? "running" : "cut off"}</span>
              <span class="muted numbers">{age(startedAt)}</span>
              {progress !== undefined && (
                <div class="wide">
                  <Bar
                    label={`${Math.round(share)} percent done`}
                    parts={[
                      { kind: "accent", share, title: "done" },
                      { kind: "rest", share: 100 - share, title: "to do" },
                    ]}
                  />
                  <span class="muted small numbers">
                    {bytes(done)} of {bytes(whole)}, {bytes(progress.sentBytes)} travelled
                  </span>
                </div>
              )}
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
