// Contract: when a stream is reset, Node reports its end and its close in the same turn of the
// event loop.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import { test } from "node:test";
import { confirmOpen } from "../../../../src/transport/grpc-hooks/confirm-open.js";
import { openStream, startHttp2 } from "./scene.js";

const gone = new Error("the caller is gone");

/** Behaves like a call of grpc-js, whose signal fires in the tick after the close. */
function signalOf(stream: ServerHttp2Stream): AbortSignal {
  const controller = new AbortController();
  stream.once("close", () => process.nextTick(() => controller.abort(gone)));
  return controller.signal;
}

test("the end of a reset stream is distinguished from a half-close", async () => {
  await using scene = await startHttp2();
  const half = await openStream(scene);
  const halfSignal = signalOf(half.stream);
  half.stream.resume();
  half.client.end("all");
  await once(half.stream, "end");
  await confirmOpen(halfSignal);

  for (const cut of ["reset", "connection"] as const) {
    const { client, session, stream } = await openStream(scene);
    const signal = signalOf(stream);
    stream.resume();
    client.write("a part");
    await once(stream, "data");
    const ended = once(stream, "end");
    if (cut === "reset") client.close(8);
    else session.destroy();
    await ended;
    await assert.rejects(confirmOpen(signal), gone, cut);
  }
});
