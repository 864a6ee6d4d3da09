// Helps tests of pushes and pulls: two nodes without daemons use one bucket of a real engine.
import { randomBytes } from "node:crypto";
import { loadZstdBlockCodec } from "../../src/archive/zstd-block.js";
import { systemClock } from "../../src/base/clock.js";
import { createLogger } from "../../src/base/logger.js";
import { pushJournalName } from "../../src/files/push-journal.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { pushSnapshot, type PushBase, type Pushed } from "../../src/remote/push.js";
import { openOrMakeRepository } from "../../src/remote/repository.js";
import { readCommit, type RemoteReader } from "../../src/remote/remote-map.js";
import type { Bucket } from "../../src/remote/s3/bucket.js";
import { pullFromRemote } from "../../src/replication/pull-remote.js";
import { openTransfers } from "../../src/replication/transfers.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { never } from "../unit/store/support.js";

const codec = await loadZstdBlockCodec();
const hour = 3_600_000;

export const someSecret = randomBytes(32);

export async function openRemote(bucket: Bucket, secret?: Uint8Array): Promise<RemoteReader> {
  const repository = await openOrMakeRepository({ bucket, clock: systemClock, secret }, never);
  return { bucket, repository };
}

export interface PushedHere extends Pushed {
  readonly reusedBytes: number;
  readonly totalBytes: number;
  readonly sentBytes: number;
}

/** Pushes the snapshot with this ref. If `base` is given, the push uses it as its base. */
export async function push(
  remote: RemoteReader,
  store: SnapshotStore,
  ref: string,
  base?: LocalBase,
): Promise<PushedHere> {
  return pushWith(remote, store, ref, { base, throttle: () => Promise.resolve() });
}

interface LocalBase {
  readonly remoteId: string;
  /** The ref of the snapshot on the node. */
  readonly local?: string;
}

interface PushHow {
  readonly base?: LocalBase | undefined;
  /** This is called before each pack is sent. */
  throttle(): Promise<void>;
  readonly signal?: AbortSignal;
}

/** Pushes like `push`, with more options. */
export async function pushWith(
  remote: RemoteReader,
  store: SnapshotStore,
  ref: string,
  { base, throttle, signal = never }: PushHow,
): Promise<PushedHere> {
  const counters = { totalBytes: 0, doneBytes: 0, reusedBytes: 0, sentBytes: 0 };
  await using open = await store.openBlocks(ref, never);
  await using local =
    base?.local === undefined ? undefined : await store.openBlocks(base.local, never);
  const from: PushBase | undefined =
    base === undefined
      ? undefined
      : { commit: await readCommit(remote, base.remoteId, never), local };
  const name = pushJournalName(open.snapshot.config.id, remote.repository.format.id);
  const journal = store.transfers.journal(name);
  const parts = { ...remote, clock: systemClock, nodeId: store.nodeId, codec, counters, journal };
  const pushed = await pushSnapshot({ ...parts, throttle }, open, from, signal);
  return { ...pushed, ...counters };
}

export async function pull(
  remote: RemoteReader,
  store: SnapshotStore,
  remoteId: string,
  counters = { totalBytes: 0, doneBytes: 0, changedBytes: 0, sentBytes: 0, reusedBytes: 0 },
): Promise<Snapshot> {
  const options = { logger: createLogger("silent"), ttlMs: hour };
  await using transfers = await openTransfers<object>(store, options);
  const claim = (digest: string) => transfers.claim(digest, {});
  const throttle = (): Promise<void> => Promise.resolve();
  const find = (id: string) => Promise.resolve({ reader: remote, id });
  const request = {
    ...{ source: "cold", ref: remoteId, name: "", requestId: "" },
    ...{ unnamed: false, protect: false, keepExpireTime: false },
  };
  return await pullFromRemote({ find, store, counters, claim, throttle, codec }, request, never);
}
