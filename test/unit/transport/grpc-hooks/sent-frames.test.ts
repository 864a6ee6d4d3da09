// Contract: grpc-js copies a message only by `byteLength` and `copy`, and calls back after the
// message was sent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sendAndFree } from "../../../../src/transport/grpc-hooks/sent-frames.js";
import { detachCall } from "../../../../src/transport/grpc-hooks/detached-call.js";
import { asInterceptor, startGrpc } from "./scene.js";

const answerBytes = 300_000;

test("a message is copied once, and its memory is freed after it has been sent", async () => {
  let target: Buffer | undefined;
  let freedBeforeSent = false;
  const intercept = asInterceptor((raw) => {
    const answer = {
      byteLength: answerBytes,
      copy(memory: Buffer, start: number): number {
        target = memory.fill(1, start);
        return answerBytes;
      },
    };
    raw.start({
      onReceiveMetadata: () => raw.startRead(),
      onReceiveMessage() {
        sendAndFree(raw, answer, { destroyed: false }, () => {
          freedBeforeSent = target?.length === 0;
        });
        raw.sendStatus({ code: 0, details: "OK" });
      },
      onReceiveHalfClose: () => undefined,
      onCancel: () => undefined,
    });
    return detachCall(raw);
  });
  await using scene = await startGrpc({ intercept });
  const answer = await scene.call(Buffer.from("a"));
  assert.deepEqual(answer, Buffer.alloc(answerBytes, 1));
  assert.ok(freedBeforeSent);
});

test("the memory of a message whose stream was destroyed is not freed", () => {
  const stream = { destroyed: false };
  let sent: (() => void) | undefined;
  let target: Buffer | undefined;
  const raw = {
    sendMessage(message: { copy(memory: Buffer, start: number): number }, callback: () => void) {
      target = Buffer.allocUnsafeSlow(1000);
      message.copy(target, 0);
      sent = callback;
    },
  };
  const message = { byteLength: 1000, copy: (memory: Buffer) => memory.fill(1).length };
  let reports = 0;
  sendAndFree(raw as unknown as Parameters<typeof sendAndFree>[0], message, stream, () => {
    reports += 1;
  });
  stream.destroyed = true;
  sent?.();
  assert.deepEqual([target?.length, reports], [1000, 1]);
});

test("a message that is used as a Buffer fails instead of sending unwritten memory", () => {
  const raw = {
    sendMessage: (message: Buffer) => Buffer.alloc(message.length + 5),
  };
  const message = { byteLength: 1000, copy: () => 1000 };
  assert.throws(
    () => sendAndFree(raw as never, message, undefined, () => undefined),
    /a chunk was used as a Buffer/,
  );
});
