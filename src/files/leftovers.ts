// Lists the store's directories as they are, for code that looks for leftovers.
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { DirectorySpace } from "../model/charge.js";
import { ioError, isErrno } from "../holes/errno.js";

/** Names read at once. This keeps the turns of the event loop few, and each of them short. */
const namesPerRead = 256;

/**
 * Names in one of the store's directories, in no order. An error is thrown and never means "empty".
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
 * Space of `directory` and everything below it; zero if it is gone. Leaves out what is at `except`.
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
      // Somebody is removing it at this moment.
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
