// `npm run fix`: writes deploy/grafana/stasis.json, the dashboard of a fleet of daemons. The panels
// are in the order in which somebody on call needs them: whether a daemon serves, which callers
// wait, what is full, what is damaged, what moves.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

interface Query {
  readonly expr: string;
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  readonly description: string;
  /** A unit of Grafana. */
  readonly unit: string;
  readonly queries: readonly Query[];
  readonly kind?: "stat" | "timeseries";
  readonly min?: number;
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const on = 'job="$job", instance=~"$instance"';
const rate = (metric: string, labels = ""): string =>
  `rate(${metric}{${on}${labels}}[$__rate_interval])`;
const gauge = (metric: string, labels = ""): string => `${metric}{${on}${labels}}`;
const slowest = (quantile: number, metric: string, by: string): string =>
  `histogram_quantile(${quantile}, sum by (le, ${by}) (${rate(`${metric}_bucket`)}))`;

const here = "{{instance}}";

const rows: readonly Row[] = [
  {
    title: "Does it serve",
    panels: [
      {
        ...{ title: "Ready", unit: "short", kind: "stat", min: 0 },
        description: "1: reads and writes are served. 0: see the conditions",
        queries: [{ expr: gauge("stasis_ready"), legend: here }],
      },
      {
        ...{ title: "Conditions", unit: "short", kind: "stat", min: 0 },
        description: "Problems that the daemon has now, by reason. Empty is good",
        queries: [{ expr: `${gauge("stasis_condition")} == 1`, legend: `${here} {{reason}}` }],
      },
      {
        ...{ title: "Damaged or lost snapshots", unit: "short", kind: "stat", min: 0 },
        description: "Run `stasis verify` and `stasis check`",
        queries: [
          { expr: gauge("stasis_snapshots_damaged"), legend: `${here} damaged` },
          { expr: gauge("stasis_snapshots", ', state="lost"'), legend: `${here} lost` },
        ],
      },
      {
        ...{ title: "Space that uploads may use", unit: "bytes", kind: "stat", min: 0 },
        description: "Free bytes of the filesystem without the reserve",
        queries: [
          {
            expr: `${gauge("stasis_filesystem_free_bytes")} - ${gauge("stasis_store_reserve_bytes")}`,
            legend: here,
          },
        ],
      },
    ],
  },
  {
    title: "Calls",
    panels: [
      {
        ...{ title: "Calls that ended", unit: "reqps" },
        description: "By method, over all nodes that are chosen",
        queries: [
          { expr: `sum by (method) (${rate("stasis_rpc_seconds_count")})`, legend: "{{method}}" },
        ],
      },
      {
        ...{ title: "Calls that failed", unit: "reqps" },
        description: "By status code. A caller that cancels counts as CANCELLED",
        queries: [
          {
            expr: `sum by (code) (${rate("stasis_rpc_seconds_count", ', code!="OK"')})`,
            legend: "{{code}}",
          },
        ],
      },
      {
        ...{ title: "Time of a call, 99th percentile", unit: "s" },
        description: "Streams last as long as their data and their caller take",
        queries: [{ expr: slowest(0.99, "stasis_rpc_seconds", "method"), legend: "{{method}}" }],
      },
      {
        ...{ title: "Refusals by limit", unit: "reqps" },
        description: "A caller that runs into its own limit is noisy; one for all is a full house",
        queries: [
          {
            expr: `sum by (reason, limit) (${rate("stasis_rpc_refusals_total")})`,
            legend: "{{reason}} {{limit}}",
          },
        ],
      },
      {
        ...{ title: "Bytes in", unit: "Bps" },
        description: "Messages of callers, by method",
        queries: [
          {
            expr: `sum by (method) (${rate("stasis_rpc_received_bytes_total")})`,
            legend: "{{method}}",
          },
        ],
      },
      {
        ...{ title: "Bytes out", unit: "Bps" },
        description: "Messages to callers, by method",
        queries: [
          {
            expr: `sum by (method) (${rate("stasis_rpc_sent_bytes_total")})`,
            legend: "{{method}}",
          },
        ],
      },
      {
        ...{ title: "Streams and limits in use", unit: "percentunit", min: 0 },
        description: "Share of each limit for all callers together",
        queries: [
          {
            expr: `${gauge("stasis_limit_in_use")} / ${gauge("stasis_limit")}`,
            legend: `${here} {{limit}}`,
          },
        ],
      },
      {
        ...{ title: "Queues", unit: "short", min: 0 },
        description:
          "Streams before their call begins, connections that are paused, downloads before their turn",
        queries: [
          { expr: gauge("stasis_queue_length"), legend: `${here} {{queue}}` },
          { expr: gauge("stasis_commit_queue_length"), legend: `${here} commit` },
        ],
      },
    ],
  },
  {
    title: "Space",
    panels: [
      {
        ...{ title: "What the store is charged", unit: "bytes", min: 0 },
        description: "What quotas count: snapshots, uploads, trash, kept transfers",
        queries: [
          { expr: gauge("stasis_store_charged_bytes"), legend: `${here} charged` },
          { expr: gauge("stasis_store_quota_bytes"), legend: `${here} max_store` },
          { expr: gauge("stasis_store_trash_bytes"), legend: `${here} trash` },
          { expr: gauge("stasis_store_staging_bytes"), legend: `${here} uploads` },
        ],
      },
      {
        ...{ title: "Free space of the filesystem", unit: "bytes", min: 0 },
        description: "What the daemon may use, and the reserve that uploads leave",
        queries: [
          { expr: gauge("stasis_filesystem_free_bytes"), legend: here },
          { expr: gauge("stasis_store_reserve_bytes"), legend: `${here} reserve` },
        ],
      },
      {
        ...{ title: "Free inodes", unit: "percentunit", min: 0 },
        description: "Each file of a snapshot takes two",
        queries: [
          {
            expr: `${gauge("stasis_filesystem_free_inodes")} / ${gauge("stasis_filesystem_inodes")}`,
            legend: here,
          },
        ],
      },
      {
        ...{ title: "Snapshots", unit: "short", min: 0 },
        description: "By state",
        queries: [{ expr: gauge("stasis_snapshots"), legend: `${here} {{state}}` }],
      },
      {
        ...{ title: "Rows on which collections acted", unit: "short" },
        description: "Per second, by the reason to remove them and by outcome",
        queries: [
          {
            expr: `sum by (reason, outcome) (${rate("stasis_gc_rows_total")})`,
            legend: "{{reason}} {{outcome}}",
          },
        ],
      },
      {
        ...{ title: "Bytes that collections freed", unit: "Bps" },
        description: "Charged bytes, by reason",
        queries: [
          {
            expr: `sum by (reason) (${rate("stasis_gc_freed_bytes_total")})`,
            legend: "{{reason}}",
          },
        ],
      },
    ],
  },
  {
    title: "Integrity and replication",
    panels: [
      {
        ...{ title: "Age of the last scrub", unit: "s", min: 0 },
        description: "Compare with scrub_interval. No line: none has ended yet",
        queries: [{ expr: `time() - ${gauge("stasis_scrub_end_time_seconds")}`, legend: here }],
      },
      {
        ...{ title: "What the running scrub has read", unit: "bytes", min: 0 },
        description: "A line that stays flat is a scrub that waits for the disk",
        queries: [{ expr: gauge("stasis_scrub_bytes"), legend: here }],
      },
      {
        ...{ title: "Pulls", unit: "short", min: 0 },
        description: "Running ones, and those that were cut off and can be resumed",
        queries: [{ expr: gauge("stasis_transfers"), legend: `${here} {{state}}` }],
      },
      {
        ...{ title: "Silence of the slowest pull", unit: "s", min: 0 },
        description: "Seconds since a running pull brought something",
        queries: [{ expr: gauge("stasis_transfer_silence_seconds"), legend: here }],
      },
      {
        ...{ title: "Pulled data that did not travel", unit: "percentunit" },
        description: "Saved by blocks that this node had, and by page deltas",
        queries: [
          {
            expr: `1 - ${rate("stasis_pull_received_bytes_total")} / ${rate("stasis_pull_data_bytes_total")}`,
            legend: here,
          },
        ],
      },
      {
        ...{ title: "Pulls that ended", unit: "reqps" },
        description: "By outcome",
        queries: [
          {
            expr: `sum by (kind, outcome) (${rate("stasis_pulls_total")})`,
            legend: "{{kind}} {{outcome}}",
          },
        ],
      },
    ],
  },
  {
    title: "The process",
    panels: [
      {
        ...{ title: "Event loop lag, 99th percentile", unit: "s", min: 0 },
        description: "What each call waits for others",
        queries: [
          { expr: slowest(0.99, "stasis_event_loop_lag_seconds", "instance"), legend: here },
        ],
      },
      {
        ...{ title: "Commit of the catalog, 99th percentile", unit: "s", min: 0 },
        description: "With its fsync: a slow disk shows here first",
        queries: [
          { expr: slowest(0.99, "stasis_catalog_commit_seconds", "instance"), legend: here },
        ],
      },
      {
        ...{ title: "Memory", unit: "bytes", min: 0 },
        description: "Of the process, and by part (SECURITY.md has the budget)",
        queries: [
          { expr: gauge("process_resident_memory_bytes"), legend: `${here} resident` },
          { expr: gauge("stasis_memory_bytes"), legend: `${here} {{part}}` },
        ],
      },
      {
        ...{ title: "CPU", unit: "percentunit", min: 0 },
        description: "1 is one core",
        queries: [{ expr: rate("process_cpu_seconds_total"), legend: here }],
      },
      {
        ...{ title: "Write-ahead log of the catalog", unit: "bytes", min: 0 },
        description: "It grows while a reader keeps it from being checkpointed",
        queries: [{ expr: gauge("stasis_catalog_wal_bytes"), legend: here }],
      },
      {
        ...{ title: "Connections", unit: "short", min: 0 },
        description: "By listener",
        queries: [{ expr: gauge("stasis_connections"), legend: `${here} {{listener}}` }],
      },
    ],
  },
];

/** Grafana's grid has 24 columns. */
const columns = 24;
const heights = { stat: 4, timeseries: 8 } as const;
const widths = { stat: 6, timeseries: 12 } as const;

const datasource = { type: "prometheus", uid: "${datasource}" };

/** Returns the model of a Grafana dashboard, schema version 39 (Grafana 11). */
export function dashboard(): Record<string, unknown> {
  const panels: unknown[] = [];
  let y = 0;
  const nextId = (): number => panels.length + 1;
  for (const { title, panels: own } of rows) {
    const gridPos = { h: 1, w: columns, x: 0, y };
    panels.push({ id: nextId(), type: "row", title, collapsed: false, gridPos, panels: [] });
    y += 1;
    let x = 0;
    let height = 0;
    for (const panel of own) {
      const { kind = "timeseries" } = panel;
      const [w, h] = [widths[kind], heights[kind]];
      if (x + w > columns) [x, y] = [0, y + height];
      panels.push(panelModel(panel, nextId(), { h, w, x, y }));
      x += w;
      height = h;
    }
    y += height;
  }
  return {
    uid: "stasis",
    title: "stasis",
    description: "Daemons that store microVM snapshots. docs/metrics.md explains each metric.",
    tags: ["stasis"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "",
    links: [],
    annotations: { list: [] },
    templating: { list: variables },
    panels,
  };
}

function panelModel(panel: Panel, id: number, gridPos: object): Record<string, unknown> {
  const { title, description, unit, queries, kind = "timeseries", min } = panel;
  return {
    ...{ id, type: kind, title, description, datasource, gridPos },
    fieldConfig: { defaults: { unit, ...(min === undefined ? {} : { min }) }, overrides: [] },
    options: kind === "stat" ? statOptions : timeseriesOptions,
    targets: queries.map(({ expr, legend }, index) => ({
      ...{ refId: String.fromCharCode(65 + index), datasource, expr, legendFormat: legend },
      ...(kind === "stat" ? { instant: true } : {}),
    })),
  };
}

const statOptions = {
  reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
  colorMode: "value",
  graphMode: "none",
  textMode: "value_and_name",
};
const timeseriesOptions = {
  legend: { displayMode: "list", placement: "bottom", showLegend: true },
  tooltip: { mode: "multi", sort: "desc" },
};

const variables = [
  { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
  {
    ...{ name: "job", label: "Job", type: "query", datasource, refresh: 2 },
    query: "label_values(stasis_build_info, job)",
    current: { text: "stasis", value: "stasis" },
  },
  {
    ...{ name: "instance", label: "Node", type: "query", datasource, refresh: 2 },
    query: 'label_values(stasis_build_info{job="$job"}, instance)',
    ...{ includeAll: true, multi: true, allValue: ".*" },
    current: { text: "All", value: "$__all" },
  },
];

export const dashboardPath = fileURLToPath(
  new URL("../../deploy/grafana/stasis.json", import.meta.url),
);

export function renderDashboard(): string {
  return `${JSON.stringify(dashboard(), undefined, 2)}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  mkdirSync(dirname(dashboardPath), { recursive: true });
  writeFileSync(dashboardPath, renderDashboard());
}
