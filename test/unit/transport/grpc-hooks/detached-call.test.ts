// Contract: a call that an interceptor detaches never reaches the registered handler.
import assert from "node:assert/strict";
import { test } from "node:test";
import { detachCall, neverCalled } from "../../../../src/transport/grpc-hooks/detached-call.js";
import { asInterceptor, startGrpc } from "./scene.js";

test("a detached call is served by the interceptor alone", async () => {
  const intercept = asInterceptor((raw) => {
    raw.start({
      onReceiveMetadata: () => raw.startRead(),
      onReceiveMessage(message: Buffer) {
        raw.sendMessage(Buffer.concat([message, Buffer.from("!")]), () => undefined);
        raw.sendStatus({ code: 0, details: "OK" });
      },
      onReceiveHalfClose: () => undefined,
      onCancel: () => undefined,
    });
    return detachCall(raw);
  });
  await using scene = await startGrpc({ intercept });
  assert.equal(String(await scene.call(Buffer.from("hello"))), "hello!");
  assert.equal(scene.handled(), 0);
  assert.throws(neverCalled, /the interceptor takes all calls/);
});
