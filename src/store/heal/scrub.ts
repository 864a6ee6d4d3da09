// Scrubs the store in the background. The scrub periodically reads all data at a low rate and
// compares it with the digests, so that damage is known before a caller needs the bytes. After a
// restart it continues with the snapshot that it was reading.
import { setTimeout as delay } from "node:timers/promises";
import { isStoreError } from "../../base/errors.js";
import { blockBytes } from "../../files/block-table.js";
import { readScrubState, writeScrubState } from "../../files/scrub-file.js";
import { openStored } from "../../files/stored.js";
import { sealStored } from "../../files/stored-modes.js";
import type { ScrubState } from "../../model/scrub.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { Intakes } from "../parts/ports.js";
import { verifyAndMark, type Verdict, type VerifyPorts } from "./verify.js";

export interface Scrub {
  state(): ScrubState;
  /**
   * Reads the rest of an unfinished run, or everything. Ends early when the signal fires, and never
   * because of damage.
   */
  run(limitBytesPerSecond: number, signal: AbortSignal): Promise<void>;
}

/** The scrub divides its rate by this number while uploads or reads are running. */
const partWhileOthersWork = 4;
const saveIntervalMs = 5000;

type ScrubPorts = VerifyPorts & Intakes;

export async function openScrub(reader: ScrubPorts): Promise<Scrub> {
  let state = await readScrubState(reader.layout);
  let savedMs = 0;
  const save = async (): Promise<void> => {
    savedMs = reader.clock.monotonicMs();
    try {
      reader.root.check();
      await writeScrubState(reader.layout, state);
    } catch (error) {
      reader.logger.warn({ err: error }, "could not record the progress of the scrub");
    }
  };
  const run = async (limitBytesPerSecond: number, signal: AbortSignal): Promise<void> => {
    const fresh = {
      ...{ startedAt: reader.clock.now(), after: "" },
      ...{ snapshots: 0, bytes: 0, damaged: 0, unreadable: 0 },
    };
    let running = state.running ?? fresh;
    state = { ...state, running };
    const pace = createPace(reader, limitBytesPerSecond);
    const ids = reader.catalog.idsInState("ready").filter((id) => id > running.after);
    for (const id of ids.sort()) {
      reader.root.check();
      const seen = await scrubOne(reader, id, pace, signal);
      if (signal.aborted) break;
      const { snapshots, bytes, damaged, unreadable } = running;
      running = {
        ...{ startedAt: running.startedAt, after: id },
        snapshots: snapshots + (seen.outcome === "gone" ? 0 : 1),
        bytes: bytes + seen.bytes,
        damaged: damaged + (seen.outcome === "damaged" ? 1 : 0),
        unreadable: unreadable + (seen.outcome === "unreadable" ? 1 : 0),
      };
      state = { ...state, running };
      if (reader.clock.monotonicMs() - savedMs > saveIntervalMs) await save();
    }
    if (!signal.aborted) {
      const { after: _, ...counts } = running;
      state = { last: { ...counts, endedAt: reader.clock.now() } };
      const level = counts.damaged + counts.unreadable > 0 ? "error" : "info";
      reader.logger[level]({ scrub: counts }, "all data was read again");
    }
    await save();
  };
  return { state: () => state, run };
}

interface Seen {
  readonly outcome: "intact" | "damaged" | "unreadable" | "gone";
  readonly bytes: number;
}

type Pace = (bytes: number, signal: AbortSignal) => Promise<void>;

async function scrubOne(
  reader: VerifyPorts,
  id: string,
  pace: Pace,
  signal: AbortSignal,
): Promise<Seen> {
  const snapshot = reader.catalog.get(id);
  if (snapshot?.state !== "ready" || reader.leases.isExclusive(id)) {
    return { outcome: "gone", bytes: 0 };
  }
  using lease = reader.leases.share(id, "background", "scrub");
  const progress = { doneBytes: 0, totalBytes: 0, dueMs: Infinity };
  const ended = AbortSignal.any([signal, lease.signal]);
  let damaged = false;
  try {
    // Looking up and opening the files has a cost too, so each snapshot counts as one block more
    // than its data. Otherwise many small snapshots would raise the rate.
    await pace(blockBytes, ended);
    const throttle = (bytes: number): Promise<void> => pace(bytes, ended);
    const run = { progress, throttle, signal: ended };
    await sealOld(reader, snapshot, ended);
    for await (const event of verifyAndMark(reader, snapshot, run)) {
      if (event.kind !== "verdict" || event.intact) continue;
      damaged = true;
      logDamage(reader, snapshot, event);
    }
    return { outcome: damaged ? "damaged" : "intact", bytes: progress.doneBytes };
  } catch (error) {
    const bytes = progress.doneBytes;
    if (ended.aborted || reader.catalog.get(id)?.state !== "ready")
      return { outcome: "gone", bytes };
    if (!isStoreError(error)) throw error;
    reader.logger.error({ err: error, id }, "the scrub could not read a snapshot");
    return { outcome: "unreadable", bytes };
  }
}

/**
 * Makes files read-only that an earlier version left writable. If the scrub cannot open a file, the
 * read that follows reports it.
 */
async function sealOld(
  { layout, logger }: VerifyPorts,
  { config: { id }, files }: Snapshot,
  signal: AbortSignal,
): Promise<void> {
  try {
    await using stored = await openStored(layout, id, files, signal);
    await sealStored(layout, stored);
  } catch (error) {
    signal.throwIfAborted();
    logger.debug({ err: error, id }, "the scrub could not make a snapshot read-only");
  }
}

const loggedRanges = 10;

function logDamage({ logger }: VerifyPorts, { config }: Snapshot, verdict: Verdict): void {
  const { file, problem, damaged } = verdict;
  const where = { id: config.id, name: config.name, file, ranges: damaged.slice(0, loggedRanges) };
  logger.error({ ...where, problem }, "the scrub found damaged data");
}

/** Waits after each piece. The pace does not make up for lost time. */
function createPace(reader: ScrubPorts, limitBytesPerSecond: number): Pace {
  const { clock, intakes, leases } = reader;
  let dueMs = 0;
  return async (bytes, signal) => {
    if (limitBytesPerSecond === 0) return;
    const othersWork = intakes.size > 0 || leases.someoneReads();
    const tookMs = (bytes / limitBytesPerSecond) * 1000;
    const nowMs = clock.monotonicMs();
    dueMs = Math.max(dueMs, nowMs) + tookMs * (othersWork ? partWhileOthersWork : 1);
    await delay(dueMs - nowMs, undefined, { signal, ref: false });
  };
}
