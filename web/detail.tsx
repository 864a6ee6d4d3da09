// Shows one snapshot: what it is, where its data lies, which calls use it, and which snapshots are
// related to it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { age, bytes, dateTime } from "./format.js";
import { go, useJson } from "./hooks.js";
import type { Detail, Lease, Listed, Named, Strip } from "./model.js";
import { Failure, SnapshotLink } from "./parts.js";

export function SnapshotDetail(props: {
  readonly id: string;
  readonly revision: number;
  readonly onLabel: (search: string) => void;
}) {
  const { id, revision, onLabel } = props;
  const path = `snapshots/${encodeURIComponent(id)}`;
  const { data, error } = useJson<Detail>(path, 5000, revision);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), [id]);
  const snapshot = data?.snapshot;
  return (
    <aside class="detail" aria-label="Snapshot">
      <header class="detail-head">
        <h1 ref={title} tabIndex={-1}>
          {snapshot === undefined ? id : snapshot.config.name || snapshot.config.id}
        </h1>
        <button class="icon" type="button" aria-label="Close" onClick={() => go("snapshots")}>
          ×
        </button>
      </header>
      <Failure error={error} />
      {data !== undefined && snapshot !== undefined && (
        <div class="detail-body">
          {snapshot.corrupt && <Damaged name={snapshot.config.name || id} />}
          <Labels labels={snapshot.config.labels} onLabel={onLabel} />
          <Facts snapshot={snapshot} />
          <Files snapshot={snapshot} />
          <Use lease={data.leases} />
          <Relatives detail={data} />
        </div>
      )}
    </aside>
  );
}

function Damaged({ name }: { readonly name: string }) {
  return (
    <div class="notice bad" role="alert">
      <strong>Damage was found in this snapshot.</strong> It is served only when forced. See which
      bytes with <code>stasis verify {name}</code>; bring it back from another node with{" "}
      <code>stasis pull --repair PEER {name}</code>.
    </div>
  );
}

function Labels(props: {
  readonly labels: Readonly<Record<string, string>>;
  readonly onLabel: (search: string) => void;
}) {
  const entries = Object.entries(props.labels);
  if (entries.length === 0) return null;
  return (
    <p class="label-list">
      {entries.map(([key, value]) => (
        <button
          class="label"
          type="button"
          title="Show all with this label"
          onClick={() => props.onLabel(`${key}=${value}`)}
        >
          {`${key}=${value}`}
        </button>
      ))}
    </p>
  );
}

