// Tests the background scrub: its findings, its saved progress, and when it gives way.
import assert from "node:assert/strict";
import { join } from "node:path";
import { Writable } from "node:stream";
import { test, type TestContext } from "node:test";
import { pino } from "pino";
import { connect, type Client, type ScrubStatus } from "../../src/client/index.js";
import { layoutOf } from "../../src/files/layout.js";
import { readScrubState } from "../../src/files/scrub-file.js";
import { scrubDueInMs } from "../../src/model/scrub.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { run } from "../support/child.js";
import { startTestDaemon } from "../support/daemon.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { reopen } from "../support/reopen.js";
import { cannotStrace, withScratchDir } from "../support/scratch.js";
import { collect, entriesOf, makeSmallSource, packDirectory } from "./contents.js";
import { addSnapshot } from "./stored-scene.js";
import { openPastMode } from "../support/tamper.js";

const never = new AbortController().signal;
const kib = 1024;

/** Flips the first byte of the snapshot's memory image. */
async function damage(root: string, id: string): Promise<void> {
  await using file = await openPastMode(join(layoutOf(root).filesDirectory(id), "memory-ranges"));
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, 0);
  byte[0] = (byte[0] ?? 0) ^ 1;
  await file.write(byte, 0, 1, 0);
}

async function make(client: Client, source: string, name: string): Promise<string> {
  const { snapshot } = await client.create({ config: { name } }, packDirectory(source));
  return snapshot?.config?.id ?? "";
}

async function statusOf(client: Client): Promise<ScrubStatus> {
  const { scrub } = await client.getInfo();
  assert.ok(scrub !== undefined);
  return scrub;
}

/** Returns a logger and its output. */
function listen() {
  const lines: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>);
      done();
    },
  });
  return { lines, logger: pino({ messageKey: "message" }, sink) };
}

test("a scheduled scrub marks damage, logs it, and GetInfo reports it", async (t) => {
  const { lines, logger } = listen();
  const flags = { "scrub-interval": "100ms", "scrub-limit": "0" };
  const { address, root, scratch } = await startTestDaemon(t, flags, { logger });
  const client = connect(address);
  t.after(() => client.close());
  const source = await makeSmallSource(join(scratch, "source"));
  const id = await make(client, source, "rotten");
  await make(client, source, "sound");
  await damage(root, id);
  const last = await eventually("a scrub that finds it", async () => {
    const status = await statusOf(client);
    return status.last?.damaged === 1n && status.last.snapshots === 2n && status.last;
  });
  assert.equal(last.unreadable, 0n);
  assert.ok(last.startedAt !== undefined && last.endedAt !== undefined);
  await failsWith(client.restore({ ref: "rotten" }), "STORED_DATA_CORRUPT");
  await collect((await client.restore({ ref: "sound" })).bytes);
  const line = lines.find(({ message }) => message === "the scrub found damaged data");
  assert.deepEqual(
    { id: line?.["id"], name: line?.["name"], file: line?.["file"], ranges: line?.["ranges"] },
    { id, name: "rotten", file: "memory-ranges", ranges: [{ offset: 0, length: 256 * kib }] },
  );
});

test("by default a store without a scrub is scrubbed at once; an interval of 0 disables the scrub", async (t) => {
  const scrubbed = await startTestDaemon(t);
  await using client = connect(scrubbed.address);
  const last = await eventually("the first scrub", async () => (await statusOf(client)).last);
  assert.equal(last.snapshots, 0n);
  assert.equal((await statusOf(client)).interval?.seconds, 30n * 24n * 3600n);
  const left = await startTestDaemon(t, { "scrub-interval": "0s" });
  await using other = connect(left.address);
  const { interval, last: none, running } = await statusOf(other);
  assert.deepEqual([interval?.seconds, none, running], [0n, undefined, undefined]);
});

/** Makes a closed store with the snapshots `s0`, `s1` and so on. */
async function fill(scratch: string, count: number): Promise<{ root: string; ids: string[] }> {
  const root = join(scratch, "root");
  const source = await makeSmallSource(join(scratch, "source"));
  await using store = await reopen(root);
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    ids.push((await addSnapshot(store, source, `s${n}`)).config.id);
  }
  return { root, ids: ids.sort() };
}

/** Scrubs until this many snapshots are done, then stops the scrub. */
async function scrubSome(store: SnapshotStore, count: number): Promise<void> {
  const breaking = new AbortController();
  const running = store.scrub.run(2000 * kib, breaking.signal);
  await eventually("the first ones", () =>
    Promise.resolve((store.scrub.state().running?.snapshots ?? 0) >= count),
  );
  breaking.abort();
  await running;
}

