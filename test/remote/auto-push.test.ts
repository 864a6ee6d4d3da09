// Tests automatic pushes to a real engine: what is pushed, what is removed, and what happens after
// failures and restarts. The tests set the time.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { createLogger } from "../../src/base/logger.js";
import { connect } from "../../src/client/index.js";
import { unobservedAutoPushes } from "../../src/observe/ports.js";
import { noSnapshots } from "../../src/remote/listing.js";
import { openRemoteSession } from "../../src/remote/session.js";
import type { Bucket } from "../../src/remote/s3/bucket.js";
import {
  startAutoPush,
  type AutoPush,
  type AutoPushTarget,
} from "../../src/replication/auto-push.js";
import { openPushes } from "../../src/replication/pushes.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { bucketAt, fewAttempts, noEngine, startEngine, type Engine } from "../support/engine.js";
import { eventually } from "../support/eventually.js";
import { startFaultyProxy } from "../support/faulty-proxy.js";
import { patternBytes } from "../support/scratch.js";
import { never, openTestStore, requestFor, tarOf } from "../unit/store/support.js";
import { writeRemoteConfig } from "./daemons.js";

const skip = noEngine;
let engine: Engine;
let prefixes = 0;

before(async () => {
  if (skip === false) engine = await startEngine();
});

after(async () => {
  if (skip === false) await engine[Symbol.asyncDispose]();
});

/** A time that passes only when the test says so. */
class SetTime {
  readonly #waiting = new Set<{ readonly atMs: number; readonly wake: () => void }>();
  nowMs = 1000;

  /** The longest times that are being waited for, in milliseconds. */
  waits(): number[] {
    return [...this.#waiting].map(({ atMs }) => atMs - this.nowMs);
  }

  readonly delay = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) return void resolve();
      const wait = { atMs: this.nowMs + ms, wake: resolve };
      this.#waiting.add(wait);
      signal.addEventListener("abort", () => {
        this.#waiting.delete(wait);
        resolve();
      });
    });

  pass(ms: number): void {
    this.nowMs += ms;
    for (const wait of this.#waiting) {
      if (wait.atMs > this.nowMs) continue;
      this.#waiting.delete(wait);
      wait.wake();
    }
  }
}

interface Scene {
  readonly store: SnapshotStore;
  readonly time: SetTime;
  start(change?: Partial<AutoPushTarget>): Promise<AutoPush>;
  /** Returns the names at the remote, in order. */
  names(): Promise<string[]>;
  push(ref: string): Promise<void>;
}

async function openScene(t: TestContext, endpoint = engine.endpoint): Promise<Scene> {
  prefixes += 1;
  const prefix = `auto${prefixes}/`;
  const store = await openTestStore(join(await makeScratch(t, "stasis-auto-"), "root"));
  t.after(() => store[Symbol.asyncDispose]());
  const time = new SetTime();
  const logger = createLogger("silent");
  const open = (at: string): Bucket & Disposable =>
    bucketAt(at, engine.keys, { timing: fewAttempts, table: { prefix } });
  const openRemote = () => {
    const known = { listing: noSnapshots };
    return openRemoteSession({
      bucket: open(endpoint),
      clock: systemClock,
      secret: undefined,
      known,
    });
  };
  const options = { clock: systemClock, logger, limitBytesPerSecond: 0, openRemote };
  const clock = { ...systemClock, monotonicMs: () => time.nowMs };
  return {
    store,
    time,
    start: async (change = {}) => {
      const pushes = await openPushes(store, options);
      const filter = { namePrefix: "prod/", labels: {} };
      const target = { remote: "cold", filter, keep: undefined, ...change };
      const { delay } = time;
      const observer = unobservedAutoPushes;
      return startAutoPush(target, { store, pushes, openRemote, clock, delay, logger, observer });
    },
    names: async () => {
      using session = openRemote();
      const { snapshots } = await session.list(never);
      return snapshots.map(({ name }) => name).sort();
    },
    push: async (ref) => {
      const pushes = await openPushes(store, options);
      const request = { remote: "cold", ref, name: "", limitBytesPerSecond: 0 };
      for await (const event of pushes.push(request, never)) void event;
    },
  };
}

async function create(
  store: SnapshotStore,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { config } = requestFor(name);
  const request = { ...requestFor(name), config: { ...config, labels } };
  const memory = patternBytes(300_000, name.length * 1000 + name.charCodeAt(name.length - 1));
  return (await store.create(request, tarOf({ memory }), never)).config.id;
}

async function settles(scene: Scene, expected: readonly string[]): Promise<void> {
  let found: readonly string[] = [];
  try {
    await eventually("the snapshots at the remote", async () => {
      found = await scene.names();
      return found.join() === expected.join();
    });
  } catch (error) {
    assert.deepEqual(found, expected, String(error));
  }
}

test(
  "selected snapshots are pushed after they are stored, also after a restart",
  { skip },
  async (t) => {
    const scene = await openScene(t);
    const { store } = scene;
    const filter = { namePrefix: "prod/", labels: { keep: "yes" } };
    await create(store, "prod/a", { keep: "yes" });
    await create(store, "prod/b", { keep: "no" });
    await create(store, "test/c", { keep: "yes" });
    {
      await using push = await scene.start({ filter });
      await settles(scene, ["prod/a"]);
      await create(store, "prod/d", { keep: "yes" });
      await settles(scene, ["prod/a", "prod/d"]);
      await store.update({ ref: "prod/b", labels: { keep: "yes" } });
      await settles(scene, ["prod/a", "prod/b", "prod/d"]);
      await eventually("the end of the push", () => Promise.resolve(push.figures().pending === 0));
      assert.deepEqual(push.figures(), {
        remote: "cold",
        pending: 0,
        lagSeconds: 0,
        failing: false,
      });
    }
    await create(store, "prod/e", { keep: "yes" });
    await using push = await scene.start({ filter });
    await settles(scene, ["prod/a", "prod/b", "prod/d", "prod/e"]);
    await eventually("the end of the push", () => Promise.resolve(push.figures().pending === 0));
  },
);

