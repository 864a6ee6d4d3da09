// Tests steps of the wall clock under a running schedule: no snapshot is evicted wrongly, and old
// snapshots are still evicted.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { pino } from "pino";
import {
  connect,
  isStoreError,
  type GcPolicySchema,
  type Client,
  type CollectGarbageResponse,
} from "../../src/client/index.js";
import { startTestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { steppedClock, type SteppedClock } from "../support/stepped-clock.js";
import { collect, makeSmallSource, packDirectory, streamOf } from "./contents.js";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const yearMs = 365 * dayMs;
const steps = {
  "a day on": dayMs,
  "a day back": -dayMs,
  "a year on": yearMs,
  "a year back": -yearMs,
};

interface Scene extends AsyncDisposable {
  readonly root: string;
  readonly client: Client;
  readonly clock: SteppedClock;
  make(...names: string[]): Promise<void>;
  use(...names: string[]): Promise<void>;
  names(): Promise<string[]>;
  /** Waits for scheduled collections that began after this call. */
  collections(): Promise<void>;
  /** Collects as an operator does, between two scheduled collections. */
  gc(policy: Policy, dryRun?: boolean): Promise<CollectGarbageResponse>;
  warnings(): number;
  /** Returns true if the log contains this message. */
  told(text: string): boolean;
}

type Policy = MessageInitShape<typeof GcPolicySchema>;

interface Line {
  readonly level: number;
  readonly msg: string;
}

async function openScene(
  t: TestContext,
  flags: Readonly<Record<string, string | number>>,
  { clock = steppedClock(), root }: { clock?: SteppedClock; root?: string } = {},
): Promise<Scene> {
  const lines: Line[] = [];
  const logger = pino({}, { write: (text) => void lines.push(JSON.parse(text) as Line) });
  const schedule = { "gc-interval": "20ms", "access-flush": "100ms", "scrub-interval": "0s" };
  const place = root === undefined ? {} : { root };
  const parts = { logger, clock };
  const daemon = await startTestDaemon(t, { ...schedule, ...place, ...flags }, parts);
  const client = connect(daemon.address);
  t.after(() => client.close());
  const tar = await collect(packDirectory(await makeSmallSource(join(daemon.scratch, "source"))));
  const count = (text: string): number => lines.filter(({ msg }) => msg === text).length;
  return {
    client,
    clock,
    root: daemon.root,
    [Symbol.asyncDispose]: () => daemon.daemon.stop(),
    make: async (...names) => {
      for (const name of names) await client.create({ config: { name } }, streamOf(tar));
    },
    use: async (...names) => {
      for (const ref of names) await collect((await client.restore(ref)).bytes);
    },
    names: async () =>
      (await client.list()).snapshots.map(({ config }) => config?.name ?? "").reverse(),
    collections: async () => {
      const before = count("collected garbage");
      await eventually("three collections", () => count("collected garbage") >= before + 3);
    },
    gc: async (policy, dryRun = false) => {
      for (;;) {
        try {
          return await client.collectGarbage({ policy, dryRun });
        } catch (error) {
          if (!isStoreError(error, "GC_LOCK_BUSY")) throw error;
        }
      }
    },
    told: (text) => count(text) > 0,
    warnings: () => lines.filter(({ level, msg }) => level === 40 && msg.includes("clock")).length,
  };
}

async function clockOf(client: Client): Promise<{ suspect: boolean; aheadHours: number }> {
  const { clock } = await client.getInfo();
  assert.ok(clock?.ahead !== undefined);
  return { suspect: clock.suspect, aheadHours: Math.round(durationMs(clock.ahead) / hourMs) };
}

test("a suspect clock is logged once, however often it is set and collections run", async (t) => {
  const scene = await openScene(t, { "gc-max-age": "1h" });
  const { client, clock } = scene;
  for (let round = 1; round <= 3; round += 1) {
    clock.step(dayMs);
    await eventually("the step", async () => (await clockOf(client)).aheadHours === 24 * round);
    await eventually("the alarm", () => scene.warnings() > 0);
    await scene.collections();
  }
  assert.equal(scene.warnings(), 1);
  // After the clock is trusted again, the next step causes a new alarm.
  clock.step(-3 * dayMs);
  await eventually("trust", async () => !(await clockOf(client)).suspect);
  await eventually("the end of the alarm", () => scene.told("the wall clock is trusted again"));
  clock.step(dayMs);
  await eventually("the next alarm", () => scene.warnings() === 2);
});

for (const [title, stepMs] of Object.entries(steps)) {
  test(`max_age, ${title}: new snapshots stay, the alarm is visible, ages continue to count`, async (t) => {
    const scene = await openScene(t, { "gc-max-age": "1h" });
    const { client, clock } = scene;
    await scene.make("a", "b", "c");
    clock.step(stepMs);
    await scene.collections();
    assert.deepEqual(await scene.names(), ["a", "b", "c"]);
    assert.deepEqual(await clockOf(client), { suspect: true, aheadHours: stepMs / hourMs });
    await eventually("the alarm", () => scene.warnings() === 1);
    // A manual collection needs an additional option.
    const policy = { maxAge: durationFromMs(hourMs) };
    const error = await failsWith(scene.gc(policy), "CLOCK_SUSPECT");
    assert.equal(error.code, "FAILED_PRECONDITION");
    assert.match(error.message, /wall clock is (1 day|365 days) (ahead of|behind)/);
    const sure = { ...policy, trustClock: true };
    const dry = await scene.gc(sure, true);
    assert.deepEqual(dry.candidates, []);
    assert.equal((await clockOf(client)).suspect, true);
    // The clock is corrected. The schedule continues, and evicts snapshots that are really old.
    clock.step(-stepMs);
    await eventually("trust", async () => !(await clockOf(client)).suspect);
    clock.pass(2 * hourMs);
    await scene.make("d");
    await scene.collections();
    assert.deepEqual(await scene.names(), ["d"]);
  });

  test(`max_age, ${title}, trusted by an operator or for a day: ages are correct`, async (t) => {
    const scene = await openScene(t, { "gc-max-age": "30h" });
    const { client, clock } = scene;
    await scene.make("a");
    clock.step(stepMs);
    const policy = { maxAge: durationFromMs(30 * hourMs), trustClock: true };
    assert.deepEqual((await scene.gc(policy)).candidates, []);
    assert.deepEqual(await clockOf(client), { suspect: false, aheadHours: 0 });
    clock.step(stepMs > 0 ? yearMs : -yearMs);
    assert.equal((await clockOf(client)).suspect, true);
    for (let hours = 0; hours < 24; hours += 1) {
      clock.pass(hourMs);
      await client.getInfo();
    }
    assert.equal((await clockOf(client)).suspect, false);
    await scene.make("b");
    await scene.collections();
    assert.deepEqual(await scene.names(), ["a", "b"]);
    clock.pass(7 * hourMs);
    await scene.collections();
    assert.deepEqual(await scene.names(), ["b"]);
  });

  test(`expire_time, ${title}: ignored while the clock is suspect, unless an operator trusts it`, async (t) => {
    const scene = await openScene(t, {});
    const { client, clock } = scene;
    await scene.make("a", "b");
    const inAnHour = timestampFromDate(new Date(clock.now().getTime() + hourMs));
    const updateMask = { paths: ["expire_time"] };
    await client.update({ ref: "a", expireTime: inAnHour, updateMask });
    clock.step(stepMs);
    await scene.collections();
    assert.deepEqual(await scene.names(), ["a", "b"]);
    assert.deepEqual((await scene.gc({}, true)).candidates, []);
    const trusting = await scene.gc({ trustClock: true }, true);
    assert.equal(trusting.candidates.length, stepMs > 0 ? 1 : 0);
    clock.step(-stepMs);
    await eventually("trust", async () => !(await clockOf(client)).suspect);
    clock.pass(2 * hourMs);
    await scene.collections();
    assert.deepEqual(await scene.names(), ["b"]);
  });

  test(`keep_last, ${title}: the newest snapshots stay and are listed first`, async (t) => {
    const scene = await openScene(t, { "gc-keep-last": 2 });
    await scene.make("a", "b");
    scene.clock.step(stepMs);
    await scene.collections();
    await scene.make("c");
    await scene.collections();
    assert.deepEqual(await scene.names(), ["b", "c"]);
    scene.clock.step(-stepMs);
    await scene.make("d");
    await scene.collections();
    assert.deepEqual(await scene.names(), ["c", "d"]);
    const { snapshots } = await scene.client.list();
    const [d, c] = snapshots.map(({ createdAt }) => Number(createdAt?.seconds));
    assert.ok(d !== undefined && c !== undefined && d >= c);
  });

  test(`max_size, ${title}: the least recently used are evicted, whatever their times say`, async (t) => {
    const scene = await openScene(t, { "gc-interval": "0s" });
    await scene.make("a", "b", "c");
    scene.clock.step(stepMs);
    await scene.use("a");
    scene.clock.step(-2 * stepMs);
    await scene.use("b");
    const { candidates } = await scene.gc({ maxTotalBytes: 1n });
    assert.deepEqual(
      candidates.map(({ name }) => name),
      ["c", "a", "b"],
    );
  });

  test(`request_retention, ${title}: an id is remembered and creates no second snapshot`, async (t) => {
    const clock = steppedClock();
    const scene = await openScene(t, { "gc-interval": "0s" }, { clock });
    const requestId = randomUUID();
    const tar = await collect(
      packDirectory(await makeSmallSource(join(scene.root, "..", "other"))),
    );
    const create = (client: Client) =>
      client.create({ requestId, config: { name: "once" } }, streamOf(tar));
    const { snapshot } = await create(scene.client);
    clock.step(stepMs);
    // The wait is longer than `access_flush`, the interval at which the store also forgets old
    // requests.
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal((await create(scene.client)).snapshot?.config?.id, snapshot?.config?.id);
    await scene[Symbol.asyncDispose]();
    clock.step(stepMs);
    await using again = await openScene(t, { "gc-interval": "0s" }, { clock, root: scene.root });
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal((await create(again.client)).snapshot?.config?.id, snapshot?.config?.id);
  });

  for (const how of ["while no daemon runs", "over a reboot"] as const) {
    test(`max_age, ${title} ${how}: new snapshots stay`, async (t) => {
      const clock = steppedClock();
      const flags = { "gc-max-age": "1h" };
      const scene = await openScene(t, flags, { clock });
      await scene.make("a", "b");
      await scene[Symbol.asyncDispose]();
      if (how === "over a reboot") clock.reboot(30_000, stepMs);
      else clock.step(stepMs);
      await using again = await openScene(t, flags, { clock, root: scene.root });
      await again.collections();
      assert.deepEqual(await again.names(), ["a", "b"]);
      // A machine may well have been off for a day, so this time is not suspect. Nevertheless it
      // counts towards the age of snapshots only once the clock has proved reliable.
      const ordinary = how === "over a reboot" && stepMs === dayMs;
      assert.equal((await clockOf(again.client)).suspect, !ordinary);
      clock.step(-stepMs);
      clock.pass(30 * 60_000);
      await again.collections();
      assert.deepEqual(await again.names(), ["a", "b"]);
      clock.pass(hourMs);
      await again.collections();
      assert.deepEqual(await again.names(), []);
    });
  }
}

test("after a year without power, old snapshots are evicted only after a day or with trust", async (t) => {
  const clock = steppedClock();
  const flags = { "gc-max-age": "30d" };
  const scene = await openScene(t, flags, { clock });
  await scene.make("a", "b");
  await scene[Symbol.asyncDispose]();
  clock.reboot(yearMs);
  await using again = await openScene(t, flags, { clock, root: scene.root });
  await again.collections();
  assert.deepEqual(await again.names(), ["a", "b"]);
  assert.equal((await clockOf(again.client)).suspect, true);
  await again.use("b");
  await again.gc({ trustClock: true });
  await eventually("the old one gone", async () => (await again.names()).length === 1);
  await again.collections();
  assert.deepEqual(await again.names(), ["b"]);
});
