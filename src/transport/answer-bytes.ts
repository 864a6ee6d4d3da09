// Limits the bytes of answers that clients have not read yet: events for watchers, pages of lists.
// Chunks of downloads are not counted here, because the number of byte streams bounds them.
import { formatBytesApart, kib } from "../base/sizes.js";
import { StoreError } from "../base/errors.js";
import type { Occupancy } from "../observe/figures.js";
import { createSemaphore, maxPerIdentity, tooMany, type Owner } from "./semaphore.js";

export interface AnswerAccount {
  /**
   * Counts a message. Throws LIMIT_EXCEEDED if the message alone counts more than the share of one
   * identity, and TOO_MANY_STREAMS if there is no room at the moment.
   */
  take(messageBytes: number): void;
  /** Releases the room of a message. Call this when the kernel has taken the message. */
  taken(messageBytes: number): void;
  /**
   * Releases all messages of the account. Call this when the call's stream has closed: a later
   * `take` would never be released. Closing twice has no effect.
   */
  close(): void;
}

export interface AnswerBytes {
  open(owner: Owner): AnswerAccount;
  occupancy(): Occupancy;
}

/** A message counts twice its size, because the objects from which it was encoded exist too. */
const factor = 2;
/** The number of bytes that an empty message counts. */
const overheadBytes = 512;

export function createAnswerBytes(maxBytes: number): AnswerBytes {
  const semaphore = createSemaphore({
    what: "KiB of answers",
    max: maxBytes / kib,
    strangers: maxBytes / kib / 8,
  });
  const mostBytes = maxPerIdentity(maxBytes);
  return {
    occupancy: semaphore.occupancy,
    open(owner) {
      let heldKib = 0;
      const costKib = (bytes: number): number => (bytes * factor + overheadBytes) / kib;
      return {
        take(bytes) {
          const cost = costKib(bytes);
          if (cost * kib > mostBytes) throw answerTooLarge(bytes, mostBytes / factor);
          const exceeded = semaphore.exceededBy(owner, cost);
          if (exceeded !== undefined) throw tooMany(exceeded);
          semaphore.acquire(owner, cost);
          heldKib += cost;
        },
        taken(bytes) {
          const cost = Math.min(costKib(bytes), heldKib);
          semaphore.release(owner, cost);
          heldKib -= cost;
        },
        close() {
          if (heldKib > 0) semaphore.release(owner, heldKib);
          heldKib = 0;
        },
      };
    },
  };
}

function answerTooLarge(bytes: number, max: number): StoreError {
  const [size, most] = formatBytesApart(bytes, max);
  return new StoreError(
    "LIMIT_EXCEEDED",
    `The answer has ${size}, more than the ${most} that a caller may leave unread`,
    { hint: "Ask for less at once, with a smaller page_size for example" },
  );
}
