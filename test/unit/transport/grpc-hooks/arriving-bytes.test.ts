// Contract: Node calls `stream.push` for all bytes that arrive, also when nobody reads the stream.
import assert from "node:assert/strict";
import { test } from "node:test";
import { watchArrivals } from "../../../../src/transport/grpc-hooks/arriving-bytes.js";
import { eventually } from "../../../support/eventually.js";
import { openStream, startHttp2 } from "./scene.js";

test("all bytes are counted when they arrive, before anybody reads them", async () => {
  await using scene = await startHttp2();
  const { client, stream } = await openStream(scene);
  stream.pause();
  let seen = 0;
  watchArrivals(stream, (bytes) => (seen += bytes));
  client.write(Buffer.alloc(50_000));
  await eventually("all bytes", () => seen === 50_000);
  assert.equal(stream.readableLength, 50_000);
  let read = 0;
  stream.on("data", (data: Buffer) => (read += data.length)).resume();
  client.end(Buffer.alloc(10));
  await eventually("the rest", () => read === 50_010);
  assert.equal(seen, 50_010);
});
