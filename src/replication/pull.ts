// Performs one pull, from the peer's manifest to a stored snapshot.
import { createCleanup } from "../base/cleanup.js";
import { isStoreError } from "../base/errors.js";
import { openPartFile } from "../files/part-file.js";
import type { OpenTransfer } from "../files/transfer-area.js";
import type { SnapshotConfig } from "../model/config.js";
import type { Snapshot, SnapshotFile } from "../model/snapshot.js";
import { inSpan } from "../observe/spans.js";
import type { OpenBlocks } from "../store/read/blocks.js";
import type { Filled, Intake } from "../store/write/intake.js";
import { likelyBases, openBestBase } from "./base-choice.js";
import { fetchFile, openBaseFile, type FetchContext, type TransferCounters } from "./fetch.js";
import type { PeerClient } from "./peer-client.js";
import {
  fetchDescription,
  fetchManifest,
  type PeerManifest,
  type PeerSnapshot,
  type PulledTable,
} from "./peer.js";
import { copyLargeTable, type TablePlace } from "./peer-tables.js";
import type { PeerReads, ReplicationStore } from "./ports.js";
import type { TransferClaim } from "./transfers.js";

export interface PullRequest {
  /** Name or address of the peer; for a pull from a remote, the name of the remote. */
  readonly source: string;
  readonly from: "peer" | "remote";
  /** Id, name or id prefix of the snapshot at the source; for a healing, at this node. */
  readonly ref: string;
  /** Whether to heal a local snapshot instead of fetching another one. */
  readonly repair: boolean;
  /** The new name of the snapshot. Empty = the name at the source. */
  readonly name: string;
  /** Whether the snapshot gets no name. */
  readonly unnamed: boolean;
  /** Whether the snapshot is protected on this node. */
  readonly protect: boolean;
  /** Either empty or a UUID, which makes a retry safe. */
  readonly requestId: string;
  /** Maximum rate of the pull; 0 = no limit. */
  readonly limitBytesPerSecond: number;
  /** Whether the snapshot keeps the time of expiry that it has at the source. */
  readonly keepExpireTime: boolean;
}

export interface PullParts extends Pick<FetchContext, "idleMs" | "throttle"> {
  readonly store: ReplicationStore;
  readonly client: PeerClient;
  readonly counters: TransferCounters;
  /**
   * Claims the digest for this pull until the result is disposed of. Throws if another pull has
   * claimed it.
   */
  claim(digest: string): Promise<TransferClaim>;
}

/**
 * Pulls a snapshot. If the pull fails, the fetched blocks stay for the next call, which repeats all
 * checks.
 */
export async function pullSnapshot(
  parts: PullParts,
  request: PullRequest,
  config: Parameters<ReplicationStore["receive"]>[0]["config"],
  signal: AbortSignal,
): Promise<Snapshot> {
  const { store } = parts;
  const intake = {
    config: { ...config, name: request.name },
    requestId: request.requestId,
    onNameConflict: "fail",
    keepExpireTime: request.keepExpireTime,
    protected: request.protect,
    source: `${request.source} ${request.ref}`,
  } as const;
  await using held = holdTransfer(parts);
  const fill = async (place: Intake): Promise<Filled> => {
    const { idleMs } = parts;
    const wanted = await inSpan("describe", {}, () =>
      fetchDescription(parts.client, { ref: request.ref }, { idleMs, signal }),
    );
    const name = nameHere(request, wanted.config);
    const config = await place.reconfigure({ ...wanted.config, name });
    const claim = await held.claim(wanted.digest);
    try {
      const files = await filesFromPeer(parts, request, place, wanted, signal);
      const { parentDigest, expireTime } = wanted;
      return { config, files, parentDigest, expireTime };
    } catch (error) {
      await claim.measure();
      throw error;
    }
  };
  const snapshot = await store.receive(intake, fill, signal);
  await held.drop();
  return snapshot;
}

/** Returns the name that a pulled snapshot gets on this node. */
export function nameHere(
  { name, unnamed }: Pick<PullRequest, "name" | "unnamed">,
  { name: nameThere }: Pick<SnapshotConfig, "name">,
): string {
  if (unnamed) return "";
  return name === "" ? nameThere : name;
}

/**
 * The transfer of one pull. It is claimed when its digest is known, and kept when the pull fails.
 */
interface HeldTransfer extends AsyncDisposable {
  claim(digest: string): Promise<TransferClaim>;
  /**
   * Discards the kept data, because the snapshot is stored. Does nothing if no digest was claimed.
   */
  drop(): Promise<void>;
}

export function holdTransfer({ store, claim }: Pick<PullParts, "store" | "claim">): HeldTransfer {
  let held: { readonly digest: string; readonly claim: TransferClaim } | undefined;
  return {
    async claim(digest) {
      held = { digest, claim: await claim(digest) };
      return held.claim;
    },
    async drop() {
      if (held !== undefined) await store.transfers.drop(held.digest);
    },
    async [Symbol.asyncDispose]() {
      await held?.claim[Symbol.asyncDispose]();
    },
  };
}

