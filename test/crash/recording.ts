// A recorded run of the daemon: its disk at the beginning, every later write and flush, and the
// store's obligations at each of them.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskFilesystem } from "../support/filesystem.js";
import type { Content, Note } from "./ledger.js";
import type { LogEntry } from "./nbd-server.js";

export interface Recording {
  /**
   * The directory in which it was made. Its paths are below that directory, and it must be played
   * there.
   */
  readonly directory: string;
  readonly filesystem: DiskFilesystem;
  readonly scenario: string;
  /** Position in the log from which power may be cut. */
  readonly from: number;
  readonly entries: readonly LogEntry[];
  readonly notes: readonly Note[];
  /** Names that must be free. The judge stores snapshots under them. */
  readonly spare: Content;
  /** The callers' files were durable before. */
  readonly givenIsDurable: boolean;
  /** `fsync` reported success to the daemon without doing anything. */
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
    /** Facts for the user who plays it. */
    playground: join(directory, "play"),
  };
}

export async function saveRecording(recording: Recording): Promise<void> {
  await writeFile(filesOf(recording.directory).facts, JSON.stringify(recording));
}

export async function loadRecording(directory: string): Promise<Recording> {
  return JSON.parse(await readFile(filesOf(directory).facts, "utf8")) as Recording;
}
