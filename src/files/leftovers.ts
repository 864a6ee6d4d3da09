// Lists and measures what is in the store's directories.
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { DirectorySpace } from "../model/charge.js";
import { ioError, isErrno } from "../holes/errno.js";

/**
 * Number of names that are read at once. This number keeps both the count and the length of the
 * event loop's turns small.
 */
const namesPerRead = 256;

/**
 * Returns the names in one of the store's directories, in no order. An error is thrown, so an empty
 * set always means an empty directory.
 */
export async function nameSet(directory: string, signal: AbortSignal): Promise<Set<string>> {
  const names = new Set<string>();
  try {
    for await (const entry of await opendir(directory, { bufferSize: namesPerRead })) {
      names.add(entry.name);
      signal.throwIfAborted();
    }
  } catch (error) {
    throw ioError(error, { what: "list", path: directory });
  }
  return names;
}

/**
 * Returns the space of `directory` and everything below it, or zero if the directory no longer
 * exists. Does not count anything at or below `except`.
 */
export async function spaceBelow(directory: string, except?: string): Promise<DirectorySpace> {
  let allocatedBytes = 0;
  let inodes = 0;
  const waiting = [directory];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (path === except) continue;
    try {
      const { blocks, isDirectory } = await describe(path);
      allocatedBytes += blocks * 512;
      inodes += 1;
      if (!isDirectory) continue;
      for await (const entry of await opendir(path)) waiting.push(join(path, entry.name));
    } catch (error) {
      // If the entry does not exist, another operation has just deleted it.
      if (isErrno(error, "ENOENT")) continue;
      throw ioError(error, { what: "look for leftovers", path });
    }
  }
  return { allocatedBytes, inodes };
}

async function describe(path: string): Promise<{ blocks: number; isDirectory: boolean }> {
  const stat = await lstat(path);
  return { blocks: stat.blocks, isDirectory: stat.isDirectory() };
}
