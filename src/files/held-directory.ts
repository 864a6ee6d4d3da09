// Opens directories that a caller names, and keeps a descriptor of each, so that the store uses
// exactly the directory that it has checked.
//
// A path can mean another file between a check and its use: anyone who may write to one of its
// directories can put a symbolic link there. A descriptor cannot change. The store therefore opens
// a directory once, reads its real path back from /proc/self/fd, and takes every later step through
// the descriptor: `at` and `self`.
//
// Invariants:
// - Where a caller is limited to some directories, no symbolic link below them is ever followed.
// - A refusal is the same whether or not the path exists, so it does not reveal what is outside the
//   allowed directories.
import { constants, readlinkSync, type BigIntStats } from "node:fs";
import { lstat, open, realpath, stat, type FileHandle } from "node:fs/promises";
import { basename, dirname, isAbsolute, relative, resolve } from "node:path";
import { StoreError, fieldInvalid } from "../base/errors.js";
import type { CallerPath } from "../model/caller-path.js";
import { ioError, isErrno, withIoError, type IoContext } from "../holes/errno.js";
import { closeQuietly } from "../base/quietly.js";
import { isInside, type Layout } from "./layout.js";

/**
 * A flag of open(2) for a descriptor that only names its file. Opening it needs no permission on
 * the file itself.
 */
export const O_PATH = 0o10000000;
const { O_DIRECTORY, O_NOFOLLOW } = constants;
const field = "directory";

export interface HeldDirectory extends AsyncDisposable {
  /** The path when the directory was opened: absolute, without symbolic links. */
  readonly path: string;
  /** A path of the directory itself that stays valid until this object is disposed. */
  readonly self: string;
  /**
   * Returns a path of the entry `name` of the directory. The path stays valid as long as `self`
   * does.
   */
  at(name: string): string;
}

/**
 * Opens the directory that `caller` names. Throws FIELD_INVALID unless the caller may use it and it
 * is outside the store.
 */
export async function holdDirectory(layout: Layout, caller: CallerPath): Promise<HeldDirectory> {
  requireAbsolute(caller.path, field);
  return checked(layout, caller, await (caller.within === undefined ? hold : walk)(caller));
}

export interface HeldPlace extends AsyncDisposable {
  readonly parent: HeldDirectory;
  /** The last part of the path, in `parent`. The entry may be absent, or any kind of file. */
  readonly name: string;
  /** See `HeldDirectory.path`. */
  readonly path: string;
}

/**
 * Opens the parent of the path that `caller` names. Throws FIELD_INVALID unless the caller may use
 * the path and it is outside the store. Does not check the owner.
 */
export async function holdPlace(layout: Layout, caller: CallerPath): Promise<HeldPlace> {
  requireAbsolute(caller.path, field);
  const given = resolve(caller.path);
  const name = basename(given);
  if (name === "") throw fieldInvalid(field, "a path below another directory", caller.path);
  const parentOf = { ...caller, path: dirname(given) };
  const parent = await (caller.within === undefined ? hold : walk)(parentOf);
  const path = parent.path === "/" ? `/${name}` : `${parent.path}/${name}`;
  try {
    requireOutside(layout, path, caller.path);
  } catch (error) {
    await parent[Symbol.asyncDispose]();
    throw error;
  }
  return { parent, name, path, [Symbol.asyncDispose]: () => parent[Symbol.asyncDispose]() };
}

/**
 * Opens a directory by a path without symbolic links. Throws FIELD_INVALID if the path leads
 * through a symbolic link.
 */
export async function holdRealPath(path: string): Promise<HeldDirectory> {
  const held = await hold({ path });
  if (held.path === path) return held;
  await held[Symbol.asyncDispose]();
  throw fieldInvalid(field, "a path without symbolic links", path);
}

/** Opens an entry of a held directory. The entry must be a directory and not a link to one. */
export async function holdEntry(parent: HeldDirectory, name: string): Promise<HeldDirectory> {
  const path = parent.at(name);
  const context = { what: "open the directory", path, owner: "caller", access: "reach" } as const;
  return held(await withIoError(context, () => open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW)));
}

/** Throws FIELD_INVALID unless the directory belongs to the user that `caller` requires, if any. */
export async function requireOwner(directory: HeldDirectory, caller: CallerPath): Promise<void> {
  if (caller.owner === undefined) return;
  const { uid } = await withIoError(lookingAt(caller.path), () => stat(directory.self));
  if (uid !== caller.owner) throw foreignOwner(caller.path, uid);
}

export function foreignOwner(path: string, uid: number): StoreError {
  const found = `one of user ${uid}: ${path}`;
  const description = `expected a directory and files that belong to the calling user, got ${found}`;
  return new StoreError("FIELD_INVALID", `${field}: ${description}`, {
    hint: "Have the user that the daemon runs as, or root, make the call",
    fields: [{ field, description }],
  });
}

