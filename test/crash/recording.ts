// A recorded run of the daemon: its disk at the beginning, every write and flush since, and what
// the store owed its callers at each of them.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskFilesystem } from "../support/filesystem.js";
import type { Content, Note } from "./ledger.js";
import type { LogEntry } from "./nbd-server.js";

export interface Recording {
  /** Where it was made. Paths in it are below that, and it must be played there. */
  readonly directory: string;
  readonly filesystem: DiskFilesystem;
  readonly scenario: string;
  /** Position in the log of the first moment at which power may be cut. */
  readonly from: number;
  readonly entries: readonly LogEntry[];
  readonly notes: readonly Note[];
  /** Stored under names that must be free. */
  readonly spare: Content;
  /** What callers gave was durable before. */
  readonly givenIsDurable: boolean;
  /** `fsync` told the daemon that it had done what it had not. */
  readonly lies: boolean;
}

/** The files of a recording, below its directory. */
export function filesOf(directory: string) {
  return {
    /** The disk before the first entry. */
    base: join(directory, "base.img"),
    /** The bytes of all writes. */
    writes: join(directory, "writes.bin"),
    facts: join(directory, "recording.json"),
    mountPoint: join(directory, "mnt"),
    root: join(directory, "mnt", "root"),
    /** For whoever plays it. */
    playground: join(directory, "play"),
  };
}

export async function saveRecording(recording: Recording): Promise<void> {
  await writeFile(filesOf(recording.directory).facts, JSON.stringify(recording));
}

export async function loadRecording(directory: string): Promise<Recording> {
  return JSON.parse(await readFile(filesOf(directory).facts, "utf8")) as Recording;
}
