// Defines the metrics of work on remotes that an operator or a schedule starts.
import type { MetricSet } from "./metric-set.js";
import type { RemoteWorkObserver } from "./ports.js";

export function remoteWorkMetrics(set: MetricSet): RemoteWorkObserver {
  const collections = set.counter(
    "stasis_remote_collections_total",
    "Collections of remotes that have ended, by OK or the reason of the error; not dry runs",
    ["remote", "outcome"],
  );
  const objects = set.counter(
    "stasis_remote_collected_objects_total",
    "Packs and maps that collections have deleted from remotes",
    ["remote"],
  );
  const bytes = set.counter(
    "stasis_remote_collected_bytes_total",
    "Bytes of the packs that collections have deleted from remotes",
    ["remote"],
  );
  return {
    collected(remote, outcome, deleted) {
      collections.inc({ remote, outcome });
      objects.inc({ remote }, deleted.objects);
      bytes.inc({ remote }, deleted.packBytes);
    },
  };
}
