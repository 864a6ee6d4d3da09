// Opens everything that copies snapshots between this node and others: peers, remotes, pulls and
// pushes.
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../base/clock.js";
import type { Logger } from "../base/logger.js";
import type { DaemonConfig } from "../config/daemon-options.js";
import type { ConfiguredRemote } from "../config/remotes.js";
import type {
  AutoPushObserver,
  PullObserver,
  RemoteObserver,
  RemoteWorkObserver,
} from "../observe/ports.js";
import { maintainRemotes } from "../remote/maintenance.js";
import { startAutoPushes, type AutoPushes } from "../replication/auto-pushes.js";
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
  readonly autoPushes: AutoPushes;
  readonly remotes: ServedRemotes;
  readonly steps: readonly ReloadStep[];
}

interface ReplicationParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pulls: PullObserver;
  readonly remotes: RemoteObserver;
  readonly remoteWork: RemoteWorkObserver;
  readonly autoPushes: AutoPushObserver;
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
  const autoPushes = startAutoPushes({
    ...{ store, pushes, clock, logger, delay: quietDelay, openRemote: remotes.open },
    ...{ observer: observers.autoPushes, targets: () => targetsOf(opened.list()) },
  });
  const close = async (): Promise<void> => {
    await maintenance.close();
    await autoPushes[Symbol.asyncDispose]();
    await pushes[Symbol.asyncDispose]();
    await replicator[Symbol.asyncDispose]();
  };
  const steps = [...peers.steps, ...remotes.steps];
  return { replicator, pushes, autoPushes, remotes, steps, [Symbol.asyncDispose]: close };
}

/** Returns the remotes to which this node pushes automatically. */
function targetsOf(remotes: readonly ConfiguredRemote[]) {
  return remotes.flatMap(({ name: remote, endpoint, bucket, prefix, autoPush, keep }) => {
    if (autoPush === undefined) return [];
    return [{ remote, place: [endpoint, bucket, prefix].join(" "), filter: autoPush, keep }];
  });
}

/** Resolves after this time, or when `signal` is aborted. */
async function quietDelay(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
