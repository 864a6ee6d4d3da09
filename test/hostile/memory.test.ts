// Bounds the daemon's memory against callers that try to exhaust it. SECURITY.md lists the bounds.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ServerReflection } from "../../gen/ts/grpc/reflection/v1/reflection_pb.js";
import { SnapshotService } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { changeTokenFile, makeToken } from "../../src/config/token-file.js";
import { connect, type Client } from "../../src/client/index.js";
import { streamOf } from "../store/contents.js";
import { makeScratch } from "../support/daemon.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import {
  grpcHeaders,
  grpcHeadersAgain,
  indexedHeader,
  literalHeader,
  newestIndex,
} from "../support/hpack.js";
import { continuationFrame, dataFrame, headersFrame, http2Frame } from "../support/http2-frame.js";
import { forgetPeak, inMib, memoryOf } from "../support/memory.js";
import { rawFile } from "../unit/archive/support.js";
import { endMarker } from "./hostile-case.js";
import { framed, openSession, type HostileSession } from "./hostile-clients.js";
import { openRawConnection, streamId, type RawConnection } from "./raw-connection.js";

interface Scene {
  readonly daemon: DaemonProcess;
  readonly client: Client;
  /** The token of a reader. */
  readonly hostileToken: string;
}

/**
 * Checks that a caller with a token is served while `attack` runs. Fails if the daemon then uses
 * more than `times` times its memory at rest.
 */
async function attackMemory(
  t: TestContext,
  attack: (scene: Scene) => Promise<void>,
  times = 3,
): Promise<void> {
  const directory = await makeScratch(t, "stasis-memory-");
  const tokens = join(directory, "tokens.json");
  const newToken = (name: string): string => {
    const identity = { name, role: "reader", namePrefix: "", expiresAt: undefined } as const;
    const { token, record } = makeToken(identity, new Date());
    changeTokenFile(tokens, (records) => [...records, record]);
    return token;
  };
  const [token, hostileToken] = [newToken("known"), newToken("hostile")];
  await using daemon = await startDaemonProcess(join(directory, "root"), { tokens });
  const client = connect(daemon.tcpAddress, { token });
  try {
    for (let calls = 0; calls < 100; calls++) await client.list();
    const rest = memoryOf(daemon, "VmRSS");
    forgetPeak(daemon);
    await attack({ daemon, client, hostileToken });
    await client.list();
    const peak = memoryOf(daemon, "VmHWM");
    t.diagnostic(`${inMib(rest)} at rest, ${inMib(peak)} at most`);
    assert.ok(peak <= times * rest, `${inMib(peak)} are more than ${times} times ${inMib(rest)}`);
  } finally {
    client.close();
  }
}

const mib = 1024 * 1024;
const endHeaders = 4;
const health = "/grpc.health.v1.Health/Check";
const reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/**
 * Waits until the daemon's memory grows by less than 2 MiB in a second, which means that the daemon
 * has read everything that was sent. Waits for at most 20 seconds.
 */