async function filesFromPeer(
  parts: PullParts,
  request: PullRequest,
  place: Intake,
  wanted: PeerSnapshot,
  signal: AbortSignal,
): Promise<SnapshotFile[]> {
  const { store, client, counters } = parts;
  const bases = likelyBases(store, wanted);
  const offered = [...new Set(bases.map(({ digest }) => digest))];
  const { idleMs } = parts;
  const transfer = transferOf(parts, request, wanted.digest);
  const tablePlace = placeOf(parts, transfer, (bytes) => place.allowance.take(bytes));
  await using manifest = await inSpan(
    "manifest",
    { "stasis.bases": offered.length },
    async () =>
      (await manifestFromHere(store, bases, wanted, tablePlace, signal)) ??
      (await fetchManifest(client, wanted, offered, tablePlace, { idleMs, signal })),
  );
  counters.sentBytes += manifest.receivedBytes;
  const common = bases.filter(({ digest }) => digest === manifest.baseDigest);
  await using base = await openBestBase(
    store,
    common.length > 0 ? common : bases,
    manifest.tables,
    signal,
  );
  countTotal(counters, manifest.snapshot.files, manifest.tables);
  return await inSpan("fetch", { "stasis.files": manifest.snapshot.files.length }, () =>
    fetchFiles(parts, transfer, place, manifest, base, signal),
  );
}

/**
 * Returns a function that opens the directory of the pull at its first call, and returns the same
 * directory later.
 */
export function transferOf(
  { store }: Pick<PullParts, "store">,
  { source, ref }: Pick<PullRequest, "source" | "ref">,
  digest: string,
): () => Promise<OpenTransfer> {
  let opened: Promise<OpenTransfer> | undefined;
  return () => (opened ??= store.transfers.open(digest, { source, ref }));
}

/** Keeps large tables in the directory of the pull. `onData` counts their bytes against quotas. */
export function placeOf(
  { counters, throttle }: Pick<PullParts, "counters" | "throttle">,
  transfer: () => Promise<OpenTransfer>,
  onData: (bytes: number) => void,
): TablePlace {
  return {
    pathOf: async (index) => (await transfer()).tablePath(index),
    onData,
    received: async (bytes) => {
      counters.sentBytes += bytes;
      await throttle(bytes);
    },
  };
}

/**
 * Returns the tables of a local snapshot with the same digest, so that the peer need not send them.
 * Undefined if no such snapshot can be read.
 */
async function manifestFromHere(
  store: PeerReads,
  bases: readonly Snapshot[],
  wanted: PeerSnapshot,
  place: TablePlace,
  signal: AbortSignal,
): Promise<PeerManifest | undefined> {
  const same = bases.find(({ digest }) => digest === wanted.digest);
  if (same === undefined) return undefined;
  await using cleanup = createCleanup();
  try {
    await using open = await store.openBlocks(same.config.id, signal);
    const tables = new Map<string, PulledTable>();
    for (const [index, { name }] of open.stored.files.entries()) {
      const source = await open.source(index, { check: true });
      if (source.handle === undefined) {
        tables.set(name, source);
        continue;
      }
      const table = await copyLargeTable(source.handle, source.lengthBytes, index, place, signal);
      cleanup.defer(async () => table[Symbol.asyncDispose]());
      tables.set(name, table);
    }
    const manifest = { snapshot: wanted, baseDigest: "", tables, receivedBytes: 0 };
    return { ...manifest, [Symbol.asyncDispose]: cleanup.release() };
  } catch {
    // The snapshot is damaged, or was deleted since. The peer has the tables too.
    signal.throwIfAborted();
    return undefined;
  }
}

/** Adds the data bytes of these files to the total. */
export function countTotal(
  counters: TransferCounters,
  files: readonly SnapshotFile[],
  tables: PeerManifest["tables"],
): void {
  for (const { name } of files) counters.totalBytes += tables.get(name)?.dataBytes ?? 0;
}

async function fetchFiles(
  parts: PullParts,
  openTransfer: () => Promise<OpenTransfer>,
  place: Intake,
  manifest: PeerManifest,
  base: OpenBlocks | undefined,
  signal: AbortSignal,
): Promise<SnapshotFile[]> {
  const { store, client, counters, idleMs, throttle } = parts;
  const { snapshot, tables, baseDigest } = manifest;
  const transfer = await openTransfer();
  // From here on, the allowance of this pull counts the bytes of the transfer. They no longer count
  // as kept data.
  store.noteKept(snapshot.digest, 0);
  const { reflink } = store;
  const snapshotId = snapshot.id;
  const fetching = { client, snapshotId, counters, reflink, idleMs, throttle, signal };
  const comparable = base?.snapshot.digest === baseDigest ? baseDigest : "";
  const paths: string[] = [];
  for (const [index, file] of snapshot.files.entries()) {
    const table = tables.get(file.name);
    if (table === undefined) throw new Error(`no table for ${file.name}`);
    const path = transfer.partPath(index);
    await place.allowance.wait(file.allocatedBytes);
    const onData = (bytes: number): void => place.allowance.take(bytes);
    await using part = await openPartFile(path, table.shape, { signal, onData });
    const from = await baseFileOf(base, file.name, comparable);
    await fetchFile(fetching, part, table, file.name, from);
    await part.complete();
    paths.push(path);
  }
  // This code runs only when all files are complete. Until then everything stays where the next
  // call looks for it.
  const files: SnapshotFile[] = [];
  for (const [index, { name, mode, digest }] of snapshot.files.entries()) {
    const [path, source] = [paths[index], tables.get(name)];
    if (path === undefined || source === undefined) throw new Error(`no part for ${name}`);
    const table = "path" in source ? { path: source.path, digest } : await source.whole();
    files.push(await place.staging.moveIn(path, name, { mode, table }));
  }
  return files;
}

/**
 * Opens the file in the base. Undefined if the base has a damaged table, or one that only a newer
 * stasis reads.
 */
export async function baseFileOf(base: OpenBlocks | undefined, name: string, digest: string) {
  if (base === undefined) return undefined;
  try {
    return await openBaseFile(base, name, digest);
  } catch (error) {
    if (isStoreError(error, "STORED_DATA_CORRUPT")) return undefined;
    if (isStoreError(error, "FORMAT_UNSUPPORTED")) return undefined;
    throw error;
  }
}
