// Binds the Linux system calls and the functions of the C library that Node does not offer. This is
// the only file that uses koffi. A failure that is thrown has the shape of Node's own system
// errors, so that errno.ts reads both.
import { closeSync } from "node:fs";
import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";
import koffi, { type KoffiFunc } from "koffi";

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** The value of _IOW(0x94, 9, int); see ioctl_ficlone(2). */
const FICLONE = 0x40049409;
/** The value of _IOWR('f', 11, struct fiemap); see Documentation/filesystems/fiemap.rst. */
const FS_IOC_FIEMAP = 0xc020660b;
/** The values of _IOR('X', 31, …) and _IOW('X', 32, …); see ioctl_xfs_fsgetxattr(2). */
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
const FS_XFLAG_COWEXTSIZE = 0x00010000;
/** The size of struct fsxattr, which has five numbers of 32 bits and padding. */
const fileAttributesBytes = 28;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const POSIX_FADV_DONTNEED = 4;
/** A flag of preadv2(2): the call answers EAGAIN instead of waiting for the disk. */
const RWF_NOWAIT = 8;
/**
 * A flag that only starts writeback. The flags that also wait would consume a write error that
 * fsync must report.
 */
const SYNC_FILE_RANGE_WRITE = 2;
/** See mallopt(3). */
const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;
const MADV_HUGEPAGE = 14;
/** Locks of an open file description, see fcntl_locking(2). */
const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** The size of sockaddr_un: the family, and a path that ends with NUL (unix(7)). */
const socketAddressBytes = 110;
const enosys = constants.errno.ENOSYS;
const enxio = constants.errno.ENXIO;

/**
 * The symbols of the process itself, with glibc or musl. Offsets are 64 bits wide on every 64-bit
 * Linux.
 */
const libc = koffi.load(null);

type Argument = number | string | readonly number[] | Uint8Array;
type NativeCall = KoffiFunc<(...args: Argument[]) => number>;

const lseek = bind("int64_t lseek(int fd, int64_t offset, int whence)");
const ioctl = bind("int ioctl(int fd, unsigned long request, int argument)");
const ioctlBuffer = bind("int ioctl(int fd, unsigned long request, void *argument)");
const fileCopy = bind(
  "int64_t copy_file_range(int from, int64_t *fromOffset, int to, int64_t *toOffset, size_t length, uint flags)",
);
const fallocate = bind("int fallocate(int fd, int mode, int64_t offset, int64_t length)");
const syncFileRange = bind(
  "int sync_file_range(int fd, int64_t offset, int64_t length, uint flags)",
);
const fadvise = bind("int posix_fadvise(int fd, int64_t offset, int64_t length, int advice)");
const madvise = bind("int madvise(void *address, size_t length, int advice)");
const fcntl = bind("int fcntl(int fd, int command, void *lock)");
const preadv2 = bind(
  "int64_t preadv2(int fd, void *vectors, int count, int64_t offset, int flags)",
);
const renameat2 = bind(
  "int renameat2(int fromDirectory, str from, int toDirectory, str to, uint flags)",
);
const setxattr = bind("int setxattr(str path, str name, void *value, size_t size, int flags)");

const makeSocket = bind("int socket(int domain, int type, int protocol)");
const connectSocket = bind("int connect(int fd, void *address, uint length)");
const socketOption = bind("int getsockopt(int fd, int level, int name, void *value, void *length)");

/** Only glibc has this function and the next one. */
const mallocTrim = bind("int malloc_trim(size_t pad)");
const mallopt = bind("int mallopt(int parameter, int value)");

/**
 * Tells the C library to keep up to `keptBytes` of freed memory at the end of its heap. The library
 * then also allocates blocks below `blockBytes` from the heap. Without this, the kernel must clear
 * the memory of every new buffer of a transfer.
 */
export function keepFreedMemory(keptBytes: number, blockBytes: number): void {
  mallopt?.(M_TRIM_THRESHOLD, keptBytes);
  mallopt?.(M_MMAP_THRESHOLD, blockBytes);
}

