// Contract: the event `stream` passes the raw headers as alternating names and values.
import assert from "node:assert/strict";
import { test } from "node:test";
import { headerBytes } from "../../../../src/transport/grpc-hooks/header-bytes.js";
import { openStream, startHttp2 } from "./scene.js";

test("all headers of a stream are counted, also several with the same name", async () => {
  await using scene = await startHttp2();
  const session = await scene.connect();
  const plain = await openStream(scene);
  const more = await openStream(scene, { "x-one": "a".repeat(1000) });
  const [one, two] = [headerBytes(plain.rawHeaders), headerBytes(more.rawHeaders)];
  assert.equal(two - one, "x-one".length + 1000 + 32);
  const twice = session.request({ ":method": "POST", ":path": "/", "x-one": ["a", "b"] });
  twice.on("error", () => undefined);
  while (scene.arrived.length < 3) await new Promise(setImmediate);
  assert.equal(headerBytes(scene.arrived[2]?.rawHeaders ?? []) - one, 2 * ("x-one".length + 33));
});
