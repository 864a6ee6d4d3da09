// Directories of the store as they lie there, for those who look for what should not.
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { DirectorySpace } from "../model/charge.js";
import { ioError, isErrno } from "../holes/errno.js";

/** Names read at once: fewer turns of the event loop, none of them long. */
const namesPerRead = 256;

/** Names in one of the store's directories, in no order. An error is an error, never an empty answer. */
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

/** `directory` and everything below it; nothing when it is gone. */
export async function spaceBelow(directory: string): Promise<DirectorySpace> {
  let allocatedBytes = 0;
  let inodes = 0;
  const waiting = [directory];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    try {
      const { blocks, isDirectory } = await describe(path);
      allocatedBytes += blocks * 512;
      inodes += 1;
      if (!isDirectory) continue;
      for await (const entry of await opendir(path)) waiting.push(join(path, entry.name));
    } catch (error) {
      // Somebody removes it at this moment.
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
