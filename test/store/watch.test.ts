// Tests Watch on the wire: bounds, slow readers, and the end of the daemon.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { EventType, connect, type Client, type WatchResponse } from "../../src/client/index.js";
import { startTestDaemon } from "../support/daemon.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { failsWith } from "../support/errors.js";
import { withScratchDir } from "../support/scratch.js";
import { makeSmallSource, packDirectory } from "./contents.js";

async function withDaemon(
  t: TestContext,
  flags: Readonly<Record<string, number>>,
  body: (client: Client, another: () => Client) => Promise<void>,
): Promise<void> {
  const { address, scratch } = await startTestDaemon(t, flags);
  const source = await makeSmallSource(join(scratch, "source"));
  await using client = connect(address);
  await client.create({ config: { name: "n0" } }, packDirectory(source));
  const others: Client[] = [];
  try {
    await body(client, () => {
      const other = connect(address, { flowWindowBytes: 64 * 1024 });
      others.push(other);
      return other;
    });
  } finally {
    for (const other of others) other.close();
  }
}

async function next(events: AsyncIterator<WatchResponse>): Promise<WatchResponse> {
  const { done, value } = await events.next();
  assert.equal(done, false);
  return value;
}

async function rename(client: Client, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) {
    const updateMask = { paths: ["name", "description"] };
    const description = "x".repeat(4000);
    await client.update({ ref: `n${n}`, name: `n${n + 1}`, description, updateMask });
  }
}

test("a watcher that does not read gets a report of missed events, and others receive every event", async (t) => {
  await withDaemon(t, { "max-events": 100 }, async (client, another) => {
    const stalled = another().watch()[Symbol.asyncIterator]();
    const eager = client.watch()[Symbol.asyncIterator]();
    for (const events of [stalled, eager]) {
      assert.equal((await next(events)).type, EventType.POSITION);
    }
    // The events are several times as large as the windows and buffers of a connection.
    const count = 300;
    const heard = (async () => {
      const names: string[] = [];
      while (names.length < count) names.push((await next(eager)).snapshot?.config?.name ?? "");
      return names;
    })();
    await rename(client, 0, count);
    const all = Array.from({ length: count }, (_, n) => `n${n + 1}`);
    assert.deepEqual(await heard, all);
    const got: string[] = [];
    for (;;) {
      const { type, snapshot } = await next(stalled);
      if (type === EventType.MISSED) break;
      assert.equal(type, EventType.RENAMED);
      got.push(snapshot?.config?.name ?? "");
      assert.ok(got.length < count, "it fits into the buffers: nothing was missed");
    }
    assert.deepEqual(got, all.slice(0, got.length));
    await rename(client, count, count + 1);
    assert.equal((await next(stalled)).snapshot?.config?.name, `n${count + 1}`);
    for (const events of [stalled, eager]) await events.return?.();
  });
});

test("watchers have a separate limit, which GetInfo reports", async (t) => {
  const flags = { "max-watchers": 2, "max-streams": 1, "max-events": 1000 };
  await withDaemon(t, flags, async (client) => {
    const { limits } = await client.getInfo();
    assert.deepEqual([limits?.maxWatchers, limits?.maxEvents], [2, 1000n]);
    assert.equal(limits?.requestRetention?.seconds, 24n * 3600n);
    const held = [client.watch(), client.watch()].map((each) => each[Symbol.asyncIterator]());
    for (const events of held) await next(events);
    const third = client.watch()[Symbol.asyncIterator]();
    const error = await failsWith(third.next(), "TOO_MANY_STREAMS");
    assert.equal(error.metadata["limit"], "watchers");
    // Byte streams are counted separately.
    await using download = await client.restore("n0");
    for await (const bytes of download.bytes) assert.ok(bytes.length > 0);
    for (const events of held) await events.return?.();
  });
});

test("a stop ends watchers at once, whatever the grace period; they continue after the restart", () =>
  withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const source = await makeSmallSource(join(scratch, "source"));
    const resumeToken = await watchUntilStopped(root, source);
    await using daemon = await startDaemonProcess(root);
    await using client = connect(daemon.address);
    const events = client.watch({ resumeToken })[Symbol.asyncIterator]();
    const { type, snapshot } = await next(events);
    assert.deepEqual([type, snapshot?.config?.name], [EventType.DELETED, "web"]);
    await events.return?.();
  }));

/** Watches a daemon until it stops. Returns the token of the last event but one. */
async function watchUntilStopped(root: string, source: string): Promise<string> {
  await using daemon = await startDaemonProcess(root, { "drain-grace": "1h" });
  await using client = connect(daemon.address);
  const events = client.watch()[Symbol.asyncIterator]();
  await next(events);
  await client.create({ config: { name: "web" } }, packDirectory(source));
  const { resumeToken } = await next(events);
  await client.delete("web");
  const ended = failsWith(
    (async () => {
      for (;;) await next(events);
    })(),
    "DRAINING",
  );
  daemon.signal("SIGTERM");
  await ended;
  assert.deepEqual(await daemon.exited, { code: 0, signal: null });
  return resumeToken;
}