test("after a restart a scrub continues with its current snapshot", () =>
  withScratchDir(async (scratch) => {
    const { root, ids } = await fill(scratch, 8);
    let bytes: number;
    {
      await using store = await reopen(root);
      await store.scrub.run(0, never);
      ({ bytes } = store.scrub.state().last ?? { bytes: 0 });
      assert.ok(bytes > 0);
      await scrubSome(store, 2);
    }
    // The scrub has passed the first snapshot and has not reached the last one.
    await damage(root, ids[0] ?? "");
    await damage(root, ids.at(-1) ?? "");
    await using store = await reopen(root);
    const { last, running } = store.scrub.state();
    assert.equal(last?.snapshots, 8, "the last complete one is forgotten");
    assert.ok(running !== undefined && running.snapshots >= 2 && running.snapshots < 8);
    await store.scrub.run(0, never);
    const ended = store.scrub.state();
    assert.equal(ended.running, undefined);
    assert.equal(ended.last?.snapshots, 8);
    assert.equal(ended.last.bytes, bytes, "some were read twice, or not at all");
    assert.equal(ended.last.damaged, 1);
    assert.deepEqual(ended.last.startedAt, running.startedAt);
    assert.equal(store.inspect(ids.at(-1) ?? "").corrupt, true);
    assert.equal(store.inspect(ids[0] ?? "").corrupt, false);
    await store.scrub.run(0, never);
    assert.equal(store.scrub.state().last?.damaged, 2);
  }));

/** The rate is so low that a scrub of one snapshot would take minutes. */
const crawling = "1KiB";

async function startCrawling(t: TestContext) {
  const flags = { "scrub-interval": "100ms", "scrub-limit": crawling, "drain-grace": "10m" };
  const started = await startTestDaemon(t, flags);
  const client = connect(started.address);
  t.after(() => client.close());
  const source = await makeSmallSource(join(started.scratch, "source"));
  await make(client, source, "web");
  // A scrub of an empty store would end before the test could see it.
  await eventually("a scrub that is at it", () => started.daemon.store.scrub.state().running);
  return { ...started, client };
}

test("a deletion does not wait for the scrub, and its space is freed at once", async (t) => {
  const { client, root } = await startCrawling(t);
  await client.delete("web");
  await eventually("an empty trash", async () => (await entriesOf(root, "trash")).length === 0);
  assert.deepEqual(await entriesOf(root, "data"), []);
});

test("a stop does not wait for the scrub, not even while a call still runs", async (t) => {
  const { daemon, client, root } = await startCrawling(t);
  await using lease = await client.openDataDirectory({ ref: "web" });
  const stopped = daemon.stop();
  // The scrub records its progress when it ends.
  await eventually(
    "the end of the scrub",
    async () => (await readScrubState(layoutOf(root))).running,
  );
  await lease[Symbol.asyncDispose]();
  await stopped;
  await using store = await reopen(root);
  assert.equal(store.scrub.state().running?.snapshots, 0, "it was counted as done");
});

test("a disk that cannot read one snapshot does not end the scrub", { skip: cannotStrace() }, () =>
  withScratchDir(async (scratch) => {
    const { root, ids } = await fill(scratch, 3);
    const file = join(layoutOf(root).filesDirectory(ids[1] ?? ""), "memory-ranges");
    const flags = { "scrub-interval": "100ms", "scrub-limit": "0" };
    await using daemon = await startDaemonProcess(root, flags);
    await using client = connect(daemon.address);
    await eventually("a first scrub", async () => (await statusOf(client)).last?.snapshots === 3n);
    await using strace = run("strace", [
      ...["-f", "-p", String(daemon.pid), "-P", file],
      ...["-e", "trace=pread64", "-e", "inject=pread64:error=EIO"],
    ]);
    await strace.line(/^strace: Process \d+ attached/);
    const last = await eventually("an unreadable one", async () => {
      const status = await statusOf(client);
      return status.last?.unreadable === 1n && status.last;
    });
    assert.equal(last.snapshots, 3n);
    assert.equal(last.damaged, 0n);
    strace.signal("SIGTERM");
    await strace.exited;
    const { snapshot } = await client.inspect(ids[1] ?? "");
    assert.equal(snapshot?.corrupt, false, "an error of the disk is no proof of damage");
    await eventually(
      "it is read again",
      async () => (await statusOf(client)).last?.unreadable === 0n,
    );
  }),
);

test("the next scrub is due an interval after the last, whatever the clock does", () => {
  const endedAt = new Date("2030-01-02T00:00:00Z");
  const last = {
    ...{ startedAt: endedAt, endedAt, snapshots: 1 },
    bytes: 1,
    damaged: 0,
    unreadable: 0,
  };
  const after = (ms: number): Date => new Date(endedAt.getTime() + ms);
  assert.equal(scrubDueInMs({}, 1000, endedAt), 0);
  assert.equal(scrubDueInMs({ last }, 1000, after(400)), 600);
  assert.equal(scrubDueInMs({ last }, 1000, after(5000)), 0);
  assert.equal(scrubDueInMs({ last }, 1000, after(-9_000_000)), 1000);
  const { endedAt: _, ...counts } = last;
  assert.equal(scrubDueInMs({ last, running: { ...counts, after: "" } }, 1000, endedAt), 0);
});
