// Removes packs and maps that no snapshot of a remote names. Any node may do it, and several at
// once. docs/remote-protocols.md, "Collect", has the steps, their order and the reasons. The
// comments below give the numbers of its steps.
import type { Clock } from "../base/clock.js";
import {
  claimsPrefix,
  collectionKey,
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
import { finishOtherRuns, type OtherRun } from "./other-runs.js";
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

/** Numbers of packs and maps. */
export interface ObjectCounts {
  readonly packs: number;
  /** Bytes of these packs. */
  readonly packBytes: number;
  readonly maps: number;
}

/** What was deleted, or what would be with `dryRun`, and what was kept. */
export interface RemoteCollection extends ObjectCounts {
  /** Number of snapshots that have their map and all their packs. */
  readonly snapshots: number;
  /** Ids of snapshots that lack their map or a pack. */
  readonly broken: readonly string[];
  /** The objects that no snapshot names, and that are kept because they are young. */
  readonly young: ObjectCounts;
  /** The objects that no snapshot names, and that are kept because a claim names them. */
  readonly claimed: ObjectCounts;
  /** Number of claims that had expired. */
  readonly claims: number;
  /** Number of holds, and of intents of deletions, whose snapshots are gone. */
  readonly leftovers: number;
  /** The intents of other runs that remain. */
  readonly otherRuns: readonly OtherRun[];
  /** True if there are more objects to delete than one intent names. */
  readonly more: boolean;
}

/** The counters of a running collection. */
export interface CollectCounters {
  /** Number of snapshots that were read. */
  snapshots: number;
  /** Number of packs and maps that were listed. */
  objects: number;
  /** Number of packs, maps and leftovers to delete, as far as it is known. */
  candidates: number;
  deleted: number;
}

interface CollectParts extends RemoteReader {
  readonly clock: Clock;
  /** Default: counters that nobody reads. */
  readonly counters?: CollectCounters;
}

export function collectCounters(): CollectCounters {
  return { snapshots: 0, objects: 0, candidates: 0, deleted: 0 };
}

/** Maximum number of keys in an intent. The next collection takes the rest. */
const maxCandidates = 500_000;

/**
 * Collects once. Throws the error of the first request that fails; the intent then stays, and
 * another collection finishes the work.
 */
export async function collectRemote(
  parts: CollectParts,
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

/** The packs and maps that no snapshot names, by what becomes of them. */
interface Unnamed {
  readonly candidates: readonly string[];
  readonly young: readonly string[];
  readonly claimed: readonly string[];
  /** True if there are more candidates than one intent names. */
  readonly more: boolean;
}

class Collector {
  readonly #parts: CollectParts;
  readonly #options: CollectOptions;
  readonly #signal: AbortSignal;
  readonly #now: number;
  readonly #counters: CollectCounters;

  constructor(parts: CollectParts, options: CollectOptions, signal: AbortSignal) {
    this.#parts = parts;
    this.#options = options;
    this.#signal = signal;
    this.#now = parts.clock.now().getTime();
    this.#counters = parts.counters ?? collectCounters();
  }

  async run(): Promise<RemoteCollection> {
    const { dryRun } = this.#options;
    const expired = await this.#expireClaims(); // 1
    const claims = await readClaims(this.#parts, expired, this.#signal); // 2
    const named = await this.#readNamed(new Map());
    const stored = await this.#listStored();
    const broken = brokenIds(named, stored);
    const unnamed = this.#judge(stored, claims, keysInUse(named, broken)); // 3
    const { candidates, young, claimed, more } = unnamed;
    this.#counters.candidates = candidates.length;
    const found = {
      ...{ snapshots: named.size - broken.size, broken: [...broken].sort(), more },
      ...{ claims: expired.size, young: countsOf(young, stored) },
    };
    const intent =
      candidates.length === 0 || dryRun ? undefined : await this.#putIntent(candidates); // 4
    const again = await this.#markAgain(candidates, named, broken, expired); // 5, 6
    if (!dryRun) await this.#deleteAll([...again.unnamed, ...again.leftovers]); // 7
    if (intent !== undefined) await this.#parts.bucket.delete(intent, this.#signal); // 8
    const { named: namedNow } = again;
    const otherRuns = await finishOtherRuns(this.#parts, namedNow, { dryRun }, this.#signal); // 9
    return {
      ...found,
      ...countsOf(again.unnamed, stored),
      claimed: countsOf([...claimed, ...again.claimed], stored),
      ...{ leftovers: again.leftovers.length, otherRuns },
    };
  }

  #readNamed(known: NamedKeys): Promise<NamedKeys> {
    const onRead = (): void => void (this.#counters.snapshots += 1);
    return readNamedKeys(this.#parts, known, this.#signal, onRead);
  }

  /** Deletes the expired claims, except in a dry run. Returns their keys. */
  async #expireClaims(): Promise<Set<string>> {
    const { bucket } = this.#parts;
    const expired = new Set<string>();
    for await (const { key, modifiedAt } of bucket.list(claimsPrefix, { signal: this.#signal })) {
      if (this.#now - modifiedAt > this.#options.claimTtlMs) expired.add(key);
    }
    if (!this.#options.dryRun) await this.#deleteKeys(expired, () => undefined);
    return expired;
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
        this.#counters.objects = stored.size;
      }
    }
    return stored;
  }

  /** Says what becomes of the objects that are not in use. */
  #judge(stored: Stored, claims: ClaimedKeys, inUse: ReadonlySet<string>): Unnamed {
    const [candidates, young, claimed]: [string[], string[], string[]] = [[], [], []];
    let more = false;
    for (const [key, { modifiedAt }] of stored) {
      if (inUse.has(key)) continue;
      // If the clock of the object store is ahead, an object looks younger than it is, and is
      // deleted later.
      if (isClaimed(key, claims)) claimed.push(key);
      else if (this.#now - modifiedAt < this.#options.graceMs) young.push(key);
      else if (candidates.length < maxCandidates) candidates.push(key);
      else more = true;
    }
    return { candidates, young, claimed, more };
  }

  async #putIntent(keys: readonly string[]): Promise<string> {
    const newKey = (): string => collectionKey(newRemoteId(this.#parts.clock.now()));
    const content = { version: 1, keys };
    return (await storeJson(this.#parts, newKey, content, this.#signal)).key;
  }

  /**
   * Returns the candidates that are still not named, those that a new claim names, and what is left
   * of deleted snapshots.
   */
  async #markAgain(
    candidates: readonly string[],
    before: NamedKeys,
    broken: ReadonlySet<string>,
    expired: ReadonlySet<string>,
  ) {
    const claims = await readClaims(this.#parts, expired, this.#signal);
    const holders = await this.#listLeftovers();
    const named = await this.#readNamed(before);
    const inUse = keysInUse(named, broken);
    const rest = candidates.filter((key) => !inUse.has(key));
    const unnamed = rest.filter((key) => !isClaimed(key, claims));
    const claimed = rest.filter((key) => isClaimed(key, claims));
    const leftovers = holders.filter((key) => !named.has(snapshotOfLeftover(key) ?? ""));
    this.#counters.candidates = unnamed.length + leftovers.length;
    return { named, unnamed, claimed, leftovers };
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
    await this.#deleteKeys(keys, () => void (this.#counters.deleted += 1));
  }

  async #deleteKeys(keys: Iterable<string>, onDeleted: () => void): Promise<void> {
    await requestEach(smallRequests, keys, async (key) => {
      await this.#parts.bucket.delete(key, this.#signal);
      onDeleted();
    });
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

function countsOf(keys: readonly string[], stored: Stored): ObjectCounts {
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
