// Converts the frames of byte streams. An upload ends with a commit that the daemon checks. A
// download ends with a trailer that the client checks.
import { setTimeout as delay } from "node:timers/promises";
import { crc32, crcText } from "../../wire/crc32.js";
import { StoreError } from "../../base/errors.js";
import { OwnedChunk, type OwnedStream } from "../../wire/chunk.js";
import { rechunk } from "../../wire/rechunk.js";
import type { UploadCommit } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";

/** The first frame of an upload, which holds the header. */
type HeaderFrame = { case: "header" | "deltaHeader"; value: object };

/** The `frame` oneof of CreateRequest and ImportRequest, which differ only in their headers. */
type UploadFrame<Header extends HeaderFrame> =
  | Header
  | { case: "chunk"; value: Uint8Array }
  | { case: "commit"; value: UploadCommit }
  | { case: undefined; value?: undefined };

interface Upload<Header extends HeaderFrame> {
  readonly header: Header;
  /**
   * The bytes of the upload. They end without an error only if the commit came and matched them.
   */
  readonly bytes: OwnedStream;
}

/** Reads the header. The bytes are read on demand. `signal` fires when the caller disconnects. */
export async function openUpload<Header extends HeaderFrame>(
  messages: AsyncIterable<{ frame: UploadFrame<Header> }>,
  signal: AbortSignal,
): Promise<Upload<Header>> {
  const iterator = messages[Symbol.asyncIterator]();
  const first = await iterator.next();
  const frame = first.done === true ? undefined : first.value.frame;
  if (frame === undefined || !isHeader(frame)) {
    if (frame === undefined) await throwIfCancelled(signal);
    throw frameOrder("header as the first frame", describeFrame(frame));
  }
  return { header: frame, bytes: uploadBytes(iterator, signal) };
}

function isHeader<Header extends HeaderFrame>(frame: UploadFrame<Header>): frame is Header {
  return frame.case === "header" || frame.case === "deltaHeader";
}

async function* uploadBytes<Header extends HeaderFrame>(
  frames: AsyncIterator<{ frame: UploadFrame<Header> }>,
  signal: AbortSignal,
): AsyncGenerator<OwnedChunk> {
  let totalBytes = 0;
  let checksum = 0;
  for (;;) {
    const next = await frames.next();
    const frame = next.done === true ? undefined : next.value.frame;
    if (frame?.case === "chunk") {
      totalBytes += frame.value.length;
      checksum = crc32(frame.value, checksum);
      // The decoder copies nothing. The chunk is a view of its message, which nobody else uses.
      yield OwnedChunk.handOver(frame.value);
    } else if (frame?.case === "commit") {
      checkCommit(frame.value, totalBytes, checksum);
      const after = await frames.next();
      if (after.done !== true) {
        throw frameOrder("the end of the stream after commit", describeFrame(after.value.frame));
      }
      return;
    } else {
      if (frame === undefined) await throwIfCancelled(signal);
      throw frameOrder("chunk or commit", describeFrame(frame));
    }
  }
}

const resetLimitMs = 250;

/**
 * Waits up to `resetLimitMs`. Throws the signal's reason if the client resets the stream meanwhile.
 * A client that cancels may end the stream in one packet and reset it in the next, as Node's HTTP/2
 * does.
 */
async function throwIfCancelled(signal: AbortSignal): Promise<void> {
  await delay(resetLimitMs, undefined, { signal }).catch(() => undefined);
  signal.throwIfAborted();
}

function checkCommit(commit: UploadCommit, totalBytes: number, checksum: number): void {
  if (commit.totalBytes !== BigInt(totalBytes)) {
    throw checksumMismatch(`total_bytes ${commit.totalBytes}`, `${totalBytes} bytes`);
  }
  if (commit.crc32 !== undefined && commit.crc32 !== checksum) {
    throw checksumMismatch(`crc32 ${crcText(commit.crc32)}`, `crc32 ${crcText(checksum)}`);
  }
}

function checksumMismatch(expected: string, actual: string): StoreError {
  return new StoreError(
    "CHECKSUM_MISMATCH",
    `the commit says ${expected}, the chunks received have ${actual}`,
    { hint: "Nothing was stored; send it again" },
  );
}

function frameOrder(expected: string, actual: string): StoreError {
  return new StoreError("FRAME_ORDER_INVALID", `expected ${expected}, got ${actual}`, {
    hint: "An upload is one header, any number of chunks, one commit, then half-close",
  });
}

function describeFrame(frame: { case: string | undefined } | undefined): string {
  if (frame === undefined) return "the end of the stream";
  return frame.case === undefined ? "a frame without content" : `a ${frame.case} frame`;
}

interface DownloadTrailer {
  readonly totalBytes: bigint;
  readonly crc32: number;
}

/** Yields chunks of at most `chunkBytes` bytes, then the trailer. */
export async function* downloadFrames(
  bytes: OwnedStream,
  chunkBytes: number,
): AsyncGenerator<{ chunk: OwnedChunk } | { trailer: DownloadTrailer }> {
  let totalBytes = 0;
  let checksum = 0;
  for await (const chunk of rechunk(bytes, chunkBytes)) {
    totalBytes += chunk.length;
    checksum = crc32(chunk.bytes, checksum);
    yield { chunk };
  }
  yield { trailer: { totalBytes: BigInt(totalBytes), crc32: checksum } };
}
