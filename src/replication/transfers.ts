// Who works on which kept transfer, and until when it is kept. One owner at a time: a pull, a
// cancellation or the sweep.
import { StoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { spaceBelow } from "../files/leftovers.js";
import {
  dropTransfer,
  listTransfers,
  noteTransferEnd,
  transferDirectory,
} from "../files/transfer-area.js";
import { inodeBytes } from "../model/charge.js";
import type { SnapshotStore } from "../store/store.js";

export interface TransferClaim extends AsyncDisposable {
  /** Counts what is there by now: to be called before the room is given back that was reserved for it. */
  measure(): Promise<void>;
}

export interface Transfers<Run> extends AsyncDisposable {
  /** The pulls that run, by digest. */
  readonly running: ReadonlyMap<string, Run>;
  /**
   * Takes the digest for one pull, once a removal that has begun has ended. Throws if another pull has
   * it. Disposing gives it back; what was not dropped until then is kept for `ttlMs`.
   */
  claim(digest: string, run: Run): Promise<TransferClaim>;
  /** Removes what is kept of it, unless a pull has it. */
  drop(digest: string): Promise<void>;
}

export interface TransfersOptions {
  readonly logger: Logger;
  /** How long a transfer that was cut off can be resumed, in elapsed time of the store. */
  readonly ttlMs: number;
}

/** A longer wait is cut into pieces: timers stand still while the machine is suspended. */
const maxWaitMs = 60_000;

export async function openTransfers<Run>(
  { layout, time, noteKept }: Pick<SnapshotStore, "layout" | "time" | "noteKept">,
  { logger, ttlMs }: TransfersOptions,
): Promise<Transfers<Run>> {
  const running = new Map<string, Run>();
  const removing = new Map<string, Promise<void>>();
  /** When the last pull of each kept transfer ended: a stamp of elapsed time. */
  const ends = new Map<string, number>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const drop = async (digest: string): Promise<void> => {
    if (running.has(digest)) return;
    const removal = removing.get(digest) ?? remove(digest);
    removing.set(digest, removal);
    await removal;
  };
  const remove = async (digest: string): Promise<void> => {
    try {
      await dropTransfer(layout, digest);
      noteKept(digest, 0);
      ends.delete(digest);
    } finally {
      removing.delete(digest);
    }
  };
  const measure = async (digest: string): Promise<void> => {
    const { allocatedBytes, inodes } = await spaceBelow(transferDirectory(layout, digest));
    noteKept(digest, allocatedBytes + inodes * inodeBytes);
  };
  const keep = async (digest: string): Promise<void> => {
    const endedMs = time.elapsedMs();
    if (await noteTransferEnd(layout, digest, endedMs)) ends.set(digest, endedMs);
    else ends.delete(digest);
    await measure(digest);
  };
  const sweep = async (): Promise<void> => {
    const oldMs = time.stampOfAge(ttlMs);
    for (const [digest, endedMs] of ends) if (endedMs < oldMs) await drop(digest);
  };
  const schedule = (): void => {
    clearTimeout(timer);
    if (closed || ends.size === 0) return;
    const firstMs = Math.min(...ends.values()) - time.stampOfAge(ttlMs) + 1;
    // A removal that failed is tried again, but not at once.
    const waitMs = firstMs <= 0 ? maxWaitMs : Math.min(firstMs, maxWaitMs);
    timer = setTimeout(() => void sweepAndGoOn(), waitMs).unref();
  };
  const sweepAndGoOn = async (): Promise<void> => {
    try {
      await sweep();
    } catch (error) {
      logger.error({ err: error }, "could not remove an abandoned transfer");
    }
    schedule();
  };

  for (const { digest, endedMs } of await listTransfers(layout)) {
    // A daemon that was killed has not noted the end of its pulls.
    if (endedMs === undefined) await keep(digest);
    else ends.set(digest, endedMs);
    await measure(digest);
  }
  await sweepAndGoOn();
  return {
    running,
    claim: async (digest, run) => {
      for (;;) {
        if (running.has(digest)) throw alreadyRunning(digest);
        const removal = removing.get(digest);
        if (removal === undefined) break;
        await removal.catch(() => undefined);
      }
      running.set(digest, run);
      ends.delete(digest);
      return {
        measure: () => measure(digest),
        [Symbol.asyncDispose]: async () => {
          try {
            await keep(digest);
          } catch (error) {
            logger.error({ err: error, digest }, "could not note the end of a transfer");
          } finally {
            running.delete(digest);
            schedule();
          }
        },
      };
    },
    drop,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      clearTimeout(timer);
      await Promise.allSettled(removing.values());
    },
  };
}

function alreadyRunning(digest: string): StoreError {
  return new StoreError("OPERATION_IN_PROGRESS", `another pull is fetching ${digest}`, {
    hint: "Wait for it; afterwards its snapshot is the base of this one",
    metadata: { digest },
    retryAfterMs: 1000,
  });
}
