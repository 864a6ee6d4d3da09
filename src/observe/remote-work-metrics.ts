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
  const verifications = set.counter(
    "stasis_remote_verifications_total",
    "Verifications of remotes that have ended, by OK or the reason of the error",
    ["remote", "outcome"],
  );
  const damages = set.counter(
    "stasis_remote_damages_total",
    "Missing and damaged parts of snapshots that verifications have found at remotes",
    ["remote"],
  );
  return {
    verified(remote, outcome, found) {
      verifications.inc({ remote, outcome });
      damages.inc({ remote }, found);
    },
    collected(remote, outcome, deleted) {
      collections.inc({ remote, outcome });
      objects.inc({ remote }, deleted.objects);
      bytes.inc({ remote }, deleted.packBytes);
    },
  };
}
