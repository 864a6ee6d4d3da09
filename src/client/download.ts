// Receives the frames of Restore or Export (header, chunks, trailer) and checks that nothing is
// missing.

import { formatBytes, formatBytesApart } from "../base/sizes.js";
import { StoreError, isStoreError } from "../base/errors.js";
import type { ByteStream } from "../base/async.js";
import { crc32, crcText } from "../wire/crc32.js";
import { lend, type OwnedChunk, type OwnedStream } from "../wire/chunk.js";
import type {
  DownloadHeader,
  DownloadTrailer,
  ExportResponse,
  RestoreResponse,
} from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import type { CallOptions } from "./channel.js";
import { ownReceived } from "./grpc-hooks/received-frames.js";
import { linkAbort, type LinkedAbort } from "./linked-abort.js";

/**
 * A running download of a snapshot. Read `bytes` to the end, or dispose of the download: until then
 * the call stays open and holds a read lease.
 */
export interface Download extends AsyncDisposable {
  /** The snapshot with its files, and the number of data bytes in them. */
  readonly header: DownloadHeader;
  /**
   * The bytes of the tar or archive, which can be read once. The iteration ends without an error
   * only if everything arrived. Otherwise it throws DOWNLOAD_TRUNCATED, or the daemon's error.
   * Leaving the loop cancels the call.
   */
  readonly bytes: ByteStream;
  /**
   * The pieces of `bytes`, for a consumer that keeps, transfers or frees them. Read either `bytes`
   * or `chunks`.
   */
  readonly chunks: OwnedStream;
  /** The total and the CRC-32. Undefined until `bytes` has ended. */
  readonly trailer: DownloadTrailer | undefined;
}

export interface DownloadOptions extends CallOptions {
  /**
   * If true, the memory of each piece of `bytes` is reused when the next piece is requested. With
   * 16 concurrent downloads this saves a fifth of the client's CPU time and a third of its memory;
   * a single download gains nothing. Default: false, and the caller may keep pieces.
   */
  readonly reuseBuffers?: boolean;
}

type Frame = (RestoreResponse | ExportResponse)["frame"];
type FrameStream = AsyncGenerator<{ readonly frame: Frame }, void, undefined>;

/** The parts of a request that an older daemon does not know and ignores. */
interface Narrowed {
  readonly files?: readonly string[];
  readonly deltaFrom?: string;
}

/**
 * Starts a download and waits for its header. Throws NOT_IMPLEMENTED if the request selects files
 * or asks for a delta, and the daemon does not support that.
 */
export async function openDownload(
  { files = [], deltaFrom = "" }: Narrowed & { readonly ref?: string },
  open: (options: CallOptions) => FrameStream,
  options: DownloadOptions = {},
): Promise<Download> {
  const ending = linkAbort(options.signal);
  try {
    const frames = open({ ...options, signal: ending.signal });
    const header = await readHeader(frames);
    if (files.length > 0 && header.files.length === 0) throw sendsAll();
    if (deltaFrom !== "" && header.parentDigest === "") throw sendsWhole();
    return holdDownload(frames, header, ending, options.reuseBuffers === true);
  } catch (error) {
    ending.abort();
    ending.release();
    throw error;
  }
}

/** Fields that Restore and Export share. */
interface DownloadRequest {
  readonly verify?: boolean;
  readonly force?: boolean;
}

/**
 * Opens a download with `verify`, unless the request sets `verify` itself, or has `force`, which
 * requests the data without checks. With `verify`, the daemon compares each block with its digest
 * before it sends the block, and the trailer's CRC-32 protects the data on the way here. A snapshot
 * whose digests are still being computed arrives unverified; its header has no digest.
 */
export async function openCompared<R extends DownloadRequest>(
  open: (request: R) => Promise<Download>,
  request: R,
): Promise<Download> {
  if (request.verify !== undefined || request.force === true) return open(request);
  try {
    return await open({ ...request, verify: true });
  } catch (error) {
    if (!isStoreError(error, "OPERATION_IN_PROGRESS")) throw error;
    return open(request);
  }
}

