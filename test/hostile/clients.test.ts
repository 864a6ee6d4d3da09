// Tests hostile clients against the real daemon: each gets an answer or is disconnected, leaves
// nothing behind, and does not disturb others.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { SnapshotService } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { connect, type Client } from "../../src/client/index.js";
import { makeScratch } from "../support/daemon.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { http2Frame, http2Preface } from "../support/http2-frame.js";
import { entriesOf, mib, streamOf } from "../store/contents.js";
import { rawFile } from "../unit/archive/support.js";
import { framed, frames, openSession, paths, statusOf } from "./hostile-clients.js";
import { endMarker } from "./hostile-case.js";

const tar = Buffer.concat([rawFile("memory", "content"), endMarker]);
const invalidArgument = "3";
const resourceExhausted = "8";

interface Scene {
  readonly daemon: DaemonProcess;
  readonly root: string;
  readonly client: Client;
}

/** Runs `attack` while another client makes calls. Afterwards the store is unchanged. */
async function withDaemon(
  t: TestContext,
  attack: (scene: Scene) => Promise<void>,
  flags: Readonly<Record<string, string>> = {},
): Promise<void> {
  const root = join(await makeScratch(t, "stasis-clients-"), "root");
  await using daemon = await startDaemonProcess(root, flags);
  const client = connect(daemon.tcpAddress);
  try {
    await client.create({ config: { name: "web" } }, streamOf(tar));
    let over = false;
    const others = (async () => {
      let slowestMs = 0;
      for (let calls = 0; !over || calls === 0; calls++) {
        const before = performance.now();
        await client.inspect("web", { timeoutMs: 120_000 });
        slowestMs = Math.max(slowestMs, performance.now() - before);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      t.diagnostic(`slowest Inspect of another client: ${slowestMs.toFixed(0)} ms`);
    })();
    try {
      await attack({ daemon, root, client });
    } finally {
      over = true;
      await others;
    }
    await eventually("nothing of it is left", async () => {
      const left = [...(await entriesOf(root, "staging")), ...(await entriesOf(root, "trash"))];
      return left.length === 0;
    });
    const { snapshot } = await client.create({}, streamOf(tar));
    await client.delete(snapshot?.config?.id ?? "");
    assert.equal((await client.list({})).snapshots.length, 1);
  } finally {
    client.close();
  }
}

function residentBytes({ pid }: DaemonProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}

test("of 400 half-open streams, those within the limits stay, and the rest are refused at once", (t) =>
  withDaemon(t, async ({ daemon, root }) => {
    const before = residentBytes(daemon);
    const sessions = Array.from({ length: 4 }, () => openSession(daemon.tcpAddress));
    const refused: Promise<string>[] = [];
    for (const { open } of sessions) {
      for (let index = 0; index < 100; index++) {
        const stream = open(paths.create);
        stream.write(frames.header);
        refused.push(statusOf(stream));
      }
    }
    // Over TCP, all callers have one identity here, because the daemon requires no credentials. It
    // may use three quarters of the streams.
    await eventually("48 uploads", async () => (await entriesOf(root, "staging")).length === 48);
    const settled: string[] = [];
    for (const each of refused) void each.then((status) => settled.push(status));
    await eventually("the others' answers", () => settled.length === 352);
    assert.deepEqual([...new Set(settled)], [resourceExhausted]);
    for (const { session } of sessions) session.destroy();
    await Promise.all(refused);
    await eventually("memory back", () => residentBytes(daemon) - before < 128 * mib);
  }));

test("a client that opens 2,000 streams and resets them at once", (t) =>
  withDaemon(t, async ({ daemon }) => {
    for (let round = 0; round < 4; round++) {
      const { session, open } = openSession(daemon.tcpAddress);
      for (let index = 0; index < 500 && !session.destroyed; index++) {
        const stream = open(paths.create);
        stream.write(frames.header);
        stream.close();
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      session.destroy();
    }
  }));

test("a connection that resets more than a thousand streams at once is cut off", (t) =>
  withDaemon(t, async ({ daemon }) => {
    const { session, open } = openSession(daemon.tcpAddress);
    const closed = new Promise((resolve) => session.once("close", resolve));
    for (let reset = 0; reset < 20_000 && !session.closed && !session.destroyed; reset++) {
      open(paths.create).close();
      if (reset % 100 === 99) await new Promise(setImmediate);
    }
    await closed;
  }));

test("readers that do not read get no more than their window, and are disconnected", (t) =>
  withDaemon(
    t,
    async ({ daemon, client }) => {
      const large = Buffer.concat([rawFile("memory", Buffer.alloc(32 * mib, 1)), endMarker]);
      await client.create({ config: { name: "large" } }, streamOf(large));
      const before = residentBytes(daemon);
      const { session, open } = openSession(daemon.tcpAddress);
      const request = Buffer.concat([Buffer.from([0, 0, 0, 0, 7, 0x0a, 5]), Buffer.from("large")]);
      const streams = Array.from({ length: 40 }, () => open(paths.restore).end(request));
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.ok(residentBytes(daemon) - before < 256 * mib);
      // The daemon ends the streams by itself after 2 s of idleness.
      await Promise.all(streams.map((stream) => once(stream.resume(), "close")));
      session.destroy();
      await client.delete("large");
    },
    { "stream-idle": "2s" },
  ));

test("invalid ranges are refused, and reads may stop in between", (t) =>
  withDaemon(t, async ({ daemon, client }) => {
    const large = Buffer.concat([rawFile("memory", Buffer.alloc(8 * mib, 1)), endMarker]);
    await client.create({ config: { name: "large" } }, streamOf(large));
    const { session, open } = openSession(daemon.tcpAddress);
    const { input } = SnapshotService.method.readFile;
    const request = (ranges: readonly (readonly [bigint, bigint])[]) =>
      framed(input, {
        ...{ ref: "large", file: "memory" },
        ranges: ranges.map(([offset, length]) => ({ offset, length })),
      });
    const highest = 2n ** 63n - 1n;
    const senseless = [
      request(Array.from({ length: 100_000 }, (_, at) => [BigInt(at * 2), 1n] as const)),
      request(Array.from({ length: 4096 }, () => [0n, BigInt(8 * mib)] as const)),
      ...[request([[-1n, 1n]]), request([[0n, -1n]]), request([[0n, 0n]])],
      ...[request([[highest, 1n]]), request([[0n, highest]]), request([[highest, highest]])],
    ];
    for (const message of senseless) {
      const stream = open(paths.readFile);
      const status = statusOf(stream);
      stream.end(message);
      assert.equal(await status, invalidArgument);
    }
    for (let turn = 0; turn < 50; turn++) {
      const stream = open(paths.readFile);
      stream.end(request([[1n, BigInt(8 * mib)]]));
      await once(stream, "response");
      stream.close();
    }
    session.destroy();
    await client.delete("large");
  }));

/** Returns all sequences of one to four frames. None of them is a valid upload. */
function wrongOrders(): (keyof typeof frames)[][] {
  const names = Object.keys(frames) as (keyof typeof frames)[];
  let longest: (keyof typeof frames)[][] = [[]];
  const all: (keyof typeof frames)[][] = [];
  for (let length = 1; length <= 4; length++) {
    longest = longest.flatMap((before) => names.map((name) => [...before, name]));
    all.push(...longest);
  }
  return all;
}

test("up to four frames in every wrong order get INVALID_ARGUMENT, and nothing is stored", (t) =>
  withDaemon(t, async ({ daemon, client }) => {
    const { session, open } = openSession(daemon.tcpAddress);
    const orders = wrongOrders();
    assert.equal(orders.length, 4 + 16 + 64 + 256);
    for (const order of orders) {
      const stream = open(paths.create);
      const status = statusOf(stream);
      stream.end(Buffer.concat(order.map((name) => frames[name])));
      assert.equal(await status, invalidArgument, order.join(" "));
    }
    session.destroy();
    assert.equal((await client.list({})).snapshots.length, 1);
  }));

test("a connection that is lost after any frame of an upload leaves nothing", (t) =>
  withDaemon(t, async ({ daemon, client }) => {
    const chunks = Array.from({ length: 6 }, () => frames.chunk);
    const upload = [frames.header, ...chunks, frames.commit];
    for (let sent = 0; sent <= upload.length; sent++) {
      const { session, open } = openSession(daemon.tcpAddress);
      const stream = open(paths.create);
      await new Promise((resolve) => stream.write(Buffer.concat(upload.slice(0, sent)), resolve));
      session.destroy();
    }
    assert.equal((await client.list({})).snapshots.length, 1);
  }));

test("uploads that arrive one byte at a time are stored", (t) =>
  withDaemon(t, async ({ daemon, client }) => {
    const upload = Buffer.concat([
      frames.header,
      framed(SnapshotService.method.create.input, { frame: { case: "chunk", value: tar } }),
      framed(SnapshotService.method.create.input, {
        frame: { case: "commit", value: { totalBytes: BigInt(tar.length) } },
      }),
    ]);
    const { session, open } = openSession(daemon.tcpAddress);
    const written = Array.from({ length: 4 }, async () => {
      const stream = open(paths.create);
      const status = statusOf(stream);
      for (const byte of upload) {
        await new Promise((resolve) => stream.write(Buffer.of(byte), resolve));
      }
      stream.end();
      return await status;
    });
    assert.deepEqual(await Promise.all(written), ["0", "0", "0", "0"]);
    session.destroy();
    const { snapshots } = await client.list({});
    const stored = snapshots.filter(({ config }) => config?.name === "");
    assert.equal(stored.length, 4);
    for (const { config } of stored) await client.delete(config?.id ?? "");
  }));

test("messages with a false length, and messages that are not protobuf", (t) =>
  withDaemon(t, async ({ daemon }) => {
    const { session, open } = openSession(daemon.tcpAddress);
    const lies: readonly Buffer[] = [
      Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]),
      Buffer.from([0, 0, 0, 0, 200, 1, 2, 3]),
      Buffer.from([1, 0, 0, 0, 4, 1, 2, 3, 4]),
      Buffer.from([7, 0, 0, 0, 1, 0]),
      Buffer.concat([Buffer.from([0, 0, 0, 1, 0]), randomBytes(256)]),
    ];
    for (const path of [paths.create, paths.inspect, paths.restore, paths.readFile]) {
      for (const lie of lies) {
        const stream = open(path);
        const status = statusOf(stream);
        stream.end(lie);
        assert.notEqual(await status, "0", `${path} ${lie.toString("hex", 0, 8)}`);
      }
    }
    session.destroy();
  }));

