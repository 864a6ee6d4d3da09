// Shows the store's space: now, and over time as far as the daemon remembers it.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { age, bytes, count, dateTime } from "./format.js";
import { useJson, useMedia } from "./hooks.js";
import type { Info, UsageSample } from "./model.js";
import { othersBytes } from "./model.js";
import { Bar, Card, Empty, Failure, Figure } from "./parts.js";

export function SpaceView({ info }: { readonly info: Info | undefined }) {
  const { data, error } = useJson<{ readonly samples: readonly UsageSample[] }>("usage", 10_000);
  const usage = info?.info.usage;
  if (info !== undefined && usage === undefined) {
    return <Empty>The space of the whole store is shown to identities without a prefix.</Empty>;
  }
  const [charged, free] = [Number(usage?.chargedBytes ?? 0), Number(usage?.freeBytes ?? 0)];
  const size = Number(usage?.sizeBytes ?? 0);
  const limit = Number(info?.info.limits.maxStoreBytes ?? 0);
  const filesystem = info?.filesystemBytes ?? 0;
  const others = othersBytes(info);
  return (
    <div class="page">
      <Failure error={error} />
      <div class="figures">
        <Figure label="Charged" value={bytes(charged)} note={limitNote(charged, limit)} />
        <Figure
          label="Free on disk"
          value={bytes(free)}
          note={filesystem > 0 && `of ${bytes(filesystem)}; others take ${bytes(others)}`}
        />
        <Figure label="Size with holes" value={bytes(size)} note={saving(size, charged)} />
        <Figure label="Snapshots" value={count(usage?.snapshotCount ?? 0)} />
      </div>
      <Bar
        label={`${bytes(charged)} charged, ${bytes(others)} of others, ${bytes(free)} free`}
        parts={[
          { kind: "accent", share: charged, title: `${bytes(charged)} charged` },
          { kind: "others", share: others, title: `${bytes(others)} of others` },
          { kind: "rest", share: free, title: `${bytes(free)} free` },
        ]}
      />
      <Card title="Charged and free" note={since(data?.samples)}>
        <Chart samples={data?.samples ?? []} />
      </Card>
    </div>
  );
}

function limitNote(charged: number, limit: number): string | undefined {
  return limit === 0 ? undefined : `${Math.round((charged / limit) * 100)} % of max_store`;
}

function saving(size: number, charged: number): string | undefined {
  if (size <= charged || size === 0) return undefined;
  return `${Math.round((1 - charged / size) * 100)} % is holes or shared`;
}

function since(samples: readonly UsageSample[] | undefined): string {
  const [first] = samples ?? [];
  if (first === undefined) return "";
  const start = age(new Date(first.at).toISOString());
  return `the last ${start}, kept in the daemon's memory`;
}

function Chart({ samples }: { readonly samples: readonly UsageSample[] }) {
  const box = useRef<HTMLDivElement>(null);
  const dark = useMedia("(prefers-color-scheme: dark)");
  useEffect(() => {
    const element = box.current;
    if (element === null || samples.length < 2) return undefined;
    const plot = new uPlot(optionsOf(element), dataOf(samples), element);
    const resized = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: chartHeight }),
    );
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
  }, [samples, dark]);
  if (samples.length < 2) return <Empty>The first minute is being recorded.</Empty>;
  const last = samples.at(-1);
  const label = `Charged ${bytes(last?.chargedBytes)}, free ${bytes(last?.freeBytes)} now`;
  return <div class="chart" ref={box} role="img" aria-label={label} />;
}

const chartHeight = 260;

function dataOf(samples: readonly UsageSample[]): uPlot.AlignedData {
  return [
    samples.map(({ at }) => at / 1000),
    samples.map(({ chargedBytes }) => chargedBytes),
    samples.map(({ freeBytes }) => freeBytes),
  ];
}

function optionsOf(element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color("--muted"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { stroke: color("--line"), width: 1 },
    font: "12px system-ui, sans-serif",
  };
  /** If the pointer is not over the chart, the newest value is shown. */
  const value = (plot: uPlot, raw: number | null, series: number): string =>
    bytes(raw ?? plot.data[series]?.at(-1) ?? 0);
  const sizes = { size: 76, incrs: binarySteps, values: byteTicks };
  const points = { show: false };
  return {
    width: element.clientWidth,
    height: chartHeight,
    legend: { live: true },
    cursor: { drag: { x: true, y: false } },
    series: [
      { label: "Time", value: (_, raw) => (raw === null ? "now" : dateTime(raw * 1000)) },
      {
        label: "Charged",
        stroke: color("--accent"),
        width: 2,
        ...{ value, points, scale: "charged" },
      },
      {
        ...{ label: "Free", stroke: color("--muted"), width: 1.5, dash: [4, 3] },
        ...{ value, points, scale: "free" },
      },
    ],
    scales: { charged: { range: fromZero }, free: { range: fromZero } },
    axes: [
      { ...axis, values: timeTicks, space: 90 },
      { ...axis, ...sizes, scale: "charged" },
      { ...axis, ...sizes, scale: "free", side: 1, grid: { show: false } },
    ],
  };
}

const binarySteps = Array.from({ length: 45 }, (_, power) => 2 ** (power + 4));

function byteTicks(_: uPlot, ticks: readonly number[]): string[] {
  return ticks.map((at) => bytes(at));
}

/**
 * Labels the ticks with dates if they are a day or more apart, with seconds if they are less than a
 * minute apart, and otherwise with hours and minutes.
 */
function timeTicks(_: uPlot, ticks: readonly number[]): string[] {
  const [first = 0, second = first + 60] = ticks;
  const step = second - first;
  return ticks.map((at) => {
    const text = dateTime(at * 1000);
    if (step >= 86_400) return text.slice(5, 10);
    return step < 60 ? text.slice(11) : text.slice(11, 16);
  });
}

function fromZero(_: uPlot, _low: number, high: number): [number, number] {
  return [0, Math.max(1024, high * 1.1)];
}
