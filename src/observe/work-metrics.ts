// Defines the metrics of completed work of the store and the replicator.
import type { MetricSet } from "./metric-set.js";
import { reading } from "./metric-set.js";
import type { PullBytes, PullObserver, StoreObserver } from "./ports.js";

/**
 * A commit waits for one fsync, which takes less than a millisecond on NVMe, and 10 to 100 on hard
 * disks.
 */
const commitBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];

export function workMetrics(set: MetricSet): StoreObserver {
  const commits = set.histogram(
    "stasis_catalog_commit_seconds",
    "Time of a transaction of the catalog with its fsync, during which the daemon does nothing else",
    commitBuckets,
  );
  const collections = set.counter(
    "stasis_gc_collections_total",
    "Collections that remove, by outcome: OK or the reason of the error",
    ["outcome"],
  );
  const rows = set.counter(
    "stasis_gc_rows_total",
    "Rows on which collections acted, by the first reason to remove them and by outcome",
    ["reason", "outcome"],
  );
  const freed = set.counter(
    "stasis_gc_freed_bytes_total",
    "Charged bytes of the rows that collections removed, by reason",
    ["reason"],
  );
  const rewrites = set.counter(
    "stasis_file_rewrites_total",
    "Files of deltas in very many extents that were written again, by outcome: OK or the reason of the error",
    ["outcome"],
  );
  return {
    committed: (seconds) => commits.observe(seconds),
    collected({ reasons: [reason = "none"], outcome, chargedBytes }) {
      rows.inc({ reason, outcome });
      if (outcome === "removed") freed.inc({ reason }, chargedBytes);
    },
    collectionEnded: (outcome) => collections.inc({ outcome }),
    rewritten: (outcome) => rewrites.inc({ outcome }),
  };
}

export function pullMetrics(set: MetricSet) {
  const ended: PullBytes = { doneBytes: 0, reusedBytes: 0, sentBytes: 0 };
  const pulls = set.counter(
    "stasis_pulls_total",
    "Pulls and healings that have ended, by outcome: OK or the reason of the error",
    ["kind", "outcome"],
  );
  const running = set.readings<PullBytes>("pulls", [
    reading(
      "stasis_pull_data_bytes_total",
      "Data of pulled snapshots that is here. What did not travel is saved",
      (now) => ended.doneBytes + now.doneBytes,
    ),
    reading(
      "stasis_pull_reused_bytes_total",
      "Of these, data that another snapshot of this node had",
      (now) => ended.reusedBytes + now.reusedBytes,
    ),
    reading(
      "stasis_pull_received_bytes_total",
      "Bytes that came from peers: block tables, and blocks as they travelled",
      (now) => ended.sentBytes + now.sentBytes,
    ),
  ]);
  const observer: PullObserver = {
    pulled(kind, outcome, { doneBytes, reusedBytes, sentBytes }) {
      pulls.inc({ kind, outcome });
      ended.doneBytes += doneBytes;
      ended.reusedBytes += reusedBytes;
      ended.sentBytes += sentBytes;
    },
  };
  return { observer, running };
}
