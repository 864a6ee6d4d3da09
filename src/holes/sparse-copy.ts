// Copies a file with its holes. This shares blocks if possible. If not, the kernel copies extent by
// extent, and if it cannot, this process reads and writes the data.
import { closedQuietly } from "../base/quietly.js";
import { formatBytes, formatBytesApart } from "../base/sizes.js";
import { randomBytes } from "node:crypto";
import { constants, fstatSync, type Stats } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { StoreError, isStoreError } from "../base/errors.js";
import { SerialQueue } from "../base/serial-queue.js";
import { writeFully } from "../base/whole-io.js";
import type { Extent } from "../model/extent.js";
import { ioError, isErrno, shownPath, withIoError, type IoContext } from "./errno.js";
import { lazyExtents, readExtents } from "./extents.js";
import { setCopyOnWriteBytes, startWriteback } from "./native.js";
import { createSparseFile, type WrittenFile } from "./sparse-writer.js";
import { disk } from "./file-operations.js";
import { isZero, zeroBlockBytes } from "./zero.js";

export interface CopyOptions {
  /** Permission bits of the copy. */
  readonly mode: number;
  /** If true, the copy is durable when the call returns. */
  readonly sync: boolean;
  /** The ways that are tried before reading and writing. Default: reflink, then extents. */
  readonly ways?: readonly CopyMethod[];
  /** The owner of the source's path, for errors. Default: store. */
  readonly sourceOwner?: IoContext["owner"];
  /** User id that must own the source. Default: anybody. */
  readonly sourceUid?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * reflink  the copy shares the source's blocks and costs nothing until one of them changes
 * extents  the kernel copied the data, and holes stayed
 * bytes    this process read and wrote the data: between filesystems, or without known holes
 */
export type CopyMethod = "reflink" | "extents" | "bytes";

interface CopiedFile extends WrittenFile {
  readonly method: CopyMethod;
}

/** Bytes per copy_file_range. They are few enough to allow a cancellation in between. */
const copyBytes = 64 * 1024 * 1024;

/** Error codes of a kernel that cannot clone this file, or cannot copy it itself. */
const notHere = ["EOPNOTSUPP", "ENOTSUP", "EXDEV", "EINVAL", "ENOTTY", "ENOSYS", "ETXTBSY"];

/**
 * Copies the regular file `from` to `to`. `to` must not exist. If the copy fails, it is deleted.
 */
export async function copySparse(
  from: string,
  to: string,
  options: CopyOptions,
): Promise<CopiedFile> {
  const { signal, ways = ["reflink", "extents"] } = options;
  signal?.throwIfAborted();
  await using source = await openSource(from, options);
  const { size: sizeBytes } = await withIoError({ what: "look at the file", path: from }, () =>
    source.stat(),
  );
  const shared = await copyInKernel({ source, from, sizeBytes, ways }, to, options);
  if (shared !== undefined) return shared;
  // If the filesystem does not report holes, `extents` is undefined, and the writer makes holes
  // where it finds zeros.
  const extents = lazyExtents(source.fd, sizeBytes);
  const all = sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
  await using writer = await createSparseFile(to, {
    mode: options.mode,
    detectZeros: extents === undefined,
    expectedBytes: sizeBytes,
    earlyWriteback: options.sync,
    signal,
  });
  for await (const piece of readExtents(source, extents ?? all, { what: from, signal })) {
    await writer.write(piece.offset, piece.chunk);
  }
  const written = await writer.finish({ sizeBytes, sync: options.sync });
  return { method: "bytes", ...written };
}

/**
 * Copies a file like `copySparse`, but only by reflink. If that is impossible, this returns
 * undefined and leaves nothing behind.
 */
export async function shareBlocks(
  from: string,
  to: string,
  options: CopyOptions,
): Promise<CopiedFile | undefined> {
  await using source = await openSource(from, options);
  const { size: sizeBytes } = await withIoError({ what: "look at the file", path: from }, () =>
    source.stat(),
  );
  return await copyInKernel({ source, from, sizeBytes, ways: ["reflink"] }, to, options);
}

/**
 * Copies the content of an open file, with its holes, into a new and empty file. `from` and `to`
 * are the names of the two files in messages.
 */
export async function copyContent(
  { source, from, sizeBytes }: Pick<KernelCopy, "source" | "from" | "sizeBytes">,
  target: FileHandle,
  to: string,
  signal: AbortSignal | undefined,
): Promise<CopyMethod> {
  signal?.throwIfAborted();
  if (await tryClone(source, target, to)) {
    // The caller will write to the file. Only XFS has this setting.
    await setCopyOnWriteBytes(target.fd, zeroBlockBytes).catch(() => undefined);
    return "reflink";
  }
  if (await tryExtents(source, target, from, sizeBytes, { sync: true, signal })) return "extents";
  const all = sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
  const extents = lazyExtents(source.fd, sizeBytes) ?? all;
  for await (const { offset, chunk } of readExtents(source, extents, { what: from, signal })) {
    const { bytes } = chunk;
    if (isZero(bytes)) continue;
    await withIoError({ what: "copy the file", path: to }, () => writeFully(target, bytes, offset));
  }
  return "bytes";
}

interface KernelCopy {
  readonly source: FileHandle;
  readonly from: string;
  readonly sizeBytes: number;
  readonly ways: readonly CopyMethod[];
}

/**
 * Lets the kernel copy the file. If the kernel cannot do that, this returns undefined and leaves
 * nothing behind.
 */
async function copyInKernel(
  { source, from, sizeBytes, ways }: KernelCopy,
  to: string,
  options: CopyOptions,
): Promise<CopiedFile | undefined> {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const target = await withIoError({ what: "create the file", path: to }, () =>
    disk.open(to, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600),
  );
  let method: CopyMethod | undefined;
  let kept = false;
  try {
    const cloned = ways.includes("reflink") && (await tryClone(source, target, to));
    method = cloned ? "reflink" : undefined;
    if (method === undefined && ways.includes("extents")) {
      const copied = await tryExtents(source, target, from, sizeBytes, options);
      method = copied ? "extents" : undefined;
    }
    if (method === undefined) return undefined;
    const written = await finishCopy(target, to, sizeBytes, options);
    kept = true;
    return { method, ...written };
  } finally {
    await withIoError({ what: "close the file", path: to }, () => target.close());
    // A failed deletion is ignored: an earlier error matters more, and another attempt refuses the
    // existing file.
    if (!kept) await disk.unlink(to).catch(() => undefined);
  }
}

async function finishCopy(
  target: FileHandle,
  path: string,
  sizeBytes: number,
  options: CopyOptions,
): Promise<WrittenFile> {
  return withIoError({ what: "finish the copy", path }, async () => {
    const copied = await target.stat();
    requireWhole(copied.size, sizeBytes, path);
    // If the copy is longer, the source has grown since its size was read.
    if (copied.size > sizeBytes) await target.truncate(sizeBytes);
    await target.chmod((options.mode & 0o777) | 0o400);
    if (options.sync) await target.sync();
    const { blocks } = options.sync ? await target.stat() : copied;
    return { sizeBytes, allocatedBytes: blocks * 512 };
  });
}

/**
 * Throws if the copy is short. FICLONE has had bugs that left a copy short (openzfs issues 15526
 * and 15728), and setting the size would fill the rest with zeros.
 */
function requireWhole(copiedBytes: number, sizeBytes: number, path: string): void {
  if (copiedBytes >= sizeBytes) return;
  const [found, expected] = formatBytesApart(copiedBytes, sizeBytes);
  throw new StoreError(
    "IO_FAILED",
    `the copy ${shownPath(path)} has ${found}, expected ${expected}`,
    {
      hint: "Something cut the source while it was copied, or the filesystem has a fault: look at the kernel's log",
      resource: { type: "file", name: shownPath(path) },
    },
  );
}

async function openSource(
  path: string,
  { sourceOwner: owner = "store", sourceUid }: CopyOptions,
): Promise<FileHandle> {
  const context: IoContext = { what: "open the file", path, owner };
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  // O_NONBLOCK is for a pipe in the file's place: open must not wait for its writer.
  const handle = closedQuietly(
    await withIoError(context, () => open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)),
  );
  let stat: Stats;
  try {
    stat = await handle.stat();
  } catch (error) {
    await handle[Symbol.asyncDispose]();
    throw ioError(error, context);
  }
  const foreign = sourceUid !== undefined && stat.uid !== sourceUid;
  if (stat.isFile() && !foreign) return handle;
  await handle[Symbol.asyncDispose]();
  const expected = foreign ? `a file of user ${sourceUid}` : "a regular file";
  throw new StoreError("FIELD_INVALID", `expected ${expected}: ${shownPath(path)}`);
}

