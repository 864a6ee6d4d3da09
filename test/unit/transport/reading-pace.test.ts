// Tests that a connection above its credit is not read for some time, and then read again. If an
// upgrade of Node changes the internals on which the hook relies, this test fails.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createReadingPace } from "../../../src/transport/reading-pace.js";
import { eventually } from "../../support/eventually.js";

test("a connection above its credit is not read for some time, and others are read", async () => {
  const server = createServer();
  const sessions: ServerHttp2Session[] = [];
  const streams = new Map<ServerHttp2Session | undefined, number>();
  server.on("session", (session) => sessions.push(session));
  server.on("stream", (stream) => {
    const session = stream.session as ServerHttp2Session;
    streams.set(session, (streams.get(session) ?? 0) + 1);
    stream.on("error", () => undefined);
    stream.respond({}, { endStream: true });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clients = await Promise.all(
    [0, 1].map(async () => {
      const client = connect(`http://127.0.0.1:${port}`);
      client.on("error", () => undefined);
      await once(client, "remoteSettings");
      return client;
    }),
  );
  try {
    const [crowded, other] = sessions;
    const pace = createReadingPace();
    for (let charges = 0; charges < 10; charges++) pace.charge(other, undefined);
    for (let charges = 0; charges < 300; charges++) pace.charge(crowded, undefined);
    // Both connections send a request, and the request of the second is answered first.
    const order: number[] = [];
    await Promise.all(
      [0, 1].map(async (index) => {
        const client = clients.find(
          ({ socket }) => socket?.localPort === sessions[index]?.socket?.remotePort,
        );
        assert.ok(client !== undefined);
        const stream = client.request({ ":path": "/" }).on("error", () => undefined);
        await once(stream, "response");
        order.push(index);
      }),
    );
    assert.deepEqual(order, [1, 0]);
    await eventually("both", () => streams.get(crowded) === 1 && streams.get(other) === 1);
  } finally {
    for (const client of clients) client.destroy();
    const closed = once(server, "close");
    server.close();
    await closed;
  }
});
