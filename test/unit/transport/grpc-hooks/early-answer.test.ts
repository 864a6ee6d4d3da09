// Contract: a stream can be answered before grpc-js sees it, and its client gets the status.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata, status } from "@grpc/grpc-js";
import {
  answerAtOnce,
  answerEarly,
  type EarlyStatus,
} from "../../../../src/transport/grpc-hooks/early-answer.js";
import { startGrpc } from "./scene.js";

const metadata = new Metadata();
metadata.set("reason-bin", Buffer.from("busy"));
const refusal: EarlyStatus = { code: status.UNAVAILABLE, details: "café, later", metadata };

for (const answer of [answerEarly, answerAtOnce]) {
  test(`${answer.name}: a client of grpc-js gets status, message and metadata`, async () => {
    await using scene = await startGrpc({ onStream: (stream) => answer(stream, refusal) });
    const error = await scene.call(Buffer.alloc(100_000)).then(
      () => undefined,
      (caught: { code: number; details: string; metadata: Metadata }) => caught,
    );
    assert.deepEqual([error?.code, error?.details], [refusal.code, refusal.details]);
    assert.deepEqual(error?.metadata.get("reason-bin"), [Buffer.from("busy")]);
    assert.equal(scene.handled(), 0);
  });
}
