// Computes the disks that a power cut may leave. Each has all writes before the last flush, and a
// random half of the writes after it. The other half is lost, either as whole writes or in blocks.
import { execFile } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import type { Recording } from "./recording.js";
import { filesOf } from "./recording.js";
import { randomFrom } from "./state.js";

export interface DiskState {
  /** The number of log entries that the disk contains, counted from the start of the recording. */
  readonly offset: number;
  /** Decides which writes are lost. If the number is even, only whole writes are lost. */
  readonly pick: number;
}

export interface DiskStates {
  /** Writes the disk of this state to `path`. */
  make(state: DiskState, path: string): Promise<void>;
}

/**
 * The filesystem has blocks of this size, and a disk writes such a block atomically. A write that
 * is lost in part therefore loses whole blocks.
 */
const blockBytes = 4096;

const exec = promisify(execFile);

/** Opens the states of a recording. `start` becomes the disk at the start of the recording. */
export async function openDiskStates(recording: Recording, start: string): Promise<DiskStates> {
  const { entries, from } = recording;
  const { base, writes } = filesOf(recording.directory);
  const bytes = readFileSync(writes);
  const placeOf: number[] = [];
  let place = 0;
  for (const entry of entries) {
    placeOf.push(place);
    if (entry !== "flush") place += entry[1];
  }
  const apply = (disk: number, first: number, end: number, lost: () => boolean, torn: boolean) => {
    for (let index = first; index < end; index += 1) {
      const entry = entries[index];
      if (entry === undefined || entry === "flush") continue;
      const [offset, length] = entry;
      const step = torn ? blockBytes : length;
      for (let at = 0; at < length; at += step) {
        if (lost()) continue;
        const part = Math.min(step, length - at);
        writeSync(disk, bytes, (placeOf[index] ?? 0) + at, part, offset + at);
      }
    }
  };
  await exec("cp", ["--sparse=always", base, start]);
  withDisk(start, (disk) => apply(disk, 0, from, () => false, false));
  return {
    async make({ offset, pick }, path) {
      const end = Math.min(from + offset, entries.length);
      const flushed = entries.lastIndexOf("flush", Math.max(0, end - 1));
      const random = randomFrom(pick);
      await exec("cp", ["--sparse=always", start, path]);
      withDisk(path, (disk) => {
        apply(disk, from, flushed, () => false, false);
        apply(disk, Math.max(from, flushed), end, () => random() < 0.5, pick % 2 === 1);
      });
    },
  };
}

function withDisk(path: string, body: (disk: number) => void): void {
  const disk = openSync(path, "r+");
  try {
    body(disk);
  } finally {
    closeSync(disk);
  }
}
