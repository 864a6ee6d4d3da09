// Removes packs and maps that no snapshot of a remote names. Any node may do it, and several at
// once. docs/remote-protocols.md, "Collect", has the steps, their order and the reasons. The
// comments below give the numbers of its steps.
import type { Clock } from "../base/clock.js";
import { doomedOf } from "./claims.js";
import {
  claimsPrefix,
  collectionKey,
  collectionsPrefix,
  deletionsPrefix,
  holdsPrefix,
  mapsPrefix,
  packOfKey,
  packsPrefix,
  snapshotOfLeftover,
} from "./format/keys.js";
import { isRemoteId, newRemoteId } from "./format/remote-id.js";
import { requestEach, smallRequests } from "./request-each.js";
import { readClaims, readNamedKeys, type ClaimedKeys, type NamedKeys } from "./marking.js";
import type { RemoteReader } from "./remote-map.js";
import { noneThere } from "./all-there.js";
import { storeJson } from "./stored-json.js";

export interface CollectOptions {
  /**
   * Packs and maps that are younger than this stay. The age in milliseconds runs from the time that
   * the object store gives an object to the time of this node's clock.
   */
  readonly graceMs: number;
  /** Claims that are older than this, in milliseconds, are deleted. */
  readonly claimTtlMs: number;
  /** If true, nothing is deleted or written. */
  readonly dryRun: boolean;
}

export interface RemoteCollection {
  /** Number of snapshots that have their map and all their packs. */
  readonly snapshots: number;
  /** Ids of snapshots that lack their map or a pack. */
  readonly broken: readonly string[];
  /** Number of packs that were deleted, or that would be without `dryRun`. */
  readonly packs: number;
  /** Bytes of these packs. */
  readonly packBytes: number;
  readonly maps: number;
  /** Number of claims that had expired. */
  readonly claims: number;
  /** Number of holds, and of intents of deletions, whose snapshots are gone. */
  readonly leftovers: number;
  /** Keys of intents of other collections that remain. */
  readonly otherIntents: readonly string[];
}

/** Maximum number of keys in an intent. The next collection takes the rest. */
const maxCandidates = 500_000;

/**
 * Collects once. Throws the error of the first request that fails; the intent then stays, and
 * another collection finishes the work.
 */
export async function collectRemote(
  parts: RemoteReader & { readonly clock: Clock },
  options: CollectOptions,
  signal: AbortSignal,
): Promise<RemoteCollection> {
  return new Collector(parts, options, signal).run();
}

interface StoredObject {
  readonly sizeBytes: number;
  readonly modifiedAt: number;
}

/** The packs and maps of the remote, by key. */
type Stored = ReadonlyMap<string, StoredObject>;

class Collector {
  readonly #parts: RemoteReader & { readonly clock: Clock };
  readonly #options: CollectOptions;
  readonly #signal: AbortSignal;
  readonly #now: number;

  constructor(
    parts: RemoteReader & { readonly clock: Clock },
    options: CollectOptions,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#signal = signal;
    this.#now = parts.clock.now().getTime();
  }

