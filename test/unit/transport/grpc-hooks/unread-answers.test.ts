// Contract: `writableLength` of a stream decreases when the client reads, and not earlier.
import assert from "node:assert/strict";
import { once } from "node:events";
import { constants } from "node:http2";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createUnreadAnswers } from "../../../../src/transport/grpc-hooks/unread-answers.js";
import { eventually } from "../../../support/eventually.js";
import { openStream, startHttp2 } from "./scene.js";

test("an answer that nobody reads is reset, and one that is read slowly is not", async () => {
  await using scene = await startHttp2();
  using unread = createUnreadAnswers(2000);
  const answer = Buffer.alloc(400_000);
  const [idle, slow] = [await openStream(scene), await openStream(scene)];
  for (const { stream, client } of [idle, slow]) {
    client.pause();
    stream.respond({ ":status": 200 });
    stream.end(answer);
    unread.answered(stream);
  }
  // Bytes beyond the window of 64 KiB cannot be sent before the client reads.
  await sleep(50);
  assert.ok(idle.stream.writableLength > answer.length / 2);
  let read = 0;
  const reading = setInterval(() => {
    const data = slow.client.read() as Buffer | null;
    read += data?.length ?? 0;
  }, 50);
  try {
    await once(idle.stream, "close");
    assert.equal(idle.stream.rstCode, constants.NGHTTP2_CANCEL);
    await eventually("the whole answer", () => read === answer.length);
  } finally {
    clearInterval(reading);
  }
});
