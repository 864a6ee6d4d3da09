// Answers that their clients have not taken yet: events for watchers, pages of lists. All of them
// together have a bound; chunks of downloads are not among them, since their number has one.
import { StoreError } from "../base/errors.js";
import { createShares, ownShare, tooMany, type Owner } from "./shares.js";

export interface AnswerAccount {
  /** Throws TOO_MANY_STREAMS, or LIMIT_EXCEEDED if a message of this size never has room. */
  take(messageBytes: number): void;
  /** The kernel has the message. */
  taken(messageBytes: number): void;
  /** Nothing more is sent. Idempotent. */
  close(): void;
}

export interface AnswerBytes {
  open(owner: Owner): AnswerAccount;
}

/** A message, and the objects that it was made of. */
const factor = 2;
/** What goes with a message of no length. */
const overheadBytes = 512;
const kib = 1024;

export function createAnswerBytes(maxBytes: number): AnswerBytes {
  const shares = createShares({
    what: "KiB of answers",
    max: maxBytes / kib,
    strangers: maxBytes / kib / 8,
  });
  const mostBytes = ownShare(maxBytes);
  return {
    open(owner) {
      let heldKib = 0;
      const costKib = (bytes: number): number => (bytes * factor + overheadBytes) / kib;
      return {
        take(bytes) {
          const cost = costKib(bytes);
          if (cost * kib > mostBytes) throw answerTooLarge(bytes, mostBytes / factor);
          const exceeded = shares.lacks(owner, cost);
          if (exceeded !== undefined) throw tooMany(exceeded);
          shares.take(owner, cost);
          heldKib += cost;
        },
        taken(bytes) {
          const cost = Math.min(costKib(bytes), heldKib);
          shares.giveBack(owner, cost);
          heldKib -= cost;
        },
        close() {
          if (heldKib > 0) shares.giveBack(owner, heldKib);
          heldKib = 0;
        },
      };
    },
  };
}

function answerTooLarge(bytes: number, max: number): StoreError {
  return new StoreError(
    "LIMIT_EXCEEDED",
    `The answer has ${bytes} bytes, more than the ${max} that a caller may leave unread`,
    { hint: "Ask for less at once, with a smaller page_size for example" },
  );
}
