// Verifies the snapshots of a remote: that their objects are there, and on request what is in them.
// Memory holds the listed packs of the snapshots, and the map of one snapshot.
import { formatBytesApart } from "../base/sizes.js";
import { unobservedRemotes, type RemoteObserver } from "../observe/ports.js";
import type { DecodedCommit } from "./format/commit.js";
import {
  mapKey,
  mapsPrefix,
  packKey,
  packsOfPush,
  packsPrefix,
  snapshotKey,
  snapshotOfKey,
  snapshotsPrefix,
} from "./format/keys.js";
import type { PackRecord } from "./format/map.js";
import { readCommit, readMap, readPacks } from "./remote-map.js";
import { requestEach, smallRequests } from "./request-each.js";
import { unlessMissing } from "./unusable.js";
import { checkContent } from "./verify-content.js";
import {
  damageOf,
  type FoundDamage,
  type RemoteVerifyCounters,
  type RemoteVerifyOptions,
  type RemoteVerifyParts,
} from "./verify-parts.js";

/** Maximum number of damages of a snapshot that are reported. The others are only counted. */
const maxTold = 100;

/** Verifies one snapshot, or all if `id` is undefined. */
export async function verifyRemote(
  parts: RemoteVerifyParts,
  id: string | undefined,
  options: RemoteVerifyOptions,
  signal: AbortSignal,
): Promise<void> {
  const bucket = parts.bucket.observedBy(countRequests(parts.counters));
  await new Verification({ ...parts, bucket }, options, signal).run(id);
}

function countRequests(counters: RemoteVerifyCounters): RemoteObserver {
  return {
    ...unobservedRemotes,
    attempted: (_remote, _kind, _attempt, { received }) => {
      counters.requests += 1;
      counters.readBytes += received;
    },
  };
}

class Verification {
  readonly #parts: RemoteVerifyParts;
  readonly #options: RemoteVerifyOptions;
  readonly #signal: AbortSignal;
  /** The bytes of the packs and maps that were listed, by key. */
  readonly #sizes = new Map<string, number>();
  #listsAll = false;

  constructor(parts: RemoteVerifyParts, options: RemoteVerifyOptions, signal: AbortSignal) {
    this.#parts = parts;
    this.#options = options;
    this.#signal = signal;
  }

  async run(id: string | undefined): Promise<void> {
    const ids = id === undefined ? await this.#listIds() : [id];
    this.#parts.counters.snapshots = ids.length;
    if (id === undefined) {
      // The packs are listed after the snapshots, so that the packs of each listed snapshot are
      // already there.
      for (const prefix of [packsPrefix, mapsPrefix]) await this.#listSizes(prefix);
      this.#listsAll = true;
    }
    // Only the level `exists` does without a whole map in memory.
    const atOnce = this.#options.level === "exists" ? smallRequests : 1;
    await requestEach(atOnce, ids, async (each) => this.#verify(each));
  }

  async #listIds(): Promise<string[]> {
    const ids: string[] = [];
    const { bucket } = this.#parts;
    for await (const { key } of bucket.list(snapshotsPrefix, { signal: this.#signal })) {
      const id = snapshotOfKey(key);
      if (id !== undefined) ids.push(id);
    }
    return ids;
  }

  async #listSizes(prefix: string): Promise<void> {
    const listed = this.#parts.bucket.list(prefix, { signal: this.#signal });
    for await (const { key, sizeBytes } of listed) this.#sizes.set(key, sizeBytes);
  }

  async #verify(id: string): Promise<void> {
    const { bucket, counters, onDamage } = this.#parts;
    const told: FoundDamage[] = [];
    let damages = 0;
    const tell = (damage: FoundDamage): void => {
      damages += 1;
      if (told.length < maxTold) told.push(damage);
    };
    const name = await this.#verifyObjects(id, tell);
    counters.doneSnapshots += 1;
    if (damages === 0) return;
    // A snapshot that was deleted meanwhile is not damaged.
    if ((await bucket.head(snapshotKey(id), this.#signal)) === undefined) return;
    counters.damagedSnapshots += 1;
    counters.damages += damages;
    for (const damage of told) onDamage({ ...damage, snapshot: id, name });
  }

  /** Returns the name of the snapshot. Empty if its commit object cannot be read. */
  async #verifyObjects(id: string, tell: (damage: FoundDamage) => void): Promise<string> {
    const whole = { offset: undefined, file: "", block: undefined };
    let commit: DecodedCommit | undefined;
    try {
      commit = await unlessMissing(() => readCommit(this.#parts, id, this.#signal));
    } catch (error) {
      tell({ ...whole, ...damageOf(error, snapshotKey(id)) });
    }
    if (commit === undefined) return "";
    const { name } = commit.manifest.config;
    try {
      const packs = await this.#readPacks(commit, tell);
      if (packs === undefined) return name;
      const present = await this.#presentPacks(packs, tell);
      if (this.#options.level === "exists") return name;
      const map = await readMap(this.#parts, commit, this.#signal);
      await checkContent({
        ...{ parts: this.#parts, options: this.#options, signal: this.#signal },
        ...{ map, present, tell },
      });
    } catch (error) {
      tell({ ...whole, ...damageOf(error, mapKey(id)) });
    }
    return name;
  }

  /** Returns the packs that the map names. Undefined if the map is missing or too short or long. */
  async #readPacks(
    commit: DecodedCommit,
    tell: (damage: FoundDamage) => void,
  ): Promise<PackRecord[] | undefined> {
    const key = mapKey(commit.id);
    const bytes = this.#listsAll
      ? this.#sizes.get(key)
      : (await this.#parts.bucket.head(key, this.#signal))?.sizeBytes;
    const problem = wrongLength(bytes, commit.map.bytes);
    if (problem === undefined) return readPacks(this.#parts, commit, this.#signal);
    tell({ key, offset: undefined, file: "", block: undefined, problem });
    return undefined;
  }

  /** Tells which packs are missing or have another length. Returns the keys of the others. */
  async #presentPacks(
    packs: readonly PackRecord[],
    tell: (damage: FoundDamage) => void,
  ): Promise<Set<string>> {
    if (!this.#listsAll) {
      // One list shows up to 1000 packs of a push.
      const prefixes = new Set(packs.map(({ push }) => packsOfPush(push)));
      await requestEach(smallRequests, prefixes, (prefix) => this.#listSizes(prefix));
    }
    const present = new Set<string>();
    for (const pack of packs) {
      const key = packKey(pack);
      const problem = wrongLength(this.#sizes.get(key), pack.bytes);
      if (problem === undefined) present.add(key);
      else tell({ key, offset: undefined, file: "", block: undefined, problem });
    }
    return present;
  }
}

function wrongLength(bytes: number | undefined, expected: number): string | undefined {
  if (bytes === undefined) return "it is missing";
  if (bytes === expected) return undefined;
  const [had, wanted] = formatBytesApart(bytes, expected);
  return `it has ${had}; expected ${wanted}`;
}
