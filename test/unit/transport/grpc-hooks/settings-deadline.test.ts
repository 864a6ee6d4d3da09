// Contract: node:http2 emits `localSettings` when a client has acknowledged the settings, and not
// earlier.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { closeUnlessAcknowledged } from "../../../../src/transport/grpc-hooks/settings-deadline.js";
import { openRawConnection } from "../../../hostile/raw-connection.js";
import { startHttp2 } from "./scene.js";

test("only a session whose client does not acknowledge the settings is closed", async () => {
  await using scene = await startHttp2((session) => closeUnlessAcknowledged(session, 200));
  await scene.connect();
  const ignoring = await openRawConnection(`127.0.0.1:${scene.port}`, { acknowledges: false });
  await ignoring.closed;
  await sleep(300);
  assert.deepEqual(
    scene.sessions.map(({ closed, destroyed }) => closed || destroyed),
    [false, true],
  );
});
