// Changes the wall clock of one process from outside while the process runs.
import { readdirSync, existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Returns the path of the library in Debian's package `libfaketime`. */
function findLibrary(): string | undefined {
  const libraries = "/usr/lib";
  return readdirSync(libraries)
    .map((folder) => join(libraries, folder, "faketime", "libfaketime.so.1"))
    .find((path) => existsSync(path));
}

const library = findLibrary();

/** The reason why the library is unavailable here, or false. */
export const cannotFakeTime: string | false =
  library === undefined ? "libfaketime is not installed" : false;

export interface WallClock {
  /** Contains the environment that gives a process this clock. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets the clock to the real time plus this many seconds. */
  set(offsetSeconds: number): Promise<void>;
}

/** Returns a clock whose offset is in the file at `path`. The time since boot stays real. */
export async function fakeWallClock(path: string): Promise<WallClock> {
  const set = (offsetSeconds: number): Promise<void> => {
    const sign = offsetSeconds < 0 ? "-" : "+";
    return writeFile(path, `${sign}${Math.abs(offsetSeconds)}\n`);
  };
  await set(0);
  const env = {
    LD_PRELOAD: library ?? "",
    FAKETIME_TIMESTAMP_FILE: path,
    FAKETIME_NO_CACHE: "1",
    DONT_FAKE_MONOTONIC: "1",
  };
  return { env, set };
}
