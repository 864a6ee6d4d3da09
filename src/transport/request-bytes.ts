// Bounds the bytes that callers have sent and the daemon still holds: parts of messages, requests
// of running calls, and the first bytes of uploads that have not begun.
//
// Windows and the number of streams bound running uploads instead. For running uploads, this file
// counts only the objects that Node keeps for unread frames, because such an object is larger than
// a very small frame. Bytes are counted when they arrive (grpc-hooks/arriving-bytes.ts).
import type { ServerHttp2Stream } from "node:http2";
import type { Occupancy } from "../observe/figures.js";
import { kib } from "../base/sizes.js";
import { watchArrivals } from "./grpc-hooks/arriving-bytes.js";
import type { Attachments } from "./grpc-hooks/attachments.js";
import { enhanceYourCalm } from "./grpc-hooks/error-codes.js";
import { createSemaphore, type ExceededLimit, type Owner, type Semaphore } from "./semaphore.js";

export interface RequestAccount {
  /** Call it when a message has been assembled, and perhaps decompressed. */
  message(bytes: number): void;
  /** Call it when all messages that have arrived have been processed. */
  release(): void;
  /** Call it when a call that is a byte stream has begun. */
  isBulk(): void;
  /** Sets the function that is called if there is no room. `refuse` must end the call. */
  refuseBy(refuse: (exceeded: ExceededLimit) => void): void;
}

export interface RequestBytes {
  /**
   * Counts the bytes that arrive on the stream until it closes. If there is no room for them, calls
   * the function that `refuseBy` has set. Without such a function, resets the stream.
   */
  open(stream: ServerHttp2Stream, request: RequestOptions): RequestAccount;
  occupancy(): Occupancy;
}

interface RequestOptions {
  readonly owner: Owner;
  /** Whether the call has one request, which it keeps in decoded form until it ends. */
  readonly keepsRequest: boolean;
}

/**
 * Bytes of a decoded request per received byte. The worst case is short strings, with objects
 * around them.
 */
const decodedFactor = 16;
/** Bytes of the object that Node keeps for an unread frame. */
const frameBytes = 128;

export function createRequestBytes(maxBytes: number, attachments?: Attachments): RequestBytes {
  const semaphore = createSemaphore({ what: "KiB of requests", max: maxBytes / kib });
  return {
    occupancy: semaphore.occupancy,
    open(stream, { owner, keepsRequest }) {
      const held = createHeldBytes(semaphore, owner, (exceeded) => refuse(exceeded));
      const factor = keepsRequest ? decodedFactor : 1;
      let refuse = (_: ExceededLimit): void => stream.close(enhanceYourCalm);
      let isBulk = false;
      /** Bytes of the messages that have arrived since the last release. */
      let arrivedBytes = 0;
      let hasArrived = false;

      const release = (): void => {
        held.release();
        arrivedBytes = 0;
      };
      watchArrivals(stream, (bytes) => {
        hasArrived = true;
        if (isBulk) {
          if (stream.readableLength === 0) release();
          else held.charge(frameBytes);
        } else {
          arrivedBytes += bytes;
          held.charge(bytes * factor + frameBytes);
        }
      });
      stream.once("close", () => {
        held.close();
        arrivedBytes = 0;
      });
      return {
        message(bytes) {
          if (!hasArrived) attachments?.missing("arriving-bytes");
          if (bytes <= arrivedBytes) return;
          held.charge((bytes - arrivedBytes) * factor);
          arrivedBytes = bytes;
        },
        release,
        isBulk() {
          isBulk = true;
          release();
        },
        refuseBy: (refusing) => (refuse = refusing),
      };
    },
  };
}

interface HeldBytes {
  /**
   * Acquires room for this many bytes. If there is no room, the account closes and calls
   * `onExceeded`.
   */
  charge(bytes: number): void;
  release(): void;
  /** Releases everything and charges nothing more. */
  close(): void;
}

/** Counts the bytes that one stream holds. */
function createHeldBytes(
  semaphore: Semaphore,
  owner: Owner,
  onExceeded: (exceeded: ExceededLimit) => void,
): HeldBytes {
  let heldKib = 0;
  let isClosed = false;
  const release = (): void => {
    if (heldKib !== 0) semaphore.release(owner, heldKib);
    heldKib = 0;
  };
  const close = (): void => {
    isClosed = true;
    release();
  };
  return {
    charge(bytes) {
      if (isClosed) return;
      const exceeded = semaphore.exceededBy(owner, bytes / kib);
      if (exceeded === undefined) {
        semaphore.acquire(owner, bytes / kib);
        heldKib += bytes / kib;
      } else {
        close();
        onExceeded(exceeded);
      }
    },
    release,
    close,
  };
}
