// Defines the metrics of requests to object stores.
import type { AutoPushFigures } from "./figures.js";
import { reading, type MetricSet } from "./metric-set.js";
import type { AutoPushObserver, RemoteObserver } from "./ports.js";

/**
 * A request within one network takes milliseconds. A request with many bytes or with retries takes
 * minutes.
 */
const requestBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];

export function autoPushMetrics(set: MetricSet) {
  const pushes = set.counter(
    "stasis_auto_pushes_total",
    "Automatic pushes that have ended, by outcome: OK or the reason of the error",
    ["remote", "outcome"],
  );
  const removals = set.counter(
    "stasis_auto_push_removals_total",
    "Old copies that keep does not name, by outcome: deleted, missing, or held by a node",
    ["remote", "outcome"],
  );
  const running = set.readings<readonly AutoPushFigures[]>("auto_push", [
    reading(
      "stasis_auto_push_pending",
      "Snapshots that auto_push selects and that are not at the remote yet",
      (all) => all.map(({ remote, pending }) => [{ remote }, pending]),
      ["remote"],
    ),
    reading(
      "stasis_auto_push_lag_seconds",
      "Age of the oldest of them; 0 if there is none",
      (all) => all.map(({ remote, lagSeconds }) => [{ remote }, lagSeconds]),
      ["remote"],
    ),
    reading(
      "stasis_auto_push_failing",
      "1 while an automatic push has failed and has not succeeded since",
      (all) => all.map(({ remote, failing }) => [{ remote }, failing ? 1 : 0]),
      ["remote"],
    ),
  ]);
  const observer: AutoPushObserver = {
    autoPushed: (remote, outcome) => pushes.inc({ remote, outcome }),
    autoPushRemoved: (remote, outcome) => removals.inc({ remote, outcome }),
  };
  return { observer, running };
}

export function remoteMetrics(set: MetricSet): RemoteObserver {
  const attempts = set.counter(
    "stasis_remote_http_requests_total",
    "HTTP requests to object stores, by kind and by what became of them: the provider's bill",
    ["remote", "kind", "outcome"],
  );
  const requests = set.histogram(
    "stasis_remote_request_seconds",
    "Time of requests to object stores with all retries, by kind",
    requestBuckets,
    ["remote", "kind"],
  );
  const failures = set.counter(
    "stasis_remote_failures_total",
    "Requests to object stores that failed after all retries, by kind and reason",
    ["remote", "kind", "reason"],
  );
  const retries = set.counter(
    "stasis_remote_retries_total",
    "HTTP requests that followed a failed one, by kind",
    ["remote", "kind"],
  );
  const hedges = set.counter(
    "stasis_remote_hedges_total",
    "Second HTTP requests beside a slow one, by whether their answer was used",
    ["remote", "won"],
  );
  const sent = set.counter(
    "stasis_remote_sent_bytes_total",
    "Bytes of bodies sent to object stores",
    ["remote"],
  );
  const received = set.counter(
    "stasis_remote_received_bytes_total",
    "Bytes of bodies received from object stores",
    ["remote"],
  );
  return {
    attempted(remote, kind, outcome, bytes) {
      attempts.inc({ remote, kind, outcome });
      if (bytes.sent > 0) sent.inc({ remote }, bytes.sent);
      if (bytes.received > 0) received.inc({ remote }, bytes.received);
    },
    requested(remote, kind, outcome, seconds) {
      requests.observe({ remote, kind }, seconds);
      if (outcome !== "OK") failures.inc({ remote, kind, reason: outcome });
    },
    retried: (remote, kind) => retries.inc({ remote, kind }),
    hedged: (remote, won) => hedges.inc({ remote, won: String(won) }),
  };
}
