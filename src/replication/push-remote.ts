// Performs one push to a remote: finds a base there, and answers without a push if the remote has
// the snapshot already.
import { isDeepStrictEqual } from "node:util";
import { pushJournalName } from "../files/push-journal.js";
import type { TableSource } from "../files/table-source.js";
import type { Snapshot } from "../model/snapshot.js";
import { describeListed, type ListedSnapshot, type RemoteSnapshot } from "../remote/listed.js";
import { describeRemote, type RemoteListing } from "../remote/listing.js";
import { pushSnapshot, type PushBase, type PushParts } from "../remote/push.js";
import { readCommit, type RemoteReader } from "../remote/remote-map.js";
import type { RemoteSession } from "../remote/session.js";
import { isUnusable } from "../remote/unusable.js";
import { isWhole } from "../remote/whole.js";
import type { OpenBlocks } from "../store/read/blocks.js";
import { likelyBases, openBestBase, vmLabel } from "./base-choice.js";
import type { BaseReads, PushStore } from "./ports.js";

interface RemotePushParts extends Omit<PushParts, keyof RemoteReader | "name" | "journal"> {
  readonly store: BaseReads & Pick<PushStore, "transfers">;
  readonly session: Pick<RemoteSession, "make" | "list">;
  /** The name of the snapshot at the remote. Empty = its name on this node. */
  readonly name: string;
}

/** A snapshot at a remote, after a push. */
export interface PushedToRemote {
  readonly snapshot: RemoteSnapshot;
  /** Id of the remote's repository. */
  readonly repository: string;
  /** False if the remote had the snapshot already. */
  readonly isNew: boolean;
}

/**
 * Pushes an open snapshot. If the remote already has the whole snapshot from this node, with the
 * same name, configuration, protection and time of expiry, returns that one. A push can therefore
 * be repeated.
 */
export async function pushToRemote(
  parts: RemotePushParts,
  open: OpenBlocks,
  signal: AbortSignal,
): Promise<PushedToRemote> {
  const { store, session } = parts;
  const { snapshot } = open;
  const reader = await session.make(signal);
  const listing = await session.list(signal);
  const name = parts.name === "" ? snapshot.config.name : parts.name;
  const repository = reader.repository.format.id;
  const journalName = pushJournalName(snapshot.config.id, repository);
  const journal = store.transfers.journal(journalName);
  const earlier = listing.snapshots.find(
    (each) => each.nodeId === parts.nodeId && isSame(each, snapshot, name),
  );
  if (earlier !== undefined && (await isWhole(reader, earlier.id, signal))) {
    const bytes = earlier.dataBytes;
    Object.assign(parts.counters, { totalBytes: bytes, doneBytes: bytes, reusedBytes: bytes });
    await journal.discard();
    return { snapshot: describeListed(earlier), repository, isNew: false };
  }
  await using local = await openLocalBase(store, listing, open, signal);
  const commit = await commitOfBase(reader, listing, local?.snapshot ?? snapshot, signal);
  const base = commit === undefined ? undefined : { commit, local };
  const { id } = await pushSnapshot({ ...parts, ...reader, journal, name }, open, base, signal);
  return { snapshot: await describeRemote(reader, id, signal), repository, isNew: true };
}

/**
 * Returns whether the remote has this snapshot under this name, with everything that Update can
 * change.
 */
function isSame(listed: ListedSnapshot, snapshot: Snapshot, name: string): boolean {
  const { config, digest, protected: isProtected } = snapshot;
  if (listed.digest !== digest || listed.name !== name) return false;
  const { manifest } = describeListed(listed);
  if (manifest.protected !== isProtected) return false;
  if (manifest.expireTime?.getTime() !== snapshot.expireTime?.getTime()) return false;
  return isDeepStrictEqual({ ...manifest.config }, { ...config, name });
}

/**
 * Opens the snapshot on this node that shares the most blocks with the pushed one, among the likely
 * ones that the remote has too. Patches need the bytes of the base.
 */
async function openLocalBase(
  store: BaseReads,
  { snapshots }: RemoteListing,
  open: OpenBlocks,
  signal: AbortSignal,
): Promise<OpenBlocks | undefined> {
  const likely = likelyBases(store, open.snapshot);
  const wanted = new Set(likely.map(({ digest }) => digest));
  const there = new Set(snapshots.map(({ digest }) => digest).filter((each) => wanted.has(each)));
  const candidates = likely.filter(({ digest }) => there.has(digest));
  if (candidates.length === 0) return undefined;
  const tables = new Map<string, TableSource>();
  for (const [index, { name }] of open.stored.files.entries()) {
    tables.set(name, await open.source(index, { check: false }));
  }
  return openBestBase(store, candidates, tables, signal);
}

/**
 * Returns the commit of the snapshot at the remote that is likely to share most: the newest with
 * the same digest, else the parent, else the newest of the same VM, else the newest with the same
 * name. Undefined if there is no such snapshot, or if its commit object cannot be read.
 */
async function commitOfBase(
  reader: RemoteReader,
  { snapshots }: RemoteListing,
  { digest, parentDigest, config }: Pick<Snapshot, "digest" | "parentDigest" | "config">,
  signal: AbortSignal,
): Promise<PushBase["commit"] | undefined> {
  const vm = config.labels[vmLabel] ?? "";
  const found =
    snapshots.find((each) => each.digest === digest) ??
    snapshots.find((each) => parentDigest !== "" && each.digest === parentDigest) ??
    snapshots.find(({ labels }) => vm !== "" && labels[vmLabel] === vm) ??
    snapshots.find(({ name }) => config.name !== "" && name === config.name);
  if (found === undefined) return undefined;
  try {
    return await readCommit(reader, found.id, signal);
  } catch (error) {
    if (isUnusable(error)) return undefined;
    throw error;
  }
}