/**
 * Throws FIELD_INVALID for a relative path, and for a path with a NUL character. The daemon's own
 * working directory must never decide what a caller's path means.
 */
function requireAbsolute(path: string, key: string): void {
  if (path.includes("\0")) throw fieldInvalid(key, "a path without NUL", path);
  if (!isAbsolute(path)) throw fieldInvalid(key, "an absolute path", path);
}

async function checked(
  layout: Layout,
  caller: CallerPath,
  directory: HeldDirectory,
): Promise<HeldDirectory> {
  try {
    requireOutside(layout, directory.path, caller.path);
    await requireOwner(directory, caller);
    return directory;
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Throws FIELD_INVALID for a path inside the root. Only the store may use the directories there:
 * recovery would delete or quarantine other data.
 */
function requireOutside(layout: Layout, path: string, given: string): void {
  if (!isInside(layout, path)) return;
  throw fieldInvalid(field, "a directory outside the store's root", given);
}

/** Opens the directory at the caller's path and follows symbolic links. */
async function hold({ path }: CallerPath): Promise<HeldDirectory> {
  try {
    return await held(await open(path, O_PATH | O_DIRECTORY));
  } catch (error) {
    throw ioError(error, { what: "open the directory", path, owner: "caller", access: "reach" });
  }
}

/** Walks down from an allowed directory one name at a time, so that no link can lead out of it. */
async function walk(caller: CallerPath): Promise<HeldDirectory> {
  const { start, names } = await startOf(caller);
  let handle = await open(start, O_PATH | O_DIRECTORY).catch((error: unknown) => {
    throw ioError(error, {
      what: "open the allowed directory",
      path: start,
      owner: "caller",
      access: "reach",
    });
  });
  try {
    for (const name of names) {
      const next = await openBelow(handle, name, caller.path);
      await closeQuietly(handle);
      handle = next;
    }
  } catch (error) {
    await closeQuietly(handle);
    throw ioError(error, {
      what: "open the directory",
      path: caller.path,
      owner: "caller",
      access: "reach",
    });
  }
  return held(handle);
}

async function openBelow(parent: FileHandle, name: string, given: string): Promise<FileHandle> {
  const path = `/proc/self/fd/${parent.fd}/${name}`;
  try {
    return await open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (!isErrno(error, "ENOTDIR", "ELOOP")) throw error;
    const isLink = await lstat(path).then(
      (found) => found.isSymbolicLink(),
      () => false,
    );
    if (!isLink) throw error;
    const hint = "Below a directory of allowed_directories no symbolic link is followed";
    throw fieldInvalid(field, "a path without symbolic links", given, hint);
  }
}

interface PathStart {
  /** The real path of the allowed directory, without symbolic links. */
  readonly start: string;
  /** The names on the way from the allowed directory to the caller's directory. */
  readonly names: readonly string[];
}

/**
 * Finds the allowed directory above the caller's path. A caller may name that directory as it is
 * configured, or by its resolved path.
 */
async function startOf({ path, within = [] }: CallerPath): Promise<PathStart> {
  const given = resolve(path);
  for (const allowed of within) {
    const start = await realpath(allowed).catch(() => undefined);
    if (start === undefined) continue;
    for (const base of [resolve(allowed), start]) {
      const way = relative(base, given);
      if (way === "") return { start, names: [] };
      if (way !== ".." && !way.startsWith("../")) return { start, names: way.split("/") };
    }
  }
  const expected =
    within.length === 0
      ? "no directory: this daemon uses none for this caller"
      : `a directory in ${within.join(", ")} (allowed_directories)`;
  throw fieldInvalid(field, expected, path);
}

/** Returns a held directory, which takes ownership of the descriptor. */
async function held(handle: FileHandle): Promise<HeldDirectory> {
  const link = `/proc/self/fd/${handle.fd}`;
  try {
    // The kernel answers from memory, so this needs no thread.
    const path = readlinkSync(link);
    // A deleted directory has "(deleted)" after its path, and a moved one has another path.
    if (!(await isSame(path, await handle.stat({ bigint: true })))) throw gone(path);
    return {
      path,
      self: `${link}/.`,
      at: (name) => `${link}/${name}`,
      [Symbol.asyncDispose]: () => closeQuietly(handle),
    };
  } catch (error) {
    const shown = ioError(error, lookingAt(link));
    await closeQuietly(handle);
    throw shown;
  }
}

async function isSame(path: string, { dev, ino }: BigIntStats): Promise<boolean> {
  try {
    const found = await lstat(path, { bigint: true });
    return found.dev === dev && found.ino === ino;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return false;
    throw error;
  }
}

function lookingAt(path: string): IoContext {
  return { what: "look at the directory", path, owner: "caller" };
}

function gone(path: string): StoreError {
  return new StoreError("DIRECTORY_NOT_FOUND", `moved or removed while it was opened: ${path}`, {
    hint: "Try again",
    resource: { type: "directory", name: path },
  });
}
