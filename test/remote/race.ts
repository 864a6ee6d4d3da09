// Runs nodes that push, delete and collect in one bucket at the same time, over connections that
// fail.
import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.js";
import { isStoreError } from "../../src/base/errors.js";
import { collectRemote } from "../../src/remote/collect.js";
import { deleteRemote } from "../../src/remote/deletion.js";
import { packKey, packsPrefix } from "../../src/remote/format/keys.js";
import { readCommit, readPacks, type RemoteReader } from "../../src/remote/remote-map.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { bucketAt, fewAttempts, type Engine } from "../support/engine.js";
import { startFaultyProxy, type Fault, type FaultyProxy } from "../support/faulty-proxy.js";
import { createRandom, type Random } from "../support/random.js";
import { patternBytes } from "../support/scratch.js";
import { createFrom, never, openTestStore } from "../unit/store/support.js";
import { openRemote, pull, pushWith, type PushedHere } from "./nodes.js";

const day = 24 * 3_600_000;
const blockBytes = 256 * 1024;
const blocks = 6;

export interface RaceOptions {
  readonly engine: Pick<Engine, "endpoint" | "keys" | "signal">;
  /** An empty directory for the stores. */
  readonly directory: string;
  readonly prefix: string;
  readonly nodes: number;
  /** The number of pushes of each node. */
  readonly pushes: number;
  readonly seed: number;
}

export interface RaceReport {
  readonly pushed: number;
  readonly borrowed: number;
  /**
   * The number of pushes that ended with an error. A node must expect errors of a remote that
   * fails.
   */
  readonly refused: number;
  /** The number of pushes that were cut off in the middle, without any cleanup. */
  readonly cutOff: number;
  readonly deleted: number;
  readonly collections: number;
  readonly faults: number;
}

/** A snapshot that a push has acknowledged. */
interface Acknowledged {
  readonly id: string;
  /** The digest of the snapshot on the node that pushed it. */
  readonly digest: string;
}

/**
 * Runs a race. Fails if an acknowledged snapshot is not complete, or if a pack remains that no
 * snapshot names.
 */
export async function playRace(options: RaceOptions): Promise<RaceReport> {
  const { engine, directory, prefix, nodes, seed } = options;
  await using proxy = await startFaultyProxy(engine.endpoint);
  const table = { prefix };
  using direct = bucketAt(engine.endpoint, engine.keys, { table });
  const remote = await openRemote(direct);
  const race = new Race(options, remote, proxy);
  const stores: SnapshotStore[] = [];
  // From time to time the engine hangs for a moment, like an engine that loses a disk.
  const pauses = setInterval(() => {
    engine.signal("SIGSTOP");
    setTimeout(() => engine.signal("SIGCONT"), 500);
  }, 10_000);
  try {
    for (let node = 0; node < nodes; node += 1) {
      stores.push(await openTestStore(join(directory, `node${node}`)));
    }
    await Promise.all([
      ...stores.map((store, node) =>
        race.pushAndDelete(store, createRandom(seed, "node", node), node),
      ),
      ...[1, 2].map((each) => race.collect(createRandom(seed, "collector", each))),
    ]);
    await assertWhole(remote, race.acknowledged, directory);
    await assertNothingLeft(remote);
    return race.report();
  } finally {
    clearInterval(pauses);
    engine.signal("SIGCONT");
    for (const store of stores) await store[Symbol.asyncDispose]();
  }
}

