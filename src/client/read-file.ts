// Receives the frames of ReadFile (header, holes, chunks, trailer) and checks that nothing is
// missing.
import { StoreError } from "../base/errors.js";
import { crc32 } from "../wire/crc32.js";
import type {
  DownloadTrailer,
  ReadFileHeader,
  ReadFileResponse,
} from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import type { CallOptions } from "./channel.js";
import { checkTrailer, outOfOrder, truncated } from "./download.js";
import { linkAbort, type LinkedAbort } from "./linked-abort.js";

/** A part of the requested ranges. */
export interface FilePart {
  /** Offset of the part's first byte in the file. */
  readonly offset: number;
  /** Number of bytes, above 0. */
  readonly length: number;
  /** Content of the part. Undefined for a hole, which reads as zeros. */
  readonly bytes: Uint8Array | undefined;
}

/**
 * A running ReadFile. Read `parts` to the end, or dispose of the reader: until then the call stays
 * open and holds a read lease.
 */
export interface FileReader extends AsyncDisposable {
  /** The id of the snapshot, and the file with its size. */
  readonly header: ReadFileHeader;
  /**
   * Yields first the holes and then the data, both in ascending order, and can be read once. The
   * iteration ends without an error only if everything arrived. Otherwise it throws
   * DOWNLOAD_TRUNCATED, or the daemon's error. Leaving the loop cancels the call.
   */
  readonly parts: AsyncIterable<FilePart>;
  /** The total and the CRC-32 of the data. Undefined until `parts` has ended. */
  readonly trailer: DownloadTrailer | undefined;
}

type ResponseStream = AsyncGenerator<ReadFileResponse, void, undefined>;

/** Starts a ReadFile and waits for its header. */
export async function openFileReader(
  open: (options: CallOptions) => ResponseStream,
  options: CallOptions = {},
): Promise<FileReader> {
  const ending = linkAbort(options.signal);
  try {
    const responses = open({ ...options, signal: ending.signal });
    const first = await responses.next();
    if (first.done === true) throw truncated("the stream ended before its header");
    const { frame } = first.value;
    if (frame.case !== "header") throw outOfOrder(frame.case);
    return holdReader(responses, frame.value, ending);
  } catch (error) {
    ending.abort();
    ending.release();
    throw error;
  }
}

function holdReader(
  responses: ResponseStream,
  header: ReadFileHeader,
  ending: LinkedAbort,
): FileReader {
  let trailer: DownloadTrailer | undefined;
  return {
    header,
    parts: readParts(responses, ending.release, (received) => (trailer = received)),
    get trailer() {
      return trailer;
    },
    [Symbol.asyncDispose]: async () => {
      // The call is cancelled first, because `return` alone would wait for a frame that may never
      // arrive.
      if (trailer === undefined) ending.abort();
      ending.release();
      await responses.return().catch(() => undefined);
    },
  };
}

async function* readParts(
  responses: ResponseStream,
  onEnd: () => void,
  onTrailer: (trailer: DownloadTrailer) => void,
): AsyncGenerator<FilePart, void, undefined> {
  let totalBytes = 0;
  let crc = 0;
  let trailer: DownloadTrailer | undefined;
  try {
    for await (const { frame, offset } of responses) {
      if (trailer !== undefined) throw outOfOrder(frame.case);
      if (frame.case === "chunk") {
        const bytes = frame.value;
        totalBytes += bytes.length;
        crc = crc32(bytes, crc);
        yield { offset: Number(offset), length: bytes.length, bytes };
      } else if (frame.case === "holes") {
        for (const hole of frame.value.holes) {
          const [offset, length] = [Number(hole.offset), Number(hole.length)];
          yield { offset, length, bytes: undefined };
        }
      } else if (frame.case === "trailer") {
        trailer = frame.value;
      } else {
        throw outOfOrder(frame.case);
      }
    }
  } finally {
    onEnd();
  }
  if (trailer === undefined) throw truncated("it ended without a trailer");
  checkTrailer(trailer, totalBytes, crc);
  onTrailer(trailer);
}

/**
 * Opens a reader with verification. A file whose digest is still being computed is read without
 * verification; `header.file.digest` is then empty.
 */
export async function openVerifiedReader<R extends { readonly skipVerify?: boolean }>(
  open: (request: R) => Promise<FileReader>,
  request: R,
): Promise<FileReader> {
  try {
    return await open(request);
  } catch (error) {
    const isPending = error instanceof StoreError && error.reason === "OPERATION_IN_PROGRESS";
    if (!isPending || request.skipVerify !== undefined) throw error;
    return open({ ...request, skipVerify: true });
  }
}
