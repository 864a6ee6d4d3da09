// Lists the running leases and uploads, for people who inspect the store.
import type { Leases, Reader, Intakes } from "./ports.js";

export interface Activity {
  /** Snapshots that are in use. */
  readonly leases: readonly SnapshotUse[];
  readonly uploads: readonly RunningUpload[];
}

/** The number of leases on a snapshot, by kind; see `LeaseKind`. */
interface SnapshotUse {
  readonly id: string;
  readonly name: string;
  readonly streams: number;
  readonly directories: number;
  readonly background: number;
}

interface RunningUpload {
  readonly id: string;
  /** The name of the snapshot. Empty until it is known. */
  readonly name: string;
  /** The call that brought the upload, for example `create`. */
  readonly kind: string;
  readonly startedAt: Date;
}

export function activityOf(ports: Reader & Leases & Intakes): Activity {
  const { catalog, leases, intakes } = ports;
  const uses = leases.held().flatMap((id) => {
    const snapshot = catalog.get(id);
    return snapshot === undefined ? [] : [{ id, name: snapshot.config.name }];
  });
  return {
    leases: uses.map(({ id, name }) => ({
      ...{ id, name },
      streams: leases.count(id, "stream"),
      directories: leases.count(id, "directory"),
      background: leases.count(id, "background"),
    })),
    uploads: catalog
      .pendingUploads()
      .filter(({ id }) => intakes.has(id))
      .map(({ id, name, kind, startedAt }) => ({ id, name, kind, startedAt })),
  };
}