function Facts({ snapshot }: { readonly snapshot: Listed }) {
  const { config } = snapshot;
  const machine = [
    config.hypervisor,
    config.cpu > 0 ? `${config.cpu} CPU${config.cpu === 1 ? "" : "s"}` : "",
    config.memory === "0" ? "" : `${bytes(config.memory)} memory`,
  ].filter(Boolean);
  return (
    <dl class="facts">
      <Fact name="Id" value={<code>{config.id}</code>} />
      <Fact name="Size" value={bytes(snapshot.sizeBytes)} />
      <Fact name="On disk" value={`${bytes(snapshot.chargedBytes)} charged`} />
      <Fact
        name="Created"
        value={`${dateTime(snapshot.createdAt)} (${age(snapshot.createdAt)} ago)`}
      />
      <Fact
        name="Used"
        value={`${dateTime(snapshot.lastAccessedAt)} (${age(snapshot.lastAccessedAt)} ago)`}
      />
      <Fact name="Machine" value={machine.join(", ")} />
      <Fact
        name="Host"
        value={Object.values(config.host ?? {})
          .filter(Boolean)
          .join(", ")}
      />
      <Fact name="Image" value={config.image} />
      <Fact name="Protected" value={snapshot.protected ? "yes" : "no"} />
      <Fact name="Expires" value={snapshot.expireTime ? dateTime(snapshot.expireTime) : ""} />
      <Fact name="Digest" value={snapshot.digest && <code>{snapshot.digest}</code>} />
      <Fact name="Extra" value={config.extra && <code>{JSON.stringify(config.extra)}</code>} />
      <Fact name="About" value={config.description} />
    </dl>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: ComponentChildren }) {
  if (value === "") return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Files({ snapshot }: { readonly snapshot: Listed }) {
  const path = `snapshots/${snapshot.config.id}/data?cells=256`;
  const { data, error } = useJson<{ readonly files: readonly Strip[] }>(path, 0);
  const stripOf = (name: string): Strip | undefined =>
    data?.files.find((strip) => strip.name === name);
  return (
    <section>
      <h2>
        Files <span class="muted">{snapshot.files.length}</span>
      </h2>
      <Failure error={error} />
      <ul class="files">
        {snapshot.files.slice(0, 200).map((file) => {
          const strip = stripOf(file.name);
          return (
            <li>
              <span class="file-name">{file.name}</span>
              <span class="muted numbers">
                {strip === undefined ? "" : `${bytes(strip.dataBytes)} of `}
                {bytes(file.sizeBytes)}
                {(strip?.sharedBytes ?? 0) > 0 && `, ${bytes(strip?.sharedBytes)} shared`}
              </span>
              {strip !== undefined && strip.cells.length > 0 && <DataStrip strip={strip} />}
            </li>
          );
        })}
      </ul>
      <p class="legend muted small">
        <span class="swatch data" /> data <span class="swatch hole" /> hole
      </p>
    </section>
  );
}

/**
 * Shows a strip on a canvas, because hundreds of cells for each of many files would be many
 * elements.
 */
function DataStrip({ strip }: { readonly strip: Strip }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const draw = (): void => {
      if (canvas.current !== null) drawStrip(canvas.current, strip.cells);
    };
    draw();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    return () => dark.removeEventListener("change", draw);
  }, [strip]);
  const full = strip.cells.filter((share) => share > 0).length;
  const share = Math.round((full / strip.cells.length) * 100);
  const label = `${strip.name}: data in ${share} percent of the file`;
  return <canvas ref={canvas} class="strip" role="img" aria-label={label} height={10} />;
}

function drawStrip(canvas: HTMLCanvasElement, cells: readonly number[]): void {
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(canvas.clientHeight * scale);
  const context = canvas.getContext("2d");
  if (context === null) return;
  const style = getComputedStyle(canvas);
  context.fillStyle = style.getPropertyValue("--accent");
  const width = canvas.width / cells.length;
  cells.forEach((share, index) => {
    if (share === 0) return;
    context.globalAlpha = 0.35 + (share / 100) * 0.65;
    const left = Math.floor(index * width);
    context.fillRect(left, 0, Math.ceil((index + 1) * width) - left, canvas.height);
  });
}

function Use({ lease }: { readonly lease: Lease | undefined }) {
  const parts = [
    [lease?.streams ?? 0, "stream", "streams read it"],
    [lease?.directories ?? 0, "open directory", "open directories: a deletion is refused"],
  ] as const;
  const told = parts.flatMap(([number, one, many]) =>
    number === 0 ? [] : `${number} ${number === 1 ? one : many}`,
  );
  return (
    <section>
      <h2>Leases</h2>
      <p class={told.length === 0 ? "muted" : ""}>
        {told.length === 0 ? "Nobody uses it now." : told.join(", ")}
      </p>
    </section>
  );
}

function Relatives({ detail }: { readonly detail: Detail }) {
  const { sameData, sameImage, snapshot } = detail;
  const more = sameImage.total - sameImage.snapshots.length;
  return (
    <section>
      <h2>Lineage</h2>
      <dl class="facts">
        <Fact name="Same data" value={<Links of={sameData} none="no other snapshot" />} />
        <Fact
          name="Same image"
          value={
            snapshot.config.image === "" ? (
              <span class="muted">no image is recorded</span>
            ) : (
              <>
                <Links of={sameImage.snapshots} none="no other snapshot" />
                {more > 0 && <span class="muted"> and {more} more</span>}
              </>
            )
          }
        />
      </dl>
    </section>
  );
}

function Links({ of, none }: { readonly of: readonly Named[]; readonly none: string }) {
  if (of.length === 0) return <span class="muted">{none}</span>;
  return (
    <span class="links">
      {of.map(({ id, name }) => (
        <SnapshotLink id={id} name={name} />
      ))}
    </span>
  );
}
