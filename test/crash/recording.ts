// Describes a recorded run of the daemon: its disk at the beginning, every later write and flush,
// and the store's obligations at each of them.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DiskFilesystem } from "../support/filesystem.js";
import type { Content, Note } from "./ledger.js";
import type { LogEntry } from "./nbd-server.js";

export interface Recording {
  /**
   * Names the directory in which the recording was made. The recorded paths are below it, so the
   * recording must be played there.
   */
  readonly directory: string;
  readonly filesystem: DiskFilesystem;
  readonly scenario: string;
  /** The position in the log from which the power may be cut. */
  readonly from: number;
  readonly entries: readonly LogEntry[];
  readonly notes: readonly Note[];
  /** Names that must be free. The judge stores snapshots with this content under them. */
  readonly spare: Content;
  /** True if the callers' files were durable before the run. */
  readonly givenIsDurable: boolean;
  /** True if `fsync` reported success to the daemon without doing anything. */
  readonly lies: boolean;
}

/** Returns the files of a recording, below its directory. */
export function filesOf(directory: string) {
  return {
    /** Names the image of the disk before the first entry. */
    base: join(directory, "base.img"),
    /** Names the file with the bytes of all writes. */
    writes: join(directory, "writes.bin"),
    facts: join(directory, "recording.json"),
    mountPoint: join(directory, "mnt"),
    root: join(directory, "mnt", "root"),
    playground: join(directory, "play"),
  };
}

export async function saveRecording(recording: Recording): Promise<void> {
  await writeFile(filesOf(recording.directory).facts, JSON.stringify(recording));
}

export async function loadRecording(directory: string): Promise<Recording> {
  return JSON.parse(await readFile(filesOf(directory).facts, "utf8")) as Recording;
}
