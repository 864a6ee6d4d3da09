// What callers have sent and the daemon still holds: parts of messages, requests of running calls,
// the first bytes of uploads that have not begun. All of it together has a bound.
//
// Uploads that have begun are bounded by their windows and their number instead. Only the objects
// that stand for their unread frames are counted, which are larger than very small frames.
//
// Relies on Node calling `stream.push` for all that arrives on an HTTP/2 stream (lib/internal/
// stream_base_commons.js): with back-pressure a stream takes its whole window, without any event.
// Should that change, nothing is counted, which test/unit/transport/request-bytes.test.ts notices.
import { constants, type ServerHttp2Stream } from "node:http2";
import { createShares, type ExceededLimit, type Owner } from "./shares.js";

export interface RequestAccount {
  /** A message has been put together, and perhaps decompressed. */
  message(bytes: number): void;
  /** All messages so far are done with. */
  release(): void;
  /** The call is a byte stream and has begun. */
  isBulk(): void;
  /** From now on `refuse` is told when there is no room, and has to end the call. */
  refuseBy(refuse: (exceeded: ExceededLimit) => void): void;
}

export interface RequestBytes {
  /** Counts what comes on the stream, until it closes. Without `refuseBy` it resets the stream that is too much. */
  open(stream: ServerHttp2Stream, request: RequestOptions): RequestAccount;
}

export interface RequestOptions {
  readonly owner: Owner;
  /** The call has one request, which it keeps in decoded form to its end. */
  readonly keepsRequest: boolean;
}

/** What a decoded request takes for each of its bytes: short strings, and objects for their pairs. */
const decodedFactor = 16;
/** Of the object that stands for a frame which was not read yet. */
const frameBytes = 128;
const kib = 1024;

export function createRequestBytes(maxBytes: number): RequestBytes {
  const shares = createShares({ what: "KiB of requests", max: maxBytes / kib });
  return {
    open(stream, { owner, keepsRequest }) {
      const factor = keepsRequest ? decodedFactor : 1;
      let heldKib = 0;
      let arrivedBytes = 0;
      let bulk = false;
      let closed = false;
      let refuse = (_: ExceededLimit): void => stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);

      const release = (): void => {
        if (heldKib !== 0) shares.giveBack(owner, heldKib);
        heldKib = 0;
        arrivedBytes = 0;
      };
      const charge = (bytes: number): void => {
        if (closed) return;
        const exceeded = shares.lacks(owner, bytes / kib);
        if (exceeded === undefined) {
          shares.take(owner, bytes / kib);
          heldKib += bytes / kib;
        } else {
          close();
          refuse(exceeded);
        }
      };
      const arrived = (bytes: number): void => {
        if (bulk) {
          if (stream.readableLength === 0) release();
          else charge(frameBytes);
        } else {
          arrivedBytes += bytes;
          charge(bytes * factor + frameBytes);
        }
      };
      const close = (): void => {
        closed = true;
        release();
      };
      const push = stream.push.bind(stream);
      stream.push = (chunk: Uint8Array | null, encoding?: BufferEncoding): boolean => {
        if (chunk !== null) arrived(chunk.length);
        return push(chunk, encoding);
      };
      stream.once("close", close);
      return {
        message(bytes) {
          if (bytes <= arrivedBytes) return;
          charge((bytes - arrivedBytes) * factor);
          arrivedBytes = bytes;
        },
        release,
        isBulk() {
          bulk = true;
          release();
        },
        refuseBy: (refusing) => (refuse = refusing),
      };
    },
  };
}
