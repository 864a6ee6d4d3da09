// Tests the order in which streams begin, with streams of real connections.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type ClientHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createBurstWatch } from "../../../src/transport/stream-bursts.js";
import { createStreamScheduler } from "../../../src/transport/stream-scheduler.js";
import { eventually } from "../../support/eventually.js";

interface Scene extends AsyncDisposable {
  readonly streams: readonly ServerHttp2Stream[];
  /** Opens this many streams on a new connection, and waits for them. */
  open(count: number): Promise<ClientHttp2Session>;
}

async function startScene(): Promise<Scene> {
  const server = createServer({ settings: { maxConcurrentStreams: 2000 } });
  const streams: ServerHttp2Stream[] = [];
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    streams.push(stream);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const sessions: ClientHttp2Session[] = [];
  return {
    streams,
    async open(count) {
      const session = connect(`http://127.0.0.1:${port}`);
      sessions.push(session);
      session.on("error", () => undefined);
      await once(session, "remoteSettings");
      const before = streams.length;
      for (let index = 0; index < count; index++) {
        session.request({ ":method": "POST" }).on("error", () => undefined);
      }
      await eventually("all streams", () => streams.length === before + count);
      return session;
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

test("a stream does not wait for hundreds of another connection, and each begins once, in order", async () => {
  await using scene = await startScene();
  await scene.open(300);
  await scene.open(1);
  const scheduler = createStreamScheduler();
  const begun: number[] = [];
  scene.streams.forEach((stream, index) =>
    scheduler.schedule(stream, true, () => begun.push(index)),
  );
  assert.ok(begun.length < 100, `${begun.length} in one turn`);
  await eventually("all begun", () => begun.length === 301);
  assert.ok(begun.indexOf(300) < 100, `the other one came as number ${begun.indexOf(300)}`);
  const crowd = begun.filter((index) => index < 300);
  assert.deepEqual(crowd, [...crowd.keys()]);
});

test("a stream that was reset before its turn never begins", async () => {
  await using scene = await startScene();
  const crowd = await scene.open(300);
  await scene.open(1);
  const scheduler = createStreamScheduler();
  let begun = 0;
  let lastBegun = false;
  for (const stream of scene.streams.slice(0, 300))
    scheduler.schedule(stream, true, () => void begun++);
  const inFirstTurn = begun;
  crowd.destroy();
  for (const stream of scene.streams.slice(0, 300)) stream.destroy();
  const last = scene.streams[300];
  assert.ok(last !== undefined);
  scheduler.schedule(last, true, () => (lastBegun = true));
  await eventually("the other one", () => lastBegun);
  assert.equal(begun, inFirstTurn);
});

test("known callers do not wait for hundreds of unauthenticated streams, which also begin", async () => {
  await using scene = await startScene();
  await scene.open(600);
  const scheduler = createStreamScheduler();
  const begun: string[] = [];
  // There are many streams of each kind. Those of strangers come first.
  const order = [...scene.streams.keys()].map((index) => (index < 300 ? "stranger" : "known"));
  scene.streams.forEach((stream, index) => {
    const kind = order[index] ?? "";
    scheduler.schedule(stream, kind === "known", () => begun.push(kind));
  });
  await eventually("all begun", () => begun.length === 600);
  const strangersBefore = begun.lastIndexOf("known") + 1 - 300;
  assert.ok(strangersBefore < 150, `${strangersBefore} strangers before the last known caller`);
  assert.ok(strangersBefore > 20, `${strangersBefore} strangers while known callers waited`);
});

for (const [crowd, times] of [
  [15, 0],
  [16, 1],
] as const) {
  test(`the end of ${crowd} streams is reported ${times} times`, async () => {
    await using scene = await startScene();
    let told = 0;
    const bursts = createBurstWatch(() => void told++);
    const session = await scene.open(crowd);
    for (const stream of scene.streams) bursts.opened(stream);
    const closed = Promise.all(scene.streams.map((stream) => once(stream, "close")));
    session.destroy();
    await closed;
    assert.equal(told, times);
  });
}
