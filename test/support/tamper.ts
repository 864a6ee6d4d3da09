// Changes stored files, which are read-only, as a failing disk or a careless root user does. This
// works for any user that runs the tests.
import { chmod, lstat, open, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";

/** Runs `work`, which changes the file at `path` or its name. Restores the modes afterwards. */
export async function pastModes<T>(path: string, work: () => Promise<T>): Promise<T> {
  await using _directory = await makeWritable(dirname(path), 0o300);
  await using _file = await makeWritable(path, 0o600);
  return await work();
}

/** Opens the file at `path` for reading and writing. */
export function openPastMode(path: string): Promise<FileHandle> {
  return pastModes(path, () => open(path, "r+"));
}

async function makeWritable(path: string, bits: number): Promise<AsyncDisposable> {
  const before = await lstat(path).catch(() => undefined);
  // A link has no mode of its own.
  const mode = before === undefined || before.isSymbolicLink() ? undefined : before.mode & 0o7777;
  if (mode !== undefined) await chmod(path, mode | bits);
  return {
    async [Symbol.asyncDispose]() {
      if (mode === undefined) return;
      const after = await lstat(path).catch(() => undefined);
      if (after?.ino === before?.ino) await chmod(path, mode);
    },
  };
}
