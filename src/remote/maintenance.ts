// Maintains the remotes of a daemon: deletes snapshots there.
import type { Clock } from "../base/clock.js";
import { removeFromRemote, type RemoteRemoval } from "./removal.js";
import type { RemoteSession } from "./session.js";

interface MaintenanceParts {
  readonly clock: Clock;
  /**
   * Opens a remote by name. Throws FIELD_INVALID for an unknown name; `field` is the request field
   * that has it.
   */
  readonly openRemote: (name: string, field: string) => RemoteSession;
}

interface RemoveRequest {
  /** Name of the remote. */
  readonly remote: string;
  readonly refs: readonly string[];
  /** If true, refs that match nothing are skipped. */
  readonly allowMissing: boolean;
}

export interface RemoteMaintenance {
  /** Deletes snapshots, as `removeFromRemote` describes. */
  remove(request: RemoveRequest, signal: AbortSignal): Promise<readonly RemoteRemoval[]>;
}

export function maintainRemotes({ clock, openRemote }: MaintenanceParts): RemoteMaintenance {
  return {
    remove: async ({ remote, ...request }, signal) => {
      using session = openRemote(remote, "remote");
      return await removeFromRemote(session, clock, request, signal);
    },
  };
}