test("keep removes old copies of automatic pushes, and no others", { skip }, async (t) => {
  const scene = await openScene(t);
  const { store } = scene;
  const vm = { vm: "one" };
  await create(store, "prod/1", vm);
  await scene.push("prod/1");
  await using push = await scene.start({ keep: { last: 2 } });
  for (const name of ["prod/2", "prod/3", "prod/4"]) {
    await create(store, name, vm);
    await eventually(name, async () => (await scene.names()).includes(name));
  }
  await create(store, "prod/other", { vm: "two" });
  await settles(scene, ["prod/1", "prod/3", "prod/4", "prod/other"]);
  await store.delete({ refs: ["prod/3"], allowMissing: false });
  await create(store, "prod/5", vm);
  await settles(scene, ["prod/1", "prod/4", "prod/5", "prod/other"]);
  assert.equal(push.figures().pending, 0, "what was removed is not pushed again");
});

test(
  "a copy whose push was cut off by a crash counts as pushed automatically",
  { skip },
  async (t) => {
    const scene = await openScene(t);
    const { store } = scene;
    const snapshotId = await create(store, "prod/1");
    await scene.push("prod/1");
    const repository = await repositoryOf(scene, snapshotId);
    const stateOf = () => store.copies.at(repository)[0]?.state;
    {
      await using _push = await scene.start();
      await eventually("the copy of the push by hand", () =>
        Promise.resolve(stateOf() === "found"),
      );
    }
    const [found] = store.copies.at(repository);
    assert.ok(found);
    await store.copies.set({ ...found, state: "begun", remoteId: "" });
    await using push = await scene.start();
    await eventually("the copy", () => Promise.resolve(stateOf() === "pushed"));
    assert.equal(push.figures().pending, 0);
    assert.deepEqual(await scene.names(), ["prod/1"]);
  },
);

/** Returns the id of the repository, which the name of a push's journal contains. */
async function repositoryOf({ store }: Scene, snapshotId: string): Promise<string> {
  using bucket = bucketAt(engine.endpoint, engine.keys, { table: { prefix: `auto${prefixes}/` } });
  const known = { listing: noSnapshots };
  const options = { bucket, clock: systemClock, secret: undefined, known };
  const reader = await openRemoteSession(options).make(never);
  assert.equal(store.inspect(snapshotId).config.id, snapshotId);
  return reader.repository.format.id;
}

test(
  "a remote that fails is tried again later, each time after a longer pause",
  { skip },
  async (t) => {
    await using proxy = await startFaultyProxy(engine.endpoint);
    const scene = await openScene(t, proxy.endpoint);
    const { store, time } = scene;
    for (const kind of ["head", "get", "list", "put"] as const) {
      proxy.failAll(kind, { kind: "answer", status: 500 });
    }
    await create(store, "prod/a");
    await using push = await scene.start();
    for (const pauseMs of [5000, 10_000, 20_000]) {
      await eventually(`a pause of ${pauseMs} ms`, () => {
        return Promise.resolve(time.waits().includes(pauseMs));
      });
      assert.equal(push.figures().failing, true);
      assert.equal(push.figures().pending, 1);
      if (pauseMs === 20_000) {
        for (const kind of ["head", "get", "list", "put"] as const) proxy.failAll(kind, undefined);
      }
      time.pass(pauseMs);
    }
    await settles(scene, ["prod/a"]);
    await eventually("the end", () => Promise.resolve(push.figures().pending === 0));
    assert.equal(push.figures().failing, false);
  },
);

test(
  "a daemon pushes what its configuration selects, and follows a change of it",
  { skip },
  async (t) => {
    const scratch = await makeScratch(t, "stasis-auto-");
    const configFile = await writeRemoteConfig(scratch, engine, { prefix: "daemon/" });
    const text = await readFile(configFile, "utf8");
    await writeFile(
      configFile,
      `${text}auto_push = { name_prefix = "prod/" }\nkeep = { last = 1 }\n`,
    );
    const node = await startTestDaemon(t, {}, { configFile });
    const client = connect(node.address);
    t.after(() => client.close());
    await create(node.daemon.store, "prod/a");
    const names = async (): Promise<string> => {
      const { snapshots } = await client.listRemoteSnapshots({ remote: "cold" });
      return snapshots
        .map(({ config }) => config?.name ?? "")
        .sort()
        .join();
    };
    await eventually("the first snapshot", async () => (await names()) === "prod/a");
    const page = await eventually("the metrics", async () => {
      const found = await node.daemon.metrics.render();
      return found.includes('stasis_auto_push_pending{remote="cold"} 0') ? found : undefined;
    });
    assert.match(page, /^stasis_auto_pushes_total\{remote="cold",outcome="OK"\} 1$/m);
    await writeFile(configFile, `${text}auto_push = { name_prefix = "test/" }\n`);
    await create(node.daemon.store, "test/b");
    await eventually("the second snapshot", async () => (await names()) === "prod/a,test/b");
    await create(node.daemon.store, "prod/c");
    await create(node.daemon.store, "test/d");
    await eventually("the fourth", async () => (await names()) === "prod/a,test/b,test/d");
  },
);
