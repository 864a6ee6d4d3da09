// Contract: each large message from grpc-js has its own memory, which can be freed without an
// effect on others.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ownReceived } from "../../../../src/client/grpc-hooks/received-frames.js";
import { startGrpc } from "../../transport/grpc-hooks/scene.js";

const messageBytes = 300_000;
/** The length of the prefix of a message in gRPC over HTTP/2 (Length-Prefixed-Message). */
const prefixBytes = 5;

test("freeing a received chunk frees the memory of its message, and no other memory", async () => {
  await using scene = await startGrpc();
  const received: Buffer[] = [];
  for (const fill of [1, 2, 3]) {
    const answer = await scene.call(Buffer.alloc(messageBytes, fill));
    assert.deepEqual(answer, Buffer.alloc(messageBytes, fill));
    const memoryBytes = answer.buffer.byteLength;
    assert.equal(memoryBytes, prefixBytes + messageBytes, "nothing else is in this memory");
    received.push(answer);
    // The chunk is freed before the next message arrives.
    ownReceived(answer.subarray(8)).free();
    assert.equal(answer.length, 0, "freed");
  }
  assert.equal(new Set(received.map(({ buffer }) => buffer)).size, received.length);
});
