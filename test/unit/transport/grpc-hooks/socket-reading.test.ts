// Contract: sockets under HTTP/2 have a handle whose reading can be stopped and resumed.
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  canPauseReading,
  pauseReading,
  resumeReading,
} from "../../../../src/transport/grpc-hooks/socket-reading.js";
import { eventually } from "../../../support/eventually.js";
import { startHttp2 } from "./scene.js";

test("a paused connection is not read until it is resumed", async () => {
  await using scene = await startHttp2();
  const client = await scene.connect();
  const [session] = scene.sessions;
  assert.ok(session !== undefined && canPauseReading(session));
  pauseReading(session);
  const stream = client.request({ ":path": "/" });
  stream.on("error", () => undefined);
  await sleep(100);
  assert.equal(scene.arrived.length, 0);
  resumeReading(session);
  await eventually("the stream", () => scene.arrived.length === 1);
});

test("pausing and resuming a closed connection causes no error", async () => {
  await using scene = await startHttp2();
  const client = await scene.connect();
  const [session] = scene.sessions;
  assert.ok(session !== undefined);
  const closed = once(session, "close");
  client.destroy();
  await closed;
  assert.equal(session.destroyed, true);
});