class Race {
  readonly acknowledged: Acknowledged[] = [];
  readonly #options: RaceOptions;
  readonly #direct: RemoteReader;
  readonly #proxy: FaultyProxy;
  readonly #counts = {
    pushed: 0,
    borrowed: 0,
    refused: 0,
    cutOff: 0,
    deleted: 0,
    collections: 0,
    faults: 0,
  };
  #pushing: number;

  constructor(options: RaceOptions, direct: RemoteReader, proxy: FaultyProxy) {
    this.#options = options;
    this.#direct = direct;
    this.#proxy = proxy;
    this.#pushing = options.nodes;
  }

  report(): RaceReport {
    return { ...this.#counts };
  }

  async pushAndDelete(store: SnapshotStore, random: Random, node: number): Promise<void> {
    using bucket = this.#bucket();
    const remote = { ...this.#direct, bucket };
    let memory = patternBytes(blocks * blockBytes, random.below(1_000_000));
    let base: { remoteId: string; local: string } | undefined;
    for (let number = 0; number < this.#options.pushes; number += 1) {
      const ref = `vm-${node}-${number}`;
      memory = Buffer.from(memory);
      const page = patternBytes(4096, random.below(1_000_000));
      page.copy(memory, random.below(blocks) * blockBytes);
      await createFrom(store, ref, { memory });
      this.#disturb(random);
      const done = await this.#push(remote, store, ref, base, random);
      if (done === undefined) {
        base = undefined;
        continue;
      }
      this.#counts.pushed += 1;
      if (done.borrowedPacks > 0) this.#counts.borrowed += 1;
      this.acknowledged.push({ id: done.id, digest: store.inspect(ref).digest });
      if (base !== undefined) await store.delete({ refs: [base.local], allowMissing: false });
      base = { remoteId: done.id, local: ref };
      if (random.chance(0.5)) await this.#deleteSome(remote, random);
    }
    this.#pushing -= 1;
  }

  /**
   * Pushes a snapshot. One of ten pushes is cut off at some request, as if the node had crashed.
   * Half of the pushes that failed are continued.
   */
  async #push(
    remote: RemoteReader,
    store: SnapshotStore,
    ref: string,
    base: { remoteId: string; local: string } | undefined,
    random: Random,
  ): Promise<PushedHere | undefined> {
    const death = new AbortController();
    const isCutOff = random.chance(0.1);
    const timer = isCutOff ? setTimeout(() => death.abort(), random.below(400)) : undefined;
    const throttle = (): Promise<void> => Promise.resolve();
    const how = { base, throttle, signal: death.signal };
    try {
      const done = await unlessRefused(() => pushWith(remote, store, ref, how));
      if (done === undefined) this.#counts.refused += 1;
      else return done;
    } catch (error) {
      if (!death.signal.aborted) throw error;
      this.#counts.cutOff += 1;
    } finally {
      clearTimeout(timer);
    }
    if (random.chance(0.5)) return undefined;
    // The node continues the push with what the journal has.
    return await unlessRefused(() => pushWith(remote, store, ref, { base, throttle }));
  }

  /** Deletes a snapshot of any node, even if it is just being used as a base. */
  async #deleteSome(remote: RemoteReader, random: Random): Promise<void> {
    if (this.acknowledged.length === 0) return;
    const index = random.below(this.acknowledged.length);
    const [chosen] = this.acknowledged.splice(index, 1);
    if (chosen === undefined) return;
    const parts = { ...remote, clock: systemClock };
    await unlessRefused(() => deleteRemote(parts, chosen.id, never));
    this.#counts.deleted += 1;
  }

  async collect(random: Random): Promise<void> {
    using bucket = this.#bucket();
    const parts = { ...this.#direct, bucket, clock: systemClock };
    while (this.#pushing > 0) {
      // Half of the collections treat every claim as expired.
      const claimTtlMs = random.chance(0.5) ? -day : day;
      const options = { graceMs: 0, claimTtlMs, dryRun: false };
      const done = await unlessRefused(() => collectRemote(parts, options, never));
      if (done !== undefined) this.#counts.collections += 1;
    }
  }

  #bucket() {
    const { engine, prefix } = this.#options;
    const timing = { ...fewAttempts, maxAttempts: 4 };
    const table = { prefix };
    return bucketAt(this.#proxy.endpoint, engine.keys, { timing, table });
  }

  #disturb(random: Random): void {
    const faults: readonly Fault[] = [
      { kind: "answer", status: 500 },
      { kind: "reset-after" },
      { kind: "reset-before" },
      { kind: "slow", ms: 200 },
      { kind: "cut" },
    ];
    for (const kind of ["put", "get", "head", "list", "delete"] as const) {
      if (random.chance(0.6)) continue;
      this.#proxy.failNext(kind, random.pick(faults));
      this.#counts.faults += 1;
    }
  }
}

/** Returns undefined if the remote failed. Any other error is a fault of the program. */
async function unlessRefused<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    for (const reason of expected) if (isStoreError(error, reason)) return undefined;
    throw error;
  }
}

const expected = [
  ...["REMOTE_UNREACHABLE", "REMOTE_DATA_INVALID", "REMOTE_COPY_MISSING", "OPERATION_IN_PROGRESS"],
] as const;

async function assertWhole(
  remote: RemoteReader,
  acknowledged: readonly Acknowledged[],
  directory: string,
): Promise<void> {
  await using empty = await openTestStore(join(directory, "empty"));
  for (const { id, digest } of acknowledged) {
    // A pull compares every block with its digest.
    const pulled = await pull(remote, empty, id);
    assert.equal(pulled.digest, digest, `${id} has another digest`);
    await empty.delete({ refs: [pulled.config.id], allowMissing: false });
  }
}

/**
 * Collects once more. Afterwards every pack must be named by a snapshot. Pushes that failed have
 * left claims, and these have expired.
 */
async function assertNothingLeft(remote: RemoteReader): Promise<void> {
  const options = { graceMs: 0, claimTtlMs: -day, dryRun: false };
  await collectRemote({ ...remote, clock: systemClock }, options, never);
  const named = new Set<string>();
  for await (const { key } of remote.bucket.list("snapshots/", { signal: never })) {
    const id = key.slice("snapshots/".length, -".json".length);
    for (const pack of await readPacks(remote, await readCommit(remote, id, never), never)) {
      named.add(packKey(pack));
    }
  }
  for await (const { key } of remote.bucket.list(packsPrefix, { signal: never })) {
    assert.ok(named.has(key), `${key} is left`);
  }
}