test("oversized headers and metadata", (t) =>
  withDaemon(t, async ({ daemon }) => {
    for (const [count, size] of [
      [1, 20_000],
      [1, 60_000],
      [500, 100],
    ] as const) {
      const { session, open } = openSession(daemon.tcpAddress);
      const names = Array.from({ length: count }, (_, index) => `x-${index}`);
      const value = "a".repeat(size);
      const stream = open(paths.inspect, Object.fromEntries(names.map((name) => [name, value])));
      const status = statusOf(stream);
      stream.end();
      assert.notEqual(await status, "0");
      session.destroy();
    }
  }));

const preface = http2Preface;
const settings = http2Frame(4, 0, 0, Buffer.alloc(0));

function repeated(frame: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => frame));
}

const noises: Readonly<Record<string, Buffer>> = {
  "random bytes": randomBytes(64 * 1024),
  "a TLS greeting": Buffer.concat([Buffer.from("1603010200010001fc0303", "hex"), randomBytes(508)]),
  "HTTP/1": Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\nabc"),
  "garbage after the preface": Buffer.concat([preface, randomBytes(64 * 1024)]),
  "a frame of 16 MiB": Buffer.concat([
    preface,
    settings,
    Buffer.from("ffffff0000000000010000", "hex"),
  ]),
  "20,000 settings": Buffer.concat([preface, repeated(settings, 20_000)]),
  "20,000 pings": Buffer.concat([
    preface,
    settings,
    repeated(http2Frame(6, 0, 0, Buffer.alloc(8)), 20_000),
  ]),
  "headers that never end": Buffer.concat([
    ...[preface, settings, http2Frame(1, 0, 1, Buffer.from([0x82]))],
    repeated(http2Frame(9, 0, 1, Buffer.alloc(1024, 0x82)), 2000),
  ]),
  "windows that overflow": Buffer.concat([
    ...[preface, settings],
    repeated(http2Frame(8, 0, 0, Buffer.from("7fffffff", "hex")), 100),
  ]),
  "data on a stream that was never opened": Buffer.concat([
    ...[preface, settings, http2Frame(0, 0, 99, Buffer.alloc(1000))],
  ]),
  "20,000 priorities": Buffer.concat([
    ...[preface, settings, repeated(http2Frame(2, 0, 1, Buffer.from([0, 0, 0, 3, 1])), 20_000)],
  ]),
};

