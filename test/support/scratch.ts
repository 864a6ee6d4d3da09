// Makes real files for tests: scratch directories, sparse files, and filesystems for one test.
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { removeTree } from "../../src/files/durable.js";
import type { Extent } from "../../src/model/extent.js";
import { dataExtents } from "../../src/holes/extents.js";
import { makeImage, mountImage, unmount, type DiskFilesystem } from "./filesystem.js";

const run = promisify(execFile);

/** Runs `body` with a new directory that is deleted afterwards. */
export async function withScratchDir<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "stasis-test-"));
  try {
    return await body(directory);
  } finally {
    await removeScratch(directory);
  }
}

/**
 * Deletes a directory that may contain a store, whose data is read-only, or files that a killed
 * process made at the last moment.
 */
export async function removeScratch(directory: string): Promise<void> {
  const options = { recursive: true, force: true, maxRetries: 5 };
  await rm(directory, options).catch(() => removeTree(directory));
}

export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Writes a file of `sizeBytes` that contains only the pieces. */
export async function makeSparseFile(
  path: string,
  sizeBytes: number,
  pieces: readonly Piece[],
): Promise<void> {
  await using handle = await open(path, "wx", 0o600);
  for (const { offset, bytes } of pieces) await handle.write(bytes, 0, bytes.length, offset);
  await handle.truncate(sizeBytes);
}

/** Returns bytes that are the same for the same seed. No byte is zero. */
export function patternBytes(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[index] = (state >>> 24) % 255 || 255;
  }
  return bytes;
}

/** Returns the data extents of a file, or undefined if its filesystem cannot report them. */
export async function extentsOf(path: string): Promise<readonly Extent[] | undefined> {
  await using handle = await open(path, "r");
  return dataExtents(handle.fd, (await handle.stat()).size);
}

export async function allocatedBytesOf(path: string): Promise<number> {
  await using handle = await open(path, "r");
  return (await handle.stat()).blocks * 512;
}

/** Fails unless both files have the same size, bytes and, by default, holes. */
export async function compareFiles(
  actual: string,
  expected: string,
  options: { readonly holes?: boolean } = {},
): Promise<void> {
  const [a, b] = [await extentsOf(actual), await extentsOf(expected)];
  if (options.holes ?? true) assert.deepEqual(a, b, `holes of ${actual} and ${expected}`);
  await using left = await open(actual, "r");
  await using right = await open(expected, "r");
  const { size } = await right.stat();
  assert.equal((await left.stat()).size, size, `size of ${actual}`);
  for (const { offset, length } of [...(a ?? []), ...(b ?? [])]) {
    await compareRange(actual, expected, offset, length);
  }
  if (a === undefined || b === undefined) await compareRange(actual, expected, 0, size);
}

async function compareRange(a: string, b: string, offset: number, length: number): Promise<void> {
  if (length === 0) return;
  const range = { start: offset, end: offset + length - 1, highWaterMark: 1 << 20 };
  const right = createReadStream(b, range)[Symbol.asyncIterator]();
  for await (const chunk of createReadStream(a, range) as AsyncIterable<Buffer>) {
    const other = (await right.next()) as IteratorResult<Buffer, undefined>;
    assert.ok(other.done !== true && chunk.equals(other.value), `${a} and ${b} near ${offset}`);
  }
}

export type FilesystemKind = DiskFilesystem | "tmpfs";

const tryMount =
  "d=$(mktemp -d) && trap 'rmdir $d' EXIT && mount -t tmpfs -o size=1m tmpfs $d && umount $d";

/** Returns why a filesystem cannot be made here, or false, for the `skip` option of a test. */
export function cannotMount(kind: FilesystemKind): string | false {
  const tools = kind === "tmpfs" ? "true" : `command -v mkfs.${kind} && losetup -f`;
  if (!succeeds(tryMount)) return "mounting is not permitted";
  return succeeds(tools) ? false : `no mkfs.${kind} or no loop device`;
}

const outcomes = new Map<string, boolean>();

function succeeds(command: string): boolean {
  const known = outcomes.get(command);
  if (known !== undefined) return known;
  const outcome = spawnSync("sh", ["-c", command], { stdio: "ignore" }).status === 0;
  outcomes.set(command, outcome);
  return outcome;
}

/** Runs `body` on a separate filesystem, which is unmounted and deleted afterwards. */
export async function withFilesystem<T>(
  kind: FilesystemKind,
  sizeMib: number,
  body: (mountPoint: string) => Promise<T>,
  options: readonly string[] = [],
): Promise<T> {
  return withScratchDir(async (directory) => {
    const mountPoint = join(directory, "mnt");
    await mkdir(mountPoint);
    if (kind === "tmpfs") {
      await run("mount", ["-t", "tmpfs", "-o", `size=${sizeMib}m`, "tmpfs", mountPoint]);
    } else {
      const image = join(directory, "image");
      await makeImage(kind, image, sizeMib, options);
      await mountImage(image, mountPoint);
    }
    try {
      return await body(mountPoint);
    } finally {
      await unmount(mountPoint);
    }
  });
}

/** Returns why strace is unavailable here, or false. */
export function cannotStrace(): string | false {
  return succeeds("strace -o /dev/null true") ? false : "strace is not installed or not permitted";
}
