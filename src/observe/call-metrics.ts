// Defines the metrics of calls. Labels come from fixed sets only, so a caller cannot add a label.
import type { MetricSet } from "./metric-set.js";
import { reading, type Samples } from "./metric-set.js";
import type { CallObserver, MethodTotals } from "./ports.js";

/** The buckets range from a lookup in the catalog to the upload of a large snapshot. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10, 60, 600];
const otherLabel = "other";

/**
 * Reasons that count as refusals: the call could succeed later or with less data, or access is
 * denied.
 */
const refusals: ReadonlySet<string> = new Set([
  ...["TOO_MANY_STREAMS", "STORAGE_FULL", "LIMIT_EXCEEDED", "DRAINING", "BLOCKED_BY_GC"],
  ...["CREDENTIALS_INVALID", "ROLE_INSUFFICIENT", "ACCESS_DENIED"],
]);

const counted = [
  ...["calls", "byte_streams", "unfinished_requests", "streams", "watchers"],
  ...["KiB_of_headers", "KiB_of_requests", "KiB_of_answers"],
] as const;

/** The limits that refusals name. An error of a peer may name other limits. */
const limits: ReadonlySet<string> = new Set([
  ...counted.flatMap((name) => [
    name,
    `${name}_of_this_identity`,
    `${name}_without_credentials`,
    `${name}_on_this_connection`,
  ]),
  ...["max_store", "prefix_quota", "reserve", "max_message_bytes", "max_files", "max_segments"],
  ...["max_envelope_bytes", "max_upload_bytes", "max_ratio", "sparse_map_bytes", "zstd_windows"],
]);

export function callMetrics(set: MetricSet, methods: readonly string[]): CallObserver {
  const totals = new Map<string, MethodTotals>();
  for (const method of [...methods, otherLabel]) {
    totals.set(method, { receivedBytes: 0, sentBytes: 0, active: 0 });
  }
  const labelOf = (method: string): string => (totals.has(method) ? method : otherLabel);
  const byMethod = (value: (of: MethodTotals) => number): Samples =>
    [...totals].map(([method, of]) => [{ method }, value(of)] as const);
  const labels = ["method"] as const;
  const seconds = set.histogram(
    "stasis_rpc_seconds",
    "Time from the begin of a call to its status, by method and status code. Calls that are refused before they begin are not in it",
    secondsBuckets,
    ["method", "code"],
  );
  set.readings("calls", [
    reading("stasis_rpc_active", "Calls that run", () => byMethod((of) => of.active), labels),
    reading(
      "stasis_rpc_received_bytes_total",
      "Bytes of the messages of callers",
      () => byMethod((of) => of.receivedBytes),
      labels,
    ),
    reading(
      "stasis_rpc_sent_bytes_total",
      "Bytes of the messages to callers",
      () => byMethod((of) => of.sentBytes),
      labels,
    ),
  ])(() => ({}));
  const refused = set.counter(
    "stasis_rpc_refusals_total",
    "Calls that were refused, by reason, and by the limit that they would exceed",
    ["reason", "limit"],
  );
  return {
    totalsOf: (method) => totals.get(labelOf(method)) ?? unknownTotals(),
    ended: (method, code, took) => seconds.observe({ method: labelOf(method), code }, took),
    refused(reason, limit) {
      if (!refusals.has(reason)) return;
      if (limit === undefined) refused.inc({ reason });
      else refused.inc({ reason, limit: limits.has(limit) ? limit : otherLabel });
    },
  };
}

function unknownTotals(): never {
  throw new Error("the totals of other methods are missing");
}
