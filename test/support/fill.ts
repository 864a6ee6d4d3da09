// Fills a filesystem to the last byte or the last inode, as another program would.
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { setAttribute } from "../../src/holes/native.js";

const exec = promisify(execFile);

/** On btrfs, which has no fixed number of inodes, `inodes` means all space for metadata. */
export type Exhausted = "bytes" | "inodes";

const mib = 1024 * 1024;

/** Fills the filesystem. `directory` must not exist. Deleting it undoes the effect. */
export async function exhaust(
  what: Exhausted,
  directory: string,
  { btrfs }: { readonly btrfs: boolean },
): Promise<void> {
  await mkdir(directory);
  // Further rounds also use the space that the filesystem frees when it writes its log.
  for (let round = 0; round < maxRounds; round += 1) {
    const use = what === "bytes" ? useBytes : btrfs ? useMetadata : useInodes;
    const used = await use(directory, round);
    await exec("sync", ["-f", directory]);
    if (used === 0 && round > 0) return;
  }
}

export async function undoExhaust(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await exec("sync", ["-f", join(directory, "..")]);
}

const maxRounds = 6;
const maxFiles = 300_000;
/** btrfs stores a file of this size in its metadata. */
const inlineBytes = 2000;

async function useBytes(directory: string, round: number): Promise<number> {
  await using file = await openNew(join(directory, `bytes-${round}`));
  let used = 0;
  if (file !== undefined) {
    for (const size of [mib, 64 * 1024, 4096, 512]) {
      const piece = Buffer.alloc(size, 0xa5);
      while (await writes(file.handle, piece)) used += size;
    }
  }
  return used + (await useInodes(join(directory, `small-${round}`), 0, 1000, 2000));
}

async function writes(
  handle: { write(bytes: Uint8Array): Promise<unknown> },
  piece: Uint8Array,
): Promise<boolean> {
  return whenRoom(async () => {
    await handle.write(piece);
  });
}

async function openNew(path: string) {
  try {
    const handle = await open(path, "wx");
    return { handle, [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    if (isNoRoom(error)) return undefined;
    throw error;
  }
}

/**
 * Fills the metadata of btrfs with extended attributes of 15 KB, which is a hundred times faster
 * than with files. The files that follow fill the gaps between the attributes.
 */
async function useMetadata(directory: string, round: number): Promise<number> {
  const value = Buffer.alloc(15_000, 0xa5);
  let used = 0;
  for (let file = 0; file < maxFiles; file += 1) {
    const path = join(directory, `metadata-${round}-${file}`);
    if (!(await whenRoom(() => writeFile(path, "", { flag: "wx" })))) break;
    let set = 0;
    while (set < 100 && (await whenRoom(() => setAttribute(path, `user.${set}`, value)))) set += 1;
    used += set;
    if (set < 100) break;
  }
  return used + (await useInodes(directory, round, inlineBytes));
}

/**
 * Makes at most `most` files of `bytes` bytes, until there is no space for another one. Returns
 * their number.
 */
async function useInodes(
  directory: string,
  round: number,
  bytes = 0,
  most = maxFiles,
): Promise<number> {
  const content = Buffer.alloc(bytes, 0xa5);
  const makeDirectory = async (): Promise<void> => {
    mkdirSync(directory, { recursive: true });
    await Promise.resolve();
  };
  if (!(await whenRoom(makeDirectory))) return 0;
  for (let made = 0; made < most; made += 1) {
    const path = join(directory, `${round}-${made}`);
    if (!(await whenRoom(() => writeFile(path, content, { flag: "wx" })))) return made;
  }
  return most;
}

async function whenRoom(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isNoRoom(error)) return false;
    throw error;
  }
}

function isNoRoom(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOSPC";
}
