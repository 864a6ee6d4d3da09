// Sends a byte stream as the frames of Create or Import: header, chunks, commit.

import {
  create,
  type DescMessage,
  type DescMethodClientStreaming,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { ByteStream } from "../base/async.js";
import { bytesOf, freeIfOwned } from "../wire/chunk.js";
import { crc32 } from "../wire/crc32.js";
import { rechunk } from "../wire/rechunk.js";
import { CreateRequestSchema } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { dropErrors } from "../base/quietly.js";
import { encode, type CallOptions, type Channel, type UploadCall } from "./channel.js";
import { encodeChunk, maxChunkBytes } from "./chunk-frame.js";

export interface UploadOptions extends CallOptions {
  /** Largest chunk on the wire, from 1 byte to 1 MiB. Default: 1 MiB. */
  readonly chunkBytes?: number;
}

/**
 * Sends `header` (an encoded frame), then `bytes`, then the commit with their total and CRC-32. If
 * the daemon answers before everything was sent, this stops the source and returns the answer. If
 * the source fails, nothing is committed and its error is thrown. A source in the middle of a read
 * is asked to stop, but this does not wait for it.
 */
export async function upload<I extends DescMessage, O extends DescMessage>(
  channel: Channel,
  method: DescMethodClientStreaming<I, O>,
  header: Buffer,
  bytes: ByteStream,
  options: UploadOptions,
): Promise<MessageShape<O>> {
  const call = channel.upload(method, options);
  const whileOpen = untilAnswered(call.response);
  try {
    await whileOpen(call.write(header));
    const commit = await sendChunks(bytes, call, whileOpen, options.chunkBytes);
    await whileOpen(call.write(commit));
    call.end();
  } catch (error) {
    if (error !== answered) call.cancel();
    // If the source throws because the caller's signal aborted, the call was cancelled, and the
    // source did not fail.
    if (error === answered || options.signal?.aborted === true) return await call.response;
    throw error;
  }
  return await call.response;
}

/** `whileOpen` throws this when the call is over; the response contains the outcome. */
const answered = new Error("the daemon has answered");

/**
 * Returns a function that waits for a promise, or throws `answered` if the call ends first.
 * `Promise.race` against the response would leave a reaction on it for every chunk.
 */
function untilAnswered(response: Promise<unknown>): <T>(promise: Promise<T>) => Promise<T> {
  let over = false;
  let interrupt: (() => void) | undefined;
  const end = (): void => {
    over = true;
    interrupt?.();
  };
  response.then(end, end);
  return (promise) =>
    new Promise((resolve, reject) => {
      interrupt = () => reject(answered);
      promise.then(resolve, reject);
      if (over) interrupt();
    });
}

async function sendChunks(
  source: ByteStream,
  call: UploadCall<unknown>,
  whileOpen: <T>(promise: Promise<T>) => Promise<T>,
  chunkBytes: number = maxChunkBytes,
): Promise<Buffer> {
  const pieces = source[Symbol.asyncIterator]();
  const opened = { [Symbol.asyncIterator]: () => pieces };
  const chunks = rechunk(opened, Math.min(Math.max(1, chunkBytes), maxChunkBytes));
  let totalBytes = 0;
  let crc = 0;
  let waitingForSource = false;
  try {
    for (;;) {
      waitingForSource = true;
      const next = await whileOpen(chunks.next());
      waitingForSource = false;
      if (next.done === true) break;
      const chunk = next.value;
      const before = crc;
      const frame = encodeChunk(bytesOf(chunk), (piece, start) => {
        crc = crc32(piece, start === 0 ? before : crc);
      });
      totalBytes += chunk.length;
      // This resolves when the frame has been copied. `crc` then covers the chunk.
      await whileOpen(call.write(frame));
      freeIfOwned(chunk);
    }
  } catch (error) {
    // A generator handles `return` only after a pending `next`, which may never end.
    if (waitingForSource) void dropErrors(pieces.return?.());
    else await dropErrors(chunks.return());
    throw error;
  }
  return encodeCommit(totalBytes, crc);
}

/**
 * Encodes the commit frame, which is the same in CreateRequest and ImportRequest. A test compares
 * them.
 */
function encodeCommit(totalBytes: number, crc: number): Buffer {
  const commit = { totalBytes: BigInt(totalBytes), crc32: crc };
  return encode(
    CreateRequestSchema,
    create(CreateRequestSchema, { frame: { case: "commit", value: commit } }),
  );
}
