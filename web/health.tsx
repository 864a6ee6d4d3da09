// Shows whether the daemon can do its work, what is damaged, and what to do about it.
import { age, bytes, constant, count, dateTime } from "./format.js";
import { useJson } from "./hooks.js";
import { othersBytes, type Damage, type Info, type ScrubRun } from "./model.js";
import type { Warning } from "./warnings.js";
import { Card, Empty, Failure, Figure, SnapshotLink } from "./parts.js";

/** Short advice by reason, without the prefix of the reason. The runbook has the steps. */
const advice: Readonly<Record<string, string>> = {
  ROOT_UNAVAILABLE:
    "The store's root is gone, for example unmounted. Mount it again, and the daemon continues.",
  STORED_DATA_CORRUPT:
    "The catalog is damaged. Nothing is lost: restart the daemon, and it rebuilds the catalog from the manifests.",
  STORE_READ_ONLY:
    "The filesystem is read-only. Look at the kernel's log for disk errors, then mount it read-write.",
  IO_FAILED: "The disk fails writes. Look at the kernel's log; move the snapshots to another node.",
};

const ofSnapshots =
  "Delete snapshots, or plan a collection under Collection and run it with stasis gc.";

/** Returns the advice for a full disk, which first names what takes most of the space. */
function fullDiskAdvice(info: Info | undefined): string {
  if (info?.filesystemBytes === undefined) {
    return `Space shows whether snapshots or other programs take it. ${ofSnapshots}`;
  }
  const [charged, others] = [Number(info.info.usage?.chargedBytes ?? 0), othersBytes(info)];
  if (others > charged) {
    return `Other programs take ${bytes(others)} of the disk, the store ${bytes(charged)}. Find and remove what they have stored there: the runbook says how under StasisDiskFull. If that does not help, add space. ${ofSnapshots}`;
  }
  return `The store takes ${bytes(charged)} of the disk, other programs ${bytes(others)}. ${ofSnapshots}`;
}

export function HealthView(props: {
  readonly info: Info | undefined;
  readonly warnings: readonly Warning[];
  readonly revision: number;
}) {
  const { info, warnings, revision } = props;
  const { data, error } = useJson<Damage>("damage", 15_000, revision);
  const facts = info?.info;
  return (
    <div class="page">
      <Failure error={error} />
      <div class="figures">
        <Figure
          label="State"
          value={info === undefined ? "…" : info.failed.join(", ") || "ready"}
          note={facts && `up ${age(facts.startedAt)}`}
        />
        <Figure label="Damaged" value={data === undefined ? "…" : count(data.damagedTotal)} />
        <Figure label="Lost" value={data === undefined ? "…" : count(data.lost.length)} />
        <Figure label="Version" value={facts?.version ?? "…"} note={facts?.commit} />
      </div>
      <Problems info={info} damage={data} warnings={warnings} />
      <Damaged damage={data} />
      <Scrub info={info} />
      <Card title="This daemon">
        <dl class="facts">
          <Pair name="Node" value={facts?.nodeId ?? ""} />
          <Pair name="Root" value={facts?.root || "not shown to this identity"} />
          <Pair name="You are" value={identityText(info)} />
        </dl>
      </Card>
    </div>
  );
}

function identityText(info: Info | undefined): string {
  if (info === undefined) return "";
  const { name, role, namePrefix } = info.identity;
  return `${name}, ${role}${namePrefix === "" ? "" : `, confined to ${namePrefix}`}`;
}

