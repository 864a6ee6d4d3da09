// Contract: grpc-js refuses a message that is too large through the call's `sendStatus`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Metadata, ServerInterceptingCall, status } from "@grpc/grpc-js";
import { interceptBareRefusals } from "../../../../src/transport/grpc-hooks/bare-refusals.js";
import { asInterceptor, startGrpc } from "./scene.js";

const detailsKey = "details-bin";

test("a message that is too large is reported, and our answer is the one that arrives", async () => {
  const refusals: string[] = [];
  const intercept = asInterceptor((raw) => {
    interceptBareRefusals(raw, detailsKey, (details) => {
      refusals.push(details);
      const metadata = new Metadata();
      metadata.set(detailsKey, Buffer.from("ours"));
      raw.sendStatus({ code: status.RESOURCE_EXHAUSTED, details: "ours", metadata });
    });
    return new ServerInterceptingCall(raw);
  });
  await using scene = await startGrpc({ intercept, maxMessageBytes: 1000 });
  await assert.rejects(scene.call(Buffer.alloc(1001)), { details: "ours" });
  assert.deepEqual(refusals, ["Received message larger than max (1001 vs 1000)"]);
  assert.equal((await scene.call(Buffer.alloc(1000))).length, 1000);
});