test(`garbage on the port: ${Object.keys(noises).join(", ")}`, (t) =>
  withDaemon(t, async ({ daemon }) => {
    const port = Number(daemon.tcpAddress.split(":")[1]);
    const before = residentBytes(daemon);
    for (const noise of Object.values(noises)) {
      const socket = connectSocket(port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.resume();
      await once(socket, "connect");
      socket.end(noise);
      const limit = setTimeout(() => socket.destroy(), 2000);
      await once(socket, "close");
      clearTimeout(limit);
    }
    await eventually("memory back", () => residentBytes(daemon) - before < 128 * mib);
  }));

test("300 idle connections do not keep other clients out", (t) =>
  withDaemon(t, async ({ daemon }) => {
    const port = Number(daemon.tcpAddress.split(":")[1]);
    const sockets = Array.from({ length: 300 }, () => connectSocket(port, "127.0.0.1"));
    for (const socket of sockets) socket.on("error", () => undefined).resume();
    // The first connections are closed in favour of the last, so they may close before the test
    // inspects them.
    const settled = sockets.map((socket) =>
      socket.connecting
        ? Promise.race([once(socket, "connect"), once(socket, "close")])
        : Promise.resolve([]),
    );
    await Promise.all(settled);
    const late = connect(daemon.tcpAddress);
    await late.inspect("web");
    late.close();
    for (const socket of sockets) socket.destroy();
  }));
