// Counts how much of a scarce resource is in use, and by whom, so that no caller can take all of
// it.
//
// There are three kinds of callers. A stranger has no identity, and all strangers together get a
// small part. One identity may use at most three quarters of the resource. A caller whose identity
// is shared, such as a user of the Unix socket, may take all that is left.
import { StoreError } from "../base/errors.js";
import type { Identity } from "../model/access.js";
import type { Occupancy } from "../observe/figures.js";

/** The owner of a part of a resource. Undefined for a stranger. */
export type Owner = Identity | undefined;

interface SemaphoreOptions {
  /** The plural noun for the counted resource in a refusal. */
  readonly what: string;
  readonly max: number;
  /** The maximum for one identity. Default: three quarters of `max`, rounded up. */
  readonly perIdentity?: number;
  /** The maximum for all strangers together. Default: a quarter of `max`, rounded up. */
  readonly strangers?: number;
}

/**
 * Counts a resource. It never waits: a caller asks whether there is room, and is refused if the
 * limit is reached.
 */
export interface Semaphore {
  /** Returns the limit that `amount` more would exceed. Undefined if it would exceed no limit. */
  exceededBy(owner: Owner, amount?: number): ExceededLimit | undefined;
  /** Counts `amount` without a check. */
  acquire(owner: Owner, amount?: number): void;
  release(owner: Owner, amount?: number): void;
  occupancy(): Occupancy;
}

/**
 * A limit that would be exceeded. It is not an error yet: making an error costs more than the rest
 * of a refusal, and often nobody sees the error.
 */
export interface ExceededLimit {
  /** The plural noun for the counted resource. */
  readonly what: string;
  readonly limit: number;
}

/**
 * Returns the part of a resource that one identity may take, so that some of it is left for others.
 */
export function maxPerIdentity(max: number): number {
  return Math.ceil((max * 3) / 4);
}

const strangersKey = "";

/** Returns the key of the owner's limit. Undefined if the owner has no limit of its own. */
function keyOf(owner: Owner): string | undefined {
  if (owner === undefined) return strangersKey;
  return owner.shared === true ? undefined : owner.name;
}

export function createSemaphore(options: SemaphoreOptions): Semaphore {
  const { what, max } = options;
  const { perIdentity = maxPerIdentity(max), strangers = Math.ceil(max / 4) } = options;
  let inUse = 0;
  const byOwner = new Map<string, number>();

  function add(owner: Owner, amount: number): void {
    inUse += amount;
    const key = keyOf(owner);
    if (key === undefined) return;
    const own = (byOwner.get(key) ?? 0) + amount;
    if (own === 0) byOwner.delete(key);
    else byOwner.set(key, own);
  }

  return {
    exceededBy(owner, amount = 1) {
      const key = keyOf(owner);
      const own = key === undefined ? 0 : (byOwner.get(key) ?? 0);
      if (key === strangersKey && own + amount > strangers) {
        return { what: `${what} without credentials`, limit: strangers };
      }
      if (inUse + amount > max) return { what, limit: max };
      if (key !== undefined && own + amount > perIdentity) {
        return { what: `${what} of this identity`, limit: perIdentity };
      }
      return undefined;
    },
    acquire: (owner, amount = 1) => add(owner, amount),
    release: (owner, amount = 1) => add(owner, -amount),
    occupancy: () => ({ limit: limitName({ what }), inUse, max }),
  };
}

const retryAfterMs = 1000;

export function tooMany({ what, limit }: ExceededLimit): StoreError {
  return new StoreError("TOO_MANY_STREAMS", `the limit on ${what} is reached: ${limit}`, {
    hint: "Retry when others have ended",
    metadata: { limit: limitName({ what }), max: String(limit) },
    retryAfterMs,
  });
}

/**
 * Returns the name of the limit as the metadata of the refusal has it, such as
 * `byte_streams_of_this_identity`.
 */
export function limitName({ what }: Pick<ExceededLimit, "what">): string {
  return what.replaceAll(" ", "_");
}