const hugePageBytes = 2 * 1024 * 1024;

/**
 * Allocates memory that begins at a multiple of 2 MiB. The kernel backs this memory with pages of 2
 * MiB if such pages are free. A direct write pins each page that it reads from, so fewer pages cost
 * less.
 */
export function alignedMemory(length: number): Uint8Array {
  const memory = new ArrayBuffer(length + hugePageBytes);
  const address = koffi.address(memory);
  const start = Number(BigInt(hugePageBytes) - (address % BigInt(hugePageBytes)));
  const aligned = new Uint8Array(memory, start, length);
  madvise?.(aligned, length, MADV_HUGEPAGE);
  return aligned;
}

/** Returns freed memory to the system, if the C library can. This takes some milliseconds. */
export function trimHeap(): void {
  mallocTrim?.(0);
}

/**
 * Binds a function of the C library. Returns undefined if the library lacks it. Our callers then do
 * without it, or fail with ENOSYS, as for a call that the kernel lacks.
 */
function bind(definition: string): NativeCall | undefined {
  try {
    return libc.func(definition) as NativeCall;
  } catch {
    return undefined;
  }
}

function systemError(syscall: string, errno: number): NodeJS.ErrnoException {
  const [code, text] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, "unknown error"];
  const error: NodeJS.ErrnoException = new Error(`${code}: ${text}, ${syscall}`);
  return Object.assign(error, { code, errno: -errno, syscall });
}

/**
 * Maximum calls that run at once. koffi refuses more than 256 in a process, and this number
 * suffices for any disk.
 */
const maxRunning = 32;
let running = 0;
const waiting: (() => void)[] = [];

