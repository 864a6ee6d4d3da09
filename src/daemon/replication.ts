// Opens everything that copies snapshots between this node and others: peers, remotes, pulls and
// pushes.
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import type { PullObserver, RemoteObserver, RemoteWorkObserver } from "../observe/ports.js";
import { maintainRemotes } from "../remote/maintenance.js";
import { openPushes, type Pushes } from "../replication/pushes.js";
import { openReplicator, type Replicator } from "../replication/replicator.js";
import type { SnapshotStore } from "../store/snapshot-store.js";
import type { ServedRemotes } from "../transport/services/remote-service.js";
import { openPeers } from "./peers.js";
import type { ReloadStep } from "./reload.js";
import { openRemotes } from "./remotes.js";

interface Replication extends AsyncDisposable {
  readonly replicator: Replicator;
  readonly pushes: Pushes;
  readonly remotes: ServedRemotes;
  readonly steps: readonly ReloadStep[];
}

interface ReplicationParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pulls: PullObserver;
  readonly remotes: RemoteObserver;
  readonly remoteWork: RemoteWorkObserver;
}

/** Opens the parts. Disposing of the result ends all transfers and the maintenance of remotes. */
export async function openReplication(
  store: SnapshotStore,
  config: DaemonConfig,
  { clock, logger, ...observers }: ReplicationParts,
): Promise<Replication> {
  const peers = openPeers(config, logger);
  const opened = openRemotes(config, observers.remotes, { clock, logger });
  const observer = observers.remoteWork;
  const maintenance = maintainRemotes({ clock, observer, openRemote: opened.open });
  const remotes = { ...opened, ...maintenance };
  const shared = {
    clock,
    limitBytesPerSecond: config.replicationLimitBytes,
    openRemote: remotes.open,
  };
  const replicator = await openReplicator(store, {
    ...shared,
    ...{ logger, connect: peers.connect, observer: observers.pulls },
    ttlMs: config.transferTtlMs,
    idleMs: config.peerIdleMs,
  });
  const pushes = await openPushes(store, { ...shared, logger });
  const close = async (): Promise<void> => {
    await maintenance.close();
    await pushes[Symbol.asyncDispose]();
    await replicator[Symbol.asyncDispose]();
  };
  const steps = [...peers.steps, ...remotes.steps];
  return { replicator, pushes, remotes, steps, [Symbol.asyncDispose]: close };
}