/**
 * Runs one FICLONE at a time for each source, because the kernel locks the source for the whole
 * call. Further calls would only spin on the lock, each in a thread of the pool that other file
 * operations need.
 */
const clones = new SerialQueue();

async function tryClone(source: FileHandle, target: FileHandle, path: string): Promise<boolean> {
  try {
    const { dev, ino } = fstatSync(source.fd, { bigint: true });
    await clones.run(`${dev}:${ino}`, () => disk.cloneFile(source.fd, target.fd));
    return true;
  } catch (error) {
    if (isErrno(error, ...notHere)) return false;
    throw ioError(error, { what: "share the blocks of the file", path });
  }
}

async function tryExtents(
  source: FileHandle,
  target: FileHandle,
  from: string,
  sizeBytes: number,
  options: Pick<CopyOptions, "sync" | "signal">,
): Promise<boolean> {
  const extents = lazyExtents(source.fd, sizeBytes);
  if (extents === undefined) return false;
  await withIoError({ what: `set the size to ${formatBytes(sizeBytes)}`, path: from }, () =>
    target.truncate(sizeBytes),
  );
  try {
    for (const extent of extents) await copyExtent(source, target, from, extent, options);
    return true;
  } catch (error) {
    if (isErrno(error, ...notHere)) return false;
    throw ioError(error, { what: "copy the file", path: from });
  }
}