async function untilTakenIn(daemon: DaemonProcess): Promise<void> {
  let before = 0;
  for (let looks = 0; looks < 20; looks++) {
    const now = memoryOf(daemon, "VmRSS");
    if (looks > 1 && now - before < 2 * mib) return;
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

/**
 * Opens 40 connections, and calls `open` 40 times on each. The daemon admits fewer streams of
 * strangers.
 */
async function openStrangers(
  daemon: DaemonProcess,
  open: (session: HostileSession) => void,
): Promise<Disposable> {
  const sessions = Array.from({ length: 40 }, () => openSession(daemon.tcpAddress));
  for (const session of sessions) for (let index = 0; index < 40; index++) open(session);
  await untilTakenIn(daemon);
  return {
    [Symbol.dispose]: () => {
      for (const { session } of sessions) session.destroy();
    },
  };
}

test("half-open calls of strangers whose message of 1 MiB does not end", (t) =>
  attackMemory(t, async ({ daemon }) => {
    const start = Buffer.alloc(1024 * 1024);
    // The declared length of the message is the accepted maximum.
    start.writeUInt32BE(1024 * 1024 + 32 * 1024, 1);
    using _strangers = await openStrangers(daemon, ({ open }) => {
      open(reflection).resume().write(start);
      open(health).resume().write(start);
    });
  }));

test("single-byte frames of strangers", (t) =>
  attackMemory(t, async ({ daemon }) => {
    const prefix = Buffer.from([0, 0, 0, 63, 255]);
    const frames = Buffer.concat(
      Array.from({ length: 16_000 }, () => http2Frame(dataFrame, 0, streamId(0), Buffer.of(1))),
    );
    const connections = await Promise.all(
      Array.from({ length: 120 }, async () => {
        const connection = await openRawConnection(daemon.tcpAddress, { acknowledges: true });
        await connection.send(
          http2Frame(headersFrame, endHeaders, streamId(0), grpcHeaders(reflection)),
          http2Frame(dataFrame, 0, streamId(0), prefix),
          frames,
        );
        return connection;
      }),
    );
    await untilTakenIn(daemon);
    for (const { socket } of connections) socket.destroy();
  }));

test("answers of reflection that strangers do not read", (t) =>
  attackMemory(t, async ({ daemon }) => {
    const { input } = ServerReflection.method.serverReflectionInfo;
    const value = "stasis.v1.SnapshotService";
    const request = framed(input, {
      messageRequest: { case: "fileContainingSymbol", value },
    });
    using _strangers = await openStrangers(daemon, ({ open }) => {
      const stream = open(reflection);
      stream.pause();
      for (let requests = 0; requests < 20; requests++) stream.write(request);
    });
  }));

test("endless header blocks, on the maximum number of connections", (t) =>
  attackMemory(t, async ({ daemon }) => {
    const literal = literalHeader("x", "a".repeat(16_000));
    const connections = await Promise.all(
      Array.from({ length: 240 }, async () => {
        const connection = await openRawConnection(daemon.tcpAddress, { acknowledges: false });
        await connection.send(
          http2Frame(headersFrame, 0, streamId(0), grpcHeaders(health)),
          ...Array.from({ length: 7 }, () =>
            http2Frame(continuationFrame, 0, streamId(0), literal),
          ),
        );
        return connection;
      }),
    );
    await untilTakenIn(daemon);
    for (const { socket } of connections) socket.destroy();
  }));

const { watch, list } = SnapshotService.method;
const watchPath = `/${watch.parent.typeName}/${watch.name}`;
const listPath = `/${list.parent.typeName}/${list.name}`;

/** Opens more watchers than one identity may have. */
async function openWatchers(
  { daemon, hostileToken }: Scene,
  open: (session: HostileSession) => void,
): Promise<Disposable> {
  const sessions = Array.from({ length: 10 }, () => openSession(daemon.tcpAddress, hostileToken));
  for (const session of sessions) for (let index = 0; index < 80; index++) open(session);
  await untilTakenIn(daemon);
  return {
    [Symbol.dispose]: () => {
      for (const { session } of sessions) session.destroy();
    },
  };
}

test("watches with filters of half a megabyte, of a reader with a token", (t) =>
  attackMemory(t, async (scene) => {
    const labels = Object.fromEntries(
      Array.from({ length: 12_000 }, (_, index) => [`key-${index}`, "a".repeat(24)]),
    );
    const asked = framed(watch.input, { filter: { labels } });
    using _watchers = await openWatchers(scene, ({ open }) => {
      open(watchPath).resume().end(asked);
    });
  }));

test("events and lists that a reader with a token requests but does not read", (t) =>
  attackMemory(t, async (scene) => {
    const { daemon } = scene;
    const operator = connect(daemon.address);
    try {
      const imageBlobIds = Array.from(
        { length: 1000 },
        (_, index) => `sha256:${index.toString(16).padStart(64, "0")}`,
      );
      const tar = Buffer.concat([rawFile("memory", "content"), endMarker]);
      await operator.create({ config: { name: "n0", imageBlobIds } }, streamOf(tar));
      using _watchers = await openWatchers(scene, ({ open }) => {
        for (const [path, request] of [
          [watchPath, framed(watch.input, {})],
          [listPath, framed(list.input, {})],
        ] as const) {
          const stream = open(path);
          stream.pause();
          stream.end(request);
        }
      });
      for (let renames = 0; renames < 50; renames++) {
        const [ref, name] = [`n${renames}`, `n${renames + 1}`];
        await operator.update({ ref, name, updateMask: { paths: ["name"] } });
      }
      await untilTakenIn(daemon);
    } finally {
      operator.close();
    }
  }));

const bombValue = "a".repeat(3700);
const bombTimes = 118;

/**
 * Sends header bombs. Each stream names a header of 3.7 KB 118 times: 155 bytes on the wire, 440 KB
 * decompressed.
 */
async function sendBombs({ send }: RawConnection, streams: number): Promise<void> {
  const first = Buffer.concat([
    grpcHeaders("/stasis.v1.SnapshotService/List"),
    literalHeader("x", bombValue),
  ]);
  await send(http2Frame(headersFrame, endHeaders, streamId(0), first));
  const bomb = Buffer.concat([
    grpcHeadersAgain(1),
    ...Array.from({ length: bombTimes }, () => indexedHeader(newestIndex)),
  ]);
  for (let index = 1; index < streams; index++) {
    await send(http2Frame(headersFrame, endHeaders, streamId(index), bomb));
  }
}

for (const acknowledges of [false, true]) {
  const who = acknowledges ? "that acknowledges the settings" : "that never acknowledges settings";
  test(`header lists of 440 KB in 155 bytes, of a client ${who}`, (t) =>
    attackMemory(t, async ({ daemon, client }) => {
      const connections: RawConnection[] = [];
      const attackers = Array.from({ length: 9 }, async () => {
        for (let rounds = 0; rounds < 3; rounds++) {
          const connection = await openRawConnection(daemon.tcpAddress, { acknowledges });
          connections.push(connection);
          await sendBombs(connection, 1000);
        }
      });
      let over = false;
      const others = (async () => {
        while (!over) await client.list({}, { timeoutMs: 120_000 });
      })();
      await Promise.all(attackers);
      await untilTakenIn(daemon).finally(() => (over = true));
      await others;
      for (const { socket } of connections) socket.destroy();
    }));
}
