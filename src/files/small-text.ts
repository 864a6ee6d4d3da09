// Reads small text files of the store, which other programs may have replaced.
import { closeSync, constants, openSync, readSync } from "node:fs";

/**
 * Reads the first bytes of a file. Follows no symbolic link, and never waits for the writer of a
 * pipe.
 */
export function readStart(path: string, maxBytes: number): string {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  const descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(maxBytes);
    return bytes.toString("utf8", 0, readSync(descriptor, bytes, 0, maxBytes, 0));
  } finally {
    closeSync(descriptor);
  }
}
