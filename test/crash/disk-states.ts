// The disks that a power cut may leave: all that was flushed, and of what was written since a
// random half, the writes whole or in blocks.
import { execFile } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import type { Recording } from "./recording.js";
import { filesOf } from "./recording.js";
import { randomFrom } from "./state.js";

export interface DiskState {
  /** Entries of the log since the first moment of interest. */
  readonly offset: number;
  /** Decides which writes were lost. An even one takes writes as a whole. */
  readonly pick: number;
}

export interface DiskStates {
  /** Writes that disk to `path`. */
  make(state: DiskState, path: string): Promise<void>;
}

/** The least that a disk writes as a whole, for a filesystem with blocks of that size. */
const blockBytes = 4096;

const exec = promisify(execFile);

/** `start` will hold the disk at the first moment of interest. */
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