function Pair({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Problems(props: {
  readonly info: Info | undefined;
  readonly damage: Damage | undefined;
  readonly warnings: readonly Warning[];
}) {
  const { info, damage, warnings } = props;
  const problems = info?.info.problems ?? [];
  const suspect = info?.info.clock?.suspect === true;
  const isKnown = info !== undefined && damage !== undefined;
  const isDamaged = (damage?.damagedTotal ?? 0) + (damage?.lost.length ?? 0) > 0;
  const isFine = isKnown && !isDamaged && problems.length + warnings.length === 0 && !suspect;
  return (
    <Card title="Problems" note={<Runbook />}>
      {isFine && <Empty>No problem is known: reads and writes work.</Empty>}
      {problems.map(({ reason: name, message, since, stopsReads }) => {
        const reason = constant(name, "ERROR_REASON_");
        return (
          <div class="notice bad" role="alert">
            <strong>{reason}</strong> since {dateTime(since)}:{" "}
            {stopsReads ? "nothing works." : "writes fail, reads work."}
            {message !== "" && <p>{message}</p>}
            <p>{reason === "STORAGE_FULL" ? fullDiskAdvice(info) : adviceFor(reason)}</p>
          </div>
        );
      })}
      {damage !== undefined && isDamaged && <DamageNotice {...damage} />}
      {warnings.map(({ title, text, entry, isInActivity }) => (
        <div class="notice warn">
          <strong>{title}</strong> {text}{" "}
          {isInActivity === true && (
            <>
              <a href="#/activity">Activity</a> shows it by name.{" "}
            </>
          )}
          The runbook has more under {entry}.
        </div>
      ))}
      {suspect && (
        <div class="notice warn">
          <strong>The clock is suspect.</strong> Collections by age wait until it is trusted again.
          Set it right; if it is right, say so with <code>stasis gc --trust-clock</code>.
        </div>
      )}
    </Card>
  );
}

function adviceFor(reason: string): string {
  return advice[reason] ?? "See the daemon's log.";
}

function DamageNotice({ damagedTotal, lost }: Damage) {
  const snapshots = (number: number): string =>
    number === 1 ? "1 snapshot" : `${count(number)} snapshots`;
  return (
    <div class="notice bad" role="alert">
      {damagedTotal > 0 && (
        <p>
          <strong>Damaged data in {snapshots(damagedTotal)}.</strong> It is not served unless
          forced. The runbook has more under StasisSnapshotDamaged.
        </p>
      )}
      {lost.length > 0 && (
        <p>
          <strong>The files of {snapshots(lost.length)} are missing.</strong> The runbook has more
          under StasisSnapshotLost.
        </p>
      )}
    </div>
  );
}

function Runbook() {
  return (
    <a href="/assets/runbook.md" target="_blank" rel="noreferrer">
      runbook
    </a>
  );
}

function Damaged({ damage }: { readonly damage: Damage | undefined }) {
  const { damaged = [], lost = [], damagedTotal = 0 } = damage ?? {};
  const isWhole = damaged.length === 0 && lost.length === 0;
  return (
    <Card title="Damaged and lost snapshots">
      {isWhole && <Empty>No damage is known.</Empty>}
      {!isWhole && (
        <p class="muted">
          Damaged data is not served unless forced. <code>stasis verify NAME</code> shows which
          bytes; <code>stasis pull --repair PEER NAME</code> brings it back from another node; a
          snapshot that nobody has is to be deleted.
        </p>
      )}
      <ul class="lines">
        {damaged.map(({ config, sizeBytes }) => (
          <li>
            <span class="grow">
              <SnapshotLink id={config.id} name={config.name} />
            </span>
            <span class="badge bad">damaged</span>
            <span class="muted numbers">{bytes(sizeBytes)}</span>
          </li>
        ))}
        {lost.map(({ id, name }) => (
          <li>
            <span class="grow">{name || id}</span>
            <span class="badge bad">lost</span>
            <span class="muted">its directory is missing</span>
          </li>
        ))}
      </ul>
      {damagedTotal > damaged.length && (
        <p class="muted">and {count(damagedTotal - damaged.length)} more</p>
      )}
    </Card>
  );
}

function Scrub({ info }: { readonly info: Info | undefined }) {
  const scrub = info?.info.scrub;
  if (scrub === undefined) return null;
  const told = (run: ScrubRun): string =>
    `${count(run.snapshots)} snapshots, ${bytes(run.bytes)}, ${count(run.damaged)} damaged`;
  return (
    <Card title="Scrub" note="reads all data again and compares it">
      <dl class="facts">
        {scrub.running !== undefined && (
          <Pair
            name="Running"
            value={`since ${dateTime(scrub.running.startedAt)}: ${told(scrub.running)}`}
          />
        )}
        <Pair
          name="Last"
          value={
            scrub.last === undefined
              ? "it has not finished yet"
              : `${dateTime(scrub.last.endedAt ?? "")}: ${told(scrub.last)}`
          }
        />
      </dl>
    </Card>
  );
}
