// Contract: grpc-js lets long timeouts overflow, and it uses the header that the hook has
// changed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerInterceptingCall } from "@grpc/grpc-js";
import { clampTimeout } from "../../../../src/transport/grpc-hooks/timeout-clamp.js";
import { startGrpc } from "./scene.js";

const thirtyDays = 30 * 24 * 3600;
const message = Buffer.from("a");

function clamped(timeout: string): unknown {
  const headers = { "grpc-timeout": timeout };
  clampTimeout(headers);
  return headers["grpc-timeout"];
}

test("only timeouts that a timer of Node cannot represent are shortened", () => {
  assert.equal(clamped("596H"), "596H");
  assert.equal(clamped("597H"), "2147483S");
  assert.equal(clamped("99999999S"), "2147483S");
  assert.equal(clamped("99999999m"), "99999999m");
  assert.equal(clamped("not a timeout"), "not a timeout");
});

test("a call with a deadline in thirty days succeeds with the hook", async () => {
  await using scene = await startGrpc({
    onStream(_stream, headers, _rawHeaders, begin) {
      headers["grpc-timeout"] = `${thirtyDays}S`;
      clampTimeout(headers);
      begin();
    },
  });
  assert.deepEqual(await scene.call(message), message);
});

test("without the hook this deadline passes at once, so the hook is still needed", async () => {
  let deadline: unknown;
  await using scene = await startGrpc({
    onStream(_stream, headers, _rawHeaders, begin) {
      headers["grpc-timeout"] = `${thirtyDays}S`;
      begin();
    },
    intercept: (raw) => {
      deadline = raw.getDeadline();
      return new ServerInterceptingCall(raw);
    },
  });
  await scene.call(message).catch(() => undefined);
  assert.ok(Number(deadline) < Date.now(), String(deadline));
});