async function copyExtent(
  source: FileHandle,
  target: FileHandle,
  from: string,
  extent: Extent,
  options: Pick<CopyOptions, "sync" | "signal">,
): Promise<void> {
  const end = extent.offset + extent.length;
  for (let offset = extent.offset; offset < end;) {
    options.signal?.throwIfAborted();
    const length = Math.min(copyBytes, end - offset);
    const copied = await disk.copyRange(source.fd, target.fd, offset, length);
    if (copied === 0) {
      throw new StoreError(
        "STORED_DATA_CORRUPT",
        `${shownPath(from)} ends at byte ${offset}, expected data up to byte ${end}`,
        {
          hint: "The file was cut while it was copied",
          resource: { type: "file", name: shownPath(from) },
        },
      );
    }
    if (options.sync && copied >= copyBytes / 4) {
      await startWriteback(target.fd, offset, copied).catch(() => undefined);
    }
    offset += copied;
  }
}

/** Prefix of the files with which `supportsReflink` tests. A crash may leave them behind. */
export const reflinkProbePrefix = ".reflink-";

/**
 * Tests whether files in `directory` can share blocks. Returns false if the disk has no room for
 * the test.
 */
export async function supportsReflink(directory: string): Promise<boolean> {
  const base = join(directory, `${reflinkProbePrefix}${randomBytes(6).toString("hex")}`);
  const paths = [`${base}.from`, `${base}.to`] as const;
  const trying: IoContext = { what: "try whether blocks can be shared", path: directory };
  try {
    await using source = await disk.open(paths[0], "wx+", 0o600);
    await source.write(Buffer.alloc(4096, 1));
    await using target = await disk.open(paths[1], "wx", 0o600);
    return await tryClone(source, target, directory);
  } catch (error) {
    // A daemon must start on a full disk, because users delete snapshots through it.
    if (isStoreError(ioError(error, trying), "STORAGE_FULL")) return false;
    throw ioError(error, trying);
  } finally {
    for (const path of paths) await disk.unlink(path).catch(() => undefined);
  }
}