  async run(): Promise<RemoteCollection> {
    const { dryRun } = this.#options;
    const claims = await this.#expireClaims(); // 1
    const claimed = await readClaims(this.#parts, this.#signal); // 2
    const named = await readNamedKeys(this.#parts, new Map(), this.#signal);
    const stored = await this.#listStored();
    const broken = brokenIds(named, stored);
    const candidates = this.#candidates(stored, claimed, named, broken); // 3
    const found = { snapshots: named.size - broken.size, broken: [...broken].sort(), claims };
    if (dryRun) {
      return { ...found, ...countsOf(candidates, stored), leftovers: 0, otherIntents: [] };
    }
    const intent = candidates.length === 0 ? undefined : await this.#putIntent(candidates); // 4
    const { unnamed, leftovers } = await this.#markAgain(candidates, named, broken); // 5, 6
    await this.#deleteAll([...unnamed, ...leftovers]); // 7
    if (intent !== undefined) await this.#parts.bucket.delete(intent, this.#signal); // 8
    const otherIntents = await this.#finishOthers(); // 9
    return {
      ...{ ...found, ...countsOf(unnamed, stored) },
      ...{ leftovers: leftovers.length, otherIntents },
    };
  }

  /** Deletes the expired claims, except in a dry run. Returns their number. */
  async #expireClaims(): Promise<number> {
    const { bucket } = this.#parts;
    const expired: string[] = [];
    for await (const { key, modifiedAt } of bucket.list(claimsPrefix, { signal: this.#signal })) {
      if (this.#now - modifiedAt > this.#options.claimTtlMs) expired.push(key);
    }
    if (!this.#options.dryRun) await this.#deleteAll(expired);
    return expired.length;
  }

  /**
   * Returns the packs and maps. Objects with keys that stasis does not write are left out, so that
   * they are never deleted.
   */
  async #listStored(): Promise<Stored> {
    const { bucket } = this.#parts;
    const stored = new Map<string, StoredObject>();
    for (const prefix of [packsPrefix, mapsPrefix]) {
      for await (const { key, ...object } of bucket.list(prefix, { signal: this.#signal })) {
        const isOurs =
          prefix === packsPrefix
            ? packOfKey(key) !== undefined
            : isRemoteId(key.slice(prefix.length));
        if (isOurs) stored.set(key, object);
      }
    }
    return stored;
  }

  #candidates(
    stored: Stored,
    claimed: ClaimedKeys,
    named: NamedKeys,
    broken: ReadonlySet<string>,
  ): string[] {
    const inUse = keysInUse(named, broken);
    const candidates: string[] = [];
    for (const [key, { modifiedAt }] of stored) {
      if (candidates.length >= maxCandidates) break;
      // If the clock of the object store is ahead, an object looks younger than it is, and is
      // deleted later.
      if (this.#now - modifiedAt < this.#options.graceMs) continue;
      if (!inUse.has(key) && !isClaimed(key, claimed)) candidates.push(key);
    }
    return candidates;
  }

  async #putIntent(keys: readonly string[]): Promise<string> {
    const newKey = (): string => collectionKey(newRemoteId(this.#parts.clock.now()));
    const content = { version: 1, keys };
    return (await storeJson(this.#parts, newKey, content, this.#signal)).key;
  }

  /** Returns the candidates that are still not named, and what is left of deleted snapshots. */
  async #markAgain(candidates: readonly string[], before: NamedKeys, broken: ReadonlySet<string>) {
    const claimed = await readClaims(this.#parts, this.#signal);
    const holders = await this.#listLeftovers();
    const named = await readNamedKeys(this.#parts, before, this.#signal);
    const inUse = keysInUse(named, broken);
    const unnamed = candidates.filter((key) => !inUse.has(key) && !isClaimed(key, claimed));
    const leftovers = holders.filter((key) => !named.has(snapshotOfLeftover(key) ?? ""));
    return { unnamed, leftovers };
  }

  /** Returns the keys of all holds and intents of deletions. */
  async #listLeftovers(): Promise<string[]> {
    const { bucket } = this.#parts;
    const keys: string[] = [];
    for (const prefix of [holdsPrefix, deletionsPrefix]) {
      for await (const { key } of bucket.list(prefix, { signal: this.#signal })) {
        if (snapshotOfLeftover(key) !== undefined) keys.push(key);
      }
    }
    return keys;
  }

  async #deleteAll(keys: readonly string[]): Promise<void> {
    await requestEach(smallRequests, keys, (key) => this.#parts.bucket.delete(key, this.#signal));
  }

  /** Deletes the intents of other collections that are done. Returns the keys of the rest. */
  async #finishOthers(): Promise<string[]> {
    const { bucket } = this.#parts;
    const rest: string[] = [];
    for await (const { key } of bucket.list(collectionsPrefix, { signal: this.#signal })) {
      const doomed = await doomedOf(this.#parts, key, this.#signal);
      if (doomed === undefined) continue;
      if (await noneThere(bucket, doomed, this.#signal)) await bucket.delete(key, this.#signal);
      else rest.push(key);
    }
    return rest;
  }
}

/** Returns the ids of snapshots that lack their map or a pack. */
function brokenIds(named: NamedKeys, stored: Stored): Set<string> {
  const broken = new Set<string>();
  for (const [id, keys] of named) {
    if (keys === undefined || !keys.every((key) => stored.has(key))) broken.add(id);
  }
  return broken;
}

function keysInUse(named: NamedKeys, broken: ReadonlySet<string>): Set<string> {
  const inUse = new Set<string>();
  for (const [id, keys = []] of named) {
    if (!broken.has(id)) for (const key of keys) inUse.add(key);
  }
  return inUse;
}

function isClaimed(key: string, { keys, prefixes }: ClaimedKeys): boolean {
  return keys.has(key) || prefixes.has(key.slice(0, key.indexOf("-") + 1));
}

function countsOf(keys: readonly string[], stored: Stored) {
  let [packs, packBytes, maps] = [0, 0, 0];
  for (const key of keys) {
    if (!key.startsWith(packsPrefix)) {
      maps += 1;
      continue;
    }
    packs += 1;
    packBytes += stored.get(key)?.sizeBytes ?? 0;
  }
  return { packs, packBytes, maps };
}
