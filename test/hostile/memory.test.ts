// What the daemon holds in memory for callers who want it to hold much. SECURITY.md has the bounds.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { changeTokenFile, makeToken } from "../../src/config/token-file.js";
import { connect, type Client } from "../../src/client/index.js";
import { makeScratch } from "../support/daemon.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import {
  grpcHeaders,
  grpcHeadersAgain,
  indexedHeader,
  literalHeader,
  newestIndex,
} from "../support/hpack.js";
import { headersFrame, http2Frame } from "../support/http2-frame.js";
import { forgetPeak, inMib, memoryOf } from "../support/memory.js";
import { openRawConnection, streamId, type RawConnection } from "./raw-connection.js";

interface Scene {
  readonly daemon: DaemonProcess;
  readonly client: Client;
  readonly token: string;
}

/**
 * While `attack` runs a caller with a token is served. Fails if the daemon then takes more than three
 * times of what it takes at rest.
 */
async function attackMemory(
  t: TestContext,
  attack: (scene: Scene) => Promise<void>,
  times = 3,
): Promise<void> {
  const directory = await makeScratch(t, "stasis-memory-");
  const tokens = join(directory, "tokens.json");
  const identity = { name: "known", role: "reader", namePrefix: "", expiresAt: undefined } as const;
  const { token, record } = makeToken(identity, new Date());
  changeTokenFile(tokens, (records) => [...records, record]);
  await using daemon = await startDaemonProcess(join(directory, "root"), { tokens });
  const client = connect(daemon.tcpAddress, { token });
  try {
    for (let calls = 0; calls < 100; calls++) await client.list();
    const rest = memoryOf(daemon, "VmRSS");
    forgetPeak(daemon);
    await attack({ daemon, client, token });
    await client.list();
    const peak = memoryOf(daemon, "VmHWM");
    t.diagnostic(`${inMib(rest)} at rest, ${inMib(peak)} at most`);
    assert.ok(peak <= times * rest, `${inMib(peak)} are more than ${times} times ${inMib(rest)}`);
  } finally {
    client.close();
  }
}

const endHeaders = 4;
const bombValue = "a".repeat(3700);
const bombTimes = 118;

/** Each stream names a header of 3.7 KB 118 times: 155 bytes on the wire, 440 KB decompressed. */
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
      const attackers = Array.from({ length: 9 }, async () => {
        for (let rounds = 0; rounds < 4; rounds++) {
          const connection = await openRawConnection(daemon.tcpAddress, { acknowledges });
          await sendBombs(connection, 1000);
          connection.socket.destroy();
        }
      });
      let over = false;
      const others = (async () => {
        while (!over) await client.list({}, { timeoutMs: 120_000 });
      })();
      await Promise.all(attackers).finally(() => (over = true));
      await others;
    }));
}