function sendsAll(): StoreError {
  return new StoreError("NOT_IMPLEMENTED", "this daemon cannot select files: it sends all", {
    hint: "Use a newer daemon, or ask for all files",
  });
}

function sendsWhole(): StoreError {
  return new StoreError(
    "NOT_IMPLEMENTED",
    "this daemon cannot export deltas: it sends everything",
    {
      hint: "Use a newer daemon, or export without a parent",
    },
  );
}

async function readHeader(frames: FrameStream): Promise<DownloadHeader> {
  const first = await frames.next();
  if (first.done === true) throw truncated("the stream ended before its header");
  const { frame } = first.value;
  if (frame.case !== "header") throw outOfOrder(frame.case);
  return frame.value;
}

function holdDownload(
  frames: FrameStream,
  header: DownloadHeader,
  ending: LinkedAbort,
  reuseBuffers: boolean,
): Download {
  let trailer: DownloadTrailer | undefined;
  const chunks = readChunks(frames, ending.release, (received) => {
    trailer = received;
  });
  return {
    header,
    bytes: reuseBuffers ? lend(chunks) : keep(chunks),
    chunks,
    get trailer() {
      return trailer;
    },
    [Symbol.asyncDispose]: async () => {
      // The call is cancelled first, because `return` alone would wait for a frame that may never
      // arrive.
      if (trailer === undefined) ending.abort();
      ending.release();
      await frames.return().catch(() => undefined);
    },
  };
}

/** Yields pieces that the consumer may keep. The garbage collector frees their memory. */
async function* keep(chunks: OwnedStream): ByteStream {
  for await (const { bytes } of chunks) yield bytes;
}

async function* readChunks(
  frames: FrameStream,
  onEnd: () => void,
  onTrailer: (trailer: DownloadTrailer) => void,
): AsyncGenerator<OwnedChunk, void, undefined> {
  let totalBytes = 0;
  let crc = 0;
  let trailer: DownloadTrailer | undefined;
  try {
    for await (const { frame } of frames) {
      if (trailer !== undefined) throw outOfOrder(frame.case);
      if (frame.case === "chunk") {
        totalBytes += frame.value.length;
        crc = crc32(frame.value, crc);
        yield ownReceived(frame.value);
      } else if (frame.case === "trailer") {
        trailer = frame.value;
      } else if (frame.case === "header") {
        throw outOfOrder(frame.case);
      }
    }
  } finally {
    onEnd();
  }
  if (trailer === undefined) {
    throw truncated(`it ended after ${formatBytes(totalBytes)} without a trailer`);
  }
  checkTrailer(trailer, totalBytes, crc);
  onTrailer(trailer);
}

/** Throws DOWNLOAD_TRUNCATED if the received bytes are not those of the trailer. */
export function checkTrailer(trailer: DownloadTrailer, totalBytes: number, crc: number): void {
  if (trailer.totalBytes !== BigInt(totalBytes)) {
    const [sent, received] = formatBytesApart(Number(trailer.totalBytes), totalBytes);
    throw truncated(`expected ${sent}, received ${received}`);
  }
  if (trailer.crc32 !== crc) {
    throw truncated(`expected CRC-32 ${crcText(trailer.crc32)}, received data has ${crcText(crc)}`);
  }
}

export function truncated(what: string): StoreError {
  return new StoreError("DOWNLOAD_TRUNCATED", `the download is incomplete: ${what}`, {
    hint: "Discard what was received and try again",
  });
}

export function outOfOrder(frameCase: string | undefined): StoreError {
  return new StoreError(
    "INTERNAL",
    `the daemon sent the frame ${frameCase ?? "(unknown)"} out of order`,
    { hint: "Client and daemon may have incompatible versions" },
  );
}
