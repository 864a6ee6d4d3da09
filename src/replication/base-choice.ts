// Selects stored snapshots that may resemble another one, as bases for a pull.
import type { Snapshot } from "../model/snapshot.js";
import { countSharedBlocks } from "../files/block-access.js";
import type { TableSource } from "../files/table-source.js";
import type { OpenBlocks } from "../store/read/blocks.js";
import type { ListFilter } from "../store/snapshot-store.js";
import type { BaseReads, PeerReads } from "./ports.js";

/** Labels by which orchestrators name a snapshot's VM, and its parent snapshot. */
export const vmLabel = "vm";
const parentLabel = "parent";

export const maxBases = 32;
const perQuery = 32;
const recent = 200;

/** The known properties of the snapshot to fetch or send. */
type Likeness = Pick<Snapshot, "config" | "digest" | "parentDigest">;

/**
 * Returns ready snapshots with a digest, the likeliest first. The order is: the same content, the
 * parent of a delta, the parent by label, the same VM, the same name, the same image, then the
 * newest. The list has at most `maxBases` snapshots.
 */
export function likelyBases(store: BaseReads, target: Likeness): Snapshot[] {
  const { labels, imageDigest, name } = target.config;
  const found = new Map<string, Snapshot>();
  const add = (filter: ListFilter, pageSize: number): void => {
    for (const each of store.list({ pageSize, filter }).snapshots) found.set(each.config.id, each);
  };
  const vm = labels[vmLabel] ?? "";
  for (const known of [target.digest, target.parentDigest]) {
    if (known === "") continue;
    for (const each of store.withDigest(known)) found.set(each.config.id, each);
  }
  if (vm !== "") add({ labels: { [vmLabel]: vm } }, perQuery);
  if (name !== "") add({ namePrefix: name }, perQuery);
  if (imageDigest !== "") add({ imageDigest }, perQuery);
  add({}, recent);
  const parent = labels[parentLabel] ?? "";
  const rank = (snapshot: Snapshot): number => {
    const { config, digest } = snapshot;
    if (digest === target.digest) return 0;
    if (digest === target.parentDigest) return 1;
    if (parent !== "" && [config.id, config.name, digest].includes(parent)) return 1;
    if (vm !== "" && config.labels[vmLabel] === vm) return 2;
    if (name !== "" && config.name === name) return 3;
    if (imageDigest !== "" && config.imageDigest === imageDigest) return 4;
    return 5;
  };
  return [...found.values()]
    .filter(({ digest, corrupt }) => digest !== "" && !corrupt)
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, maxBases);
}

/** Block tables of a snapshot by file name. */
type Tables = ReadonlyMap<string, TableSource>;

/**
 * Limit on the windows of tables that are compared to find a base, for all candidates together. The
 * limit is enough for 16 TiB of files. The likeliest candidates come first.
 */
const maxCompared = 4096;

/**
 * Returns the open snapshot among `candidates` that shares the most blocks with `target`, and
 * closes all others.
 */
export async function openBestBase(
  store: PeerReads,
  candidates: readonly Snapshot[],
  target: Tables,
  signal: AbortSignal,
): Promise<OpenBlocks | undefined> {
  let best: { readonly blocks: OpenBlocks; readonly shared: number } | undefined;
  let compared = 0;
  for (const { config } of candidates) {
    if (compared >= maxCompared) break;
    for (const { windows } of target.values()) compared += windows;
    const blocks = await openQuietly(store, config.id, signal);
    if (blocks === undefined) continue;
    const shared = await sharedWith(blocks, target).catch(() => 0);
    if (shared > (best?.shared ?? 0)) {
      await best?.blocks[Symbol.asyncDispose]();
      best = { blocks, shared };
    } else {
      await blocks[Symbol.asyncDispose]();
    }
  }
  return best?.blocks;
}

/**
 * Opens a base. Undefined if the base cannot be opened, because it is damaged or was deleted in the
 * meantime.
 */
async function openQuietly(
  store: PeerReads,
  id: string,
  signal: AbortSignal,
): Promise<OpenBlocks | undefined> {
  try {
    return await store.openBlocks(id, signal);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/**
 * The number of shared blocks that is assumed if the two tables use different algorithms, so that
 * their digests cannot be compared. The likeliest such base is better than no base.
 */
const perhaps = 0.5;

async function sharedWith(blocks: OpenBlocks, target: Tables): Promise<number> {
  let shared = 0;
  let comparable = true;
  for (const [index, { name }] of blocks.stored.files.entries()) {
    const wanted = target.get(name);
    if (wanted === undefined) continue;
    const table = await blocks.source(index, { check: false });
    comparable &&= table.shape.algorithm === wanted.shape.algorithm;
    for (let number = 0; number < Math.min(table.windows, wanted.windows); number += 1) {
      shared += countSharedBlocks(await wanted.window(number), await table.window(number));
    }
  }
  return comparable ? shared : Math.max(shared, perhaps);
}
