// Contract: a stream emits `finish` with its answer, and a later NO_ERROR does not damage the
// answer.
import assert from "node:assert/strict";
import { once } from "node:events";
import { constants } from "node:http2";
import { test } from "node:test";
import { limitLinger } from "../../../../src/transport/grpc-hooks/linger.js";
import { openStream, startHttp2 } from "./scene.js";

test("a client that continues to send gets its answer, and then NO_ERROR", async () => {
  await using scene = await startHttp2();
  const { client, stream } = await openStream(scene);
  limitLinger(stream, 50);
  const answered = once(client, "response");
  const started = performance.now();
  stream.respond({ ":status": 200 }, { endStream: true });
  stream.resume();
  client.resume();
  const [headers] = (await answered) as [{ ":status": number }];
  assert.equal(headers[":status"], 200);
  await once(stream, "close");
  assert.ok(performance.now() - started >= 45);
  assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
});

test("a stream whose client has ended closes by itself at once", async () => {
  await using scene = await startHttp2();
  const { client, stream } = await openStream(scene);
  limitLinger(stream, 60_000);
  client.end();
  stream.resume();
  await once(stream, "end");
  const closed = once(stream, "close");
  stream.respond({ ":status": 200 }, { endStream: true });
  client.resume();
  await closed;
});