/** Runs a call, which may block, on a thread of Node's pool. */
async function callAsync(
  syscall: string,
  call: NativeCall | undefined,
  ...args: Argument[]
): Promise<number> {
  if (call === undefined) throw systemError(syscall, enosys);
  if (running >= maxRunning) await new Promise<void>((resume) => waiting.push(resume));
  running += 1;
  try {
    return await invoke(syscall, call, args);
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

function invoke(syscall: string, call: NativeCall, args: readonly Argument[]): Promise<number> {
  return new Promise((resolve, reject) => {
    call.async(...args, (error: Error | null, result: number) => {
      if (error !== null) reject(error);
      // errno belongs to this call only inside this callback.
      else if (result < 0) reject(systemError(syscall, koffi.errno()));
      else resolve(result);
    });
  });
}

/**
 * Returns the offset of the first byte of data at or after `offset`, or undefined if only a hole or
 * the end of the file follows.
 */
export function seekData(fd: number, offset: number): number | undefined {
  return seek(fd, offset, SEEK_DATA);
}

/**
 * Returns the offset of the first byte of a hole at or after `offset`. The end of the file counts
 * as a hole. Returns undefined if `offset` is at or after the end.
 */
export function seekHole(fd: number, offset: number): number | undefined {
  return seek(fd, offset, SEEK_HOLE);
}

/**
 * Calls lseek(2), which moves the file's own position. This is synchronous because it takes 2 µs,
 * while a round trip to a thread takes 30 to 110 µs.
 */
function seek(fd: number, offset: number, whence: number): number | undefined {
  if (lseek === undefined) throw systemError("lseek", enosys);
  const result = lseek(fd, offset, whence);
  if (result >= 0) return result;
  const errno = koffi.errno();
  if (errno === enxio) return undefined;
  throw systemError("lseek", errno);
}

/**
 * Maps the extents of a file. `request` is a struct fiemap with room for extents, which the kernel
 * fills in. This call is synchronous.
 */
export function mapExtents(fd: number, request: Uint8Array): void {
  if (ioctlBuffer === undefined) throw systemError("ioctl(FIEMAP)", enosys);
  if (ioctlBuffer(fd, FS_IOC_FIEMAP, request) < 0) {
    throw systemError("ioctl(FIEMAP)", koffi.errno());
  }
}

/** Does the same as `mapExtents` on a thread of Node's pool. */
export async function mapExtentsLater(fd: number, request: Uint8Array): Promise<void> {
  await callAsync("ioctl(FIEMAP)", ioctlBuffer, fd, FS_IOC_FIEMAP, request);
}

/**
 * Asks the filesystem to allocate only this many bytes for a write over shared blocks. By default
 * XFS allocates 128 KiB for a page, and counts them as the file's for minutes. Throws if the
 * filesystem has no such setting.
 */
export async function setCopyOnWriteBytes(fd: number, bytes: number): Promise<void> {
  const attributes = Buffer.alloc(fileAttributesBytes);
  await callAsync("ioctl(FSGETXATTR)", ioctlBuffer, fd, FS_IOC_FSGETXATTR, attributes);
  attributes.writeUInt32LE((attributes.readUInt32LE(0) | FS_XFLAG_COWEXTSIZE) >>> 0, 0);
  attributes.writeUInt32LE(bytes, 16);
  await callAsync("ioctl(FSSETXATTR)", ioctlBuffer, fd, FS_IOC_FSSETXATTR, attributes);
}

/**
 * Makes `toFd` share all blocks of `fromFd`. This is asynchronous because the kernel first writes
 * out the source.
 */
export async function cloneFile(fromFd: number, toFd: number): Promise<void> {
  await callAsync("ioctl(FICLONE)", ioctl, toFd, FICLONE, fromFd);
}

/**
 * Copies inside the kernel at the same offset in both files. Returns the number of copied bytes,
 * which is 0 at the end of the source.
 */
export function copyRange(
  fromFd: number,
  toFd: number,
  offset: number,
  length: number,
): Promise<number> {
  // Passing the offsets by pointer leaves the files' own positions unchanged.
  return callAsync("copy_file_range", fileCopy, fromFd, [offset], toFd, [offset], length, 0);
}

/** Reserves blocks for a range without changing the file's size. */
export async function reserveRange(fd: number, offset: number, length: number): Promise<void> {
  await callAsync("fallocate", fallocate, fd, FALLOC_FL_KEEP_SIZE, offset, length);
}

/** Makes a hole of a range without changing the file's size. */
export async function releaseRange(fd: number, offset: number, length: number): Promise<void> {
  const mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
  await callAsync("fallocate", fallocate, fd, mode, offset, length);
}

/** Starts writing a range to the device. This does not wait and does not make anything durable. */
export async function startWriteback(fd: number, offset: number, length: number): Promise<void> {
  await callAsync("sync_file_range", syncFileRange, fd, offset, length, SYNC_FILE_RANGE_WRITE);
}

/**
 * Makes the kernel evict a range of a file from the page cache, so that the next read comes from
 * the disk. Pages that are mapped or not yet written stay. A `length` of 0 means up to the end.
 */
export async function forgetCached(fd: number, offset = 0, length = 0): Promise<void> {
  // The result is ignored, because posix_fadvise fails only for arguments that we never pass.
  await callAsync("posix_fadvise", fadvise, fd, offset, length, POSIX_FADV_DONTNEED);
}

/**
 * Reads the first bytes of a range, as far as the page cache has them, and returns their number.
 * The number is lower than requested if the rest would have to come from the disk, or if the
 * filesystem or the kernel does not support such reads. Errors are left to a later read that waits.
 * This is synchronous: 256 KiB take 30 µs.
 */
export function readCached(fd: number, bytes: Uint8Array, position: number): number {
  if (preadv2 === undefined) return 0;
  // This is a struct iovec: an address and a length.
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(koffi.address(bytes.buffer) + BigInt(bytes.byteOffset), 0);
  vector.writeBigUInt64LE(BigInt(bytes.length), 8);
  return Math.max(0, preadv2(fd, vector, 1, position, RWF_NOWAIT));
}

/** Renames as rename(2) does, but fails with EEXIST if the target exists. */
export async function renameWithoutReplace(from: string, to: string): Promise<void> {
  await callAsync("renameat2", renameat2, AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

export type LockKind = "read" | "write";

/** A range of bytes of a file. The file need not contain these bytes. */
interface LockedRange {
  readonly start: number;
  readonly length: number;
}

/**
 * Locks a range without waiting. Returns false if a lock of another owner conflicts. The lock
 * belongs to the open file description. It ends when the descriptor is closed, and closing another
 * descriptor of the same file does not end it. It conflicts with the locks of processes (F_SETLK),
 * which SQLite takes.
 */
export function lockRange(fd: number, kind: LockKind, range: LockedRange): boolean {
  const errno = callLock(fd, F_OFD_SETLK, flockOf(kind, range));
  if (errno === 0) return true;
  if (errno === constants.errno.EAGAIN || errno === constants.errno.EACCES) return false;
  throw systemError("fcntl", errno);
}

/**
 * Returns the id of the process that holds a conflicting lock, or undefined if no lock conflicts.
 * The result is 0 if the holder is unknown, because the lock belongs to an open file description,
 * or to a process of another PID namespace.
 */
export function lockingProcess(fd: number, kind: LockKind, range: LockedRange): number | undefined {
  const lock = flockOf(kind, range);
  const errno = callLock(fd, F_OFD_GETLK, lock);
  if (errno !== 0) throw systemError("fcntl", errno);
  if (lock.readInt16LE(0) === F_UNLCK) return undefined;
  return Math.max(0, lock.readInt32LE(24));
}

/** Encodes `struct flock` of 64-bit Linux. */
function flockOf(kind: LockKind, { start, length }: LockedRange): Buffer {
  const lock = Buffer.alloc(32);
  lock.writeInt16LE(kind === "read" ? F_RDLCK : F_WRLCK, 0);
  lock.writeBigInt64LE(BigInt(start), 8);
  lock.writeBigInt64LE(BigInt(length), 16);
  return lock;
}

/** Calls fcntl(2) for a lock. Returns 0 or the error number. */
function callLock(fd: number, command: number, lock: Buffer): number {
  if (fcntl === undefined) return enosys;
  return fcntl(fd, command, lock) < 0 ? koffi.errno() : 0;
}

/**
 * Connects to a Unix socket and closes the connection. Returns undefined if a process listens
 * there, and otherwise the name of the error, for example ENOENT. This is synchronous, because
 * connecting to a local socket never waits.
 */
export function connectError(path: string): string | undefined {
  if (makeSocket === undefined || connectSocket === undefined) return "ENOSYS";
  const address = Buffer.alloc(socketAddressBytes);
  address.writeUInt16LE(AF_UNIX);
  address.write(path, 2);
  const fd = makeSocket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return systemError("socket", koffi.errno()).code;
  try {
    if (connectSocket(fd, address, address.length) === 0) return undefined;
    const { code } = systemError("connect", koffi.errno());
    // With EAGAIN, the listener's queue of connections is full, so the listener is alive.
    return code === "EAGAIN" ? undefined : code;
  } finally {
    closeSync(fd);
  }
}

/** Sets an extended attribute of a file, see xattr(7). */
export async function setAttribute(path: string, name: string, value: Uint8Array): Promise<void> {
  await callAsync("setxattr", setxattr, path, name, value, value.length, 0);
}

/**
 * Returns the user id of the process that connected to a Unix socket, as of that moment
 * (SO_PEERCRED of unix(7)), or undefined if the kernel does not report it.
 */
export function peerUser(fd: number): number | undefined {
  if (socketOption === undefined) return undefined;
  // This is a struct ucred: pid, uid and gid.
  const credentials = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(credentials.length);
  if (socketOption(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return undefined;
  return credentials.readUInt32LE(4);
}
