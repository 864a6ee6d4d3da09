// Sends a byte stream as the frames of Create or Import: header, chunks, commit.

import {
  create,
  type DescMessage,
  type DescMethodClientStreaming,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { ByteStream } from "../base/async.js";
import { crc32 } from "../base/crc32.js";
import { CreateRequestSchema } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { encode, type CallOptions, type Channel, type UploadCall } from "./channel.js";
import { createChunkFramer, defaultChunkBytes, maxChunkBytes } from "./chunk-frame.js";

export interface UploadOptions extends CallOptions {
  /** Size of the chunks on the wire, in bytes: 1 to 1 MiB. Default: 512 KiB. */
  readonly chunkBytes?: number;
}

/**
 * Sends `header` (an encoded frame), then `bytes`, then the commit with their total and CRC-32.
 * When the daemon answers before all is sent, the source is stopped and that answer counts. When
 * the source fails, nothing is committed and its error is thrown. A source that is in the middle of
 * a read then is told to stop, but not waited for.
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
  const source = bytes[Symbol.asyncIterator]();
  try {
    await whileOpen(call.write(header));
    const commit = await sendChunks(source, call, whileOpen, options.chunkBytes);
    await whileOpen(call.write(commit));
    call.end();
  } catch (error) {
    if (error !== answered) call.cancel();
    // What the source throws when the caller's signal fires is the cancellation, not its failure.
    if (error === answered || options.signal?.aborted === true) return await call.response;
    throw error;
  }
  return await call.response;
}

/** Thrown by `whileOpen` when the call is over: the outcome is in the response. */
const answered = new Error("the daemon has answered");

/**
 * Waits for a promise, or throws `answered` if the call ends first. `Promise.race` against the
 * response would keep a reaction on it for every chunk that was ever sent.
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
  source: AsyncIterator<Uint8Array>,
  call: UploadCall<unknown>,
  whileOpen: <T>(promise: Promise<T>) => Promise<T>,
  chunkBytes: number = defaultChunkBytes,
): Promise<Buffer> {
  const framer = createChunkFramer(Math.min(Math.max(1, chunkBytes), maxChunkBytes));
  let totalBytes = 0;
  let crc = 0;
  let waitingForSource = false;
  try {
    for (;;) {
      waitingForSource = true;
      const next = await whileOpen(Promise.resolve(source.next()));
      waitingForSource = false;
      if (next.done === true) break;
      const bytes = next.value;
      crc = crc32(bytes, crc);
      totalBytes += bytes.length;
      for (let start = 0; start < bytes.length;) {
        start += framer.fill(bytes, start);
        if (framer.isFull) await whileOpen(call.write(framer.take()));
      }
    }
  } catch (error) {
    await stop(source, waitingForSource);
    throw error;
  }
  if (framer.filledBytes > 0) await whileOpen(call.write(framer.take()));
  return encodeCommit(totalBytes, crc);
}

/**
 * A generator that is in the middle of `next` handles `return` only after it; it may wait for
 * input that never comes, so that nobody can wait for it.
 */
async function stop(source: AsyncIterator<Uint8Array>, busy: boolean): Promise<void> {
  const stopped = Promise.resolve(source.return?.()).catch(() => undefined);
  if (!busy) await stopped;
}

/** CreateRequest and ImportRequest have the same commit frame; a test holds them equal. */
function encodeCommit(totalBytes: number, crc: number): Buffer {
  const commit = { totalBytes: BigInt(totalBytes), crc32: crc };
  return encode(
    CreateRequestSchema,
    create(CreateRequestSchema, { frame: { case: "commit", value: commit } }),
  );
}
