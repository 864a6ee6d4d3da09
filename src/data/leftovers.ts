// Directories of the store as they lie there, for those who look for what should not.
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { ioError, isErrno } from "../sparse/errno.js";

/** 512 × st_blocks of everything below `directory`; 0 when it is gone. */
export async function allocatedBytesBelow(directory: string): Promise<number> {
  let total = 0;
  const waiting = [directory];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    try {
      const { blocks, isDirectory } = await describe(path);
      total += blocks * 512;
      if (!isDirectory) continue;
      for await (const entry of await opendir(path)) waiting.push(join(path, entry.name));
    } catch (error) {
      // Somebody removes it at this moment.
      if (isErrno(error, "ENOENT")) continue;
      throw ioError(error, { what: "look for leftovers", path });
    }
  }
  return total;
}

async function describe(path: string): Promise<{ blocks: number; isDirectory: boolean }> {
  const stat = await lstat(path);
  return { blocks: stat.blocks, isDirectory: stat.isDirectory() };
}
