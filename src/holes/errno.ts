// Turns system errors into errors with a hint for the operator of the store or for the caller.
// Calls that need a message of their own, such as a link between filesystems, translate their errno
// themselves.
import { readlinkSync } from "node:fs";
import {
  StoreError,
  firstError,
  isStoreError,
  type ErrorReason,
  type StoreErrorOptions,
} from "../base/errors.js";

export interface IoContext {
  /** The step that failed, as a verb phrase: "write the file". */
  readonly what: string;
  readonly path: string;
  /**
   * The owner of the path. For a caller's path, a missing or forbidden file is the caller's
   * mistake. Inside the store, it is an I/O error. Default: store.
   */
  readonly owner?: "caller" | "store";
  /** The access that the step needs. Default: derived from the system call. */
  readonly access?: AccessKind;
}

type AccessKind = "reach" | "read" | "write";

interface ErrnoMeaning {
  readonly reason: ErrorReason;
  readonly hint: string;
}

const full: ErrnoMeaning = {
  reason: "STORAGE_FULL",
  hint: "Delete snapshots, collect garbage, or add space",
};
const device: ErrnoMeaning = {
  reason: "IO_FAILED",
  hint: "The device or filesystem is failing: look into the kernel log before trusting it again",
};
const tooManyFiles: ErrnoMeaning = {
  reason: "LIMIT_EXCEEDED",
  hint: "Raise the limit on open files (ulimit -n), or run fewer calls at once",
};
const forbidden: ErrnoMeaning = {
  reason: "IO_FAILED",
  hint: "Check that the owner of this process may read and write there",
};

const meanings: Readonly<Record<string, ErrnoMeaning>> = {
  ENOSPC: full,
  EDQUOT: full,
  EIO: device,
  EUCLEAN: device,
  ENXIO: device,
  EROFS: {
    reason: "STORE_READ_ONLY",
    hint:
      "The filesystem is mounted read-only, perhaps after an error: look into the kernel log, " +
      "then mount it read-write",
  },
  EXDEV: {
    reason: "CROSS_FILESYSTEM",
    hint: "Both places must be on one filesystem: copy the data instead of moving it",
  },
  EFBIG: {
    reason: "LIMIT_EXCEEDED",
    hint: "The file is larger than the filesystem or the limit on file sizes (ulimit -f) allows",
  },
  EMFILE: tooManyFiles,
  ENFILE: tooManyFiles,
  ENOMEM: { reason: "LIMIT_EXCEEDED", hint: "The machine is short of memory: try again later" },
  EACCES: forbidden,
  EPERM: forbidden,
  ENOENT: {
    reason: "IO_FAILED",
    hint: "Something outside this process has removed it",
  },
};

const callerMeanings: Readonly<Record<string, ErrnoMeaning>> = {
  ENOENT: { reason: "DIRECTORY_NOT_FOUND", hint: "Check the path on the machine that opens it" },
  ENOTDIR: { reason: "FIELD_INVALID", hint: "Give the path of a directory" },
  EISDIR: { reason: "FIELD_INVALID", hint: "Give the path of a file" },
  ELOOP: { reason: "FIELD_INVALID", hint: "Give the path itself, not a symbolic link to it" },
  ENAMETOOLONG: { reason: "FIELD_INVALID", hint: "Use a shorter path" },
  EINVAL: { reason: "FIELD_INVALID", hint: "This path cannot be used for that" },
  EBUSY: { reason: "FIELD_INVALID", hint: "The path is a mount point or in use by the system" },
  EROFS: { reason: "FIELD_INVALID", hint: "Choose a directory on a filesystem that takes writes" },
  EEXIST: { reason: "DIRECTORY_NOT_EMPTY", hint: "Choose a path that does not exist yet" },
  ENOTEMPTY: { reason: "DIRECTORY_NOT_EMPTY", hint: "Choose an empty directory" },
};

/** Returns the name of a system error, for example "ENOENT", or undefined for any other error. */
export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("syscall" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  const code = errnoCode(error);
  return code !== undefined && codes.includes(code);
}

const troubles = ["EIO", "ENOSPC", "EDQUOT", "EROFS", "ENOMEM", "EMFILE", "ENFILE", "EUCLEAN"];

/**
 * Returns whether the disk or the machine failed or lacked space or memory, so that the same step
 * may succeed later. Accepts a system error, or the StoreError that was made of one.
 */
export function isDeviceTrouble(thrown: unknown): boolean {
  const error = firstError(thrown);
  const code = isStoreError(error) ? error.metadata["errno"] : errnoCode(error);
  return code !== undefined && troubles.includes(code);
}

/**
 * Returns a StoreError for a system error. Returns anything else (an abort, a StoreError, a bug)
 * unchanged.
 */
export function ioError(thrown: unknown, context: IoContext): Error {
  const error = firstError(thrown);
  const code = errnoCode(error);
  if (code === undefined) return error instanceof Error ? error : new Error(String(error));
  const caller = context.owner === "caller" ? callerMeaning(code, error, context) : undefined;
  const meaning = caller ?? meanings[code];
  const path = shownPath(context.path);
  const message = `cannot ${context.what}: ${explain(error)}: ${path}`;
  return new StoreError(meaning?.reason ?? "IO_FAILED", message, {
    cause: error,
    metadata: { errno: code, path },
    ...(context.owner === "caller" ? aboutPath(meaning?.reason, path, message) : {}),
    ...(meaning === undefined ? {} : { hint: meaning.hint }),
  });
}

function callerMeaning(code: string, error: unknown, context: IoContext): ErrnoMeaning | undefined {
  if (code !== "EACCES" && code !== "EPERM") return callerMeanings[code];
  const access = context.access ?? accessOf(error);
  return { reason: "FIELD_INVALID", hint: accessHints[access ?? "any"] };
}

const accessHints: Readonly<Record<AccessKind | "any", string>> = {
  reach: "Let the user that opens it pass through every directory above it",
  read: "Let the user that opens it read there",
  write: "Let the user that opens it write there",
  any: "Let the user that opens it read and write there",
};

const callsForAccess: Readonly<Record<string, AccessKind>> = {
  ...{ access: "reach", lstat: "reach", realpath: "reach", stat: "reach" },
  ...{ opendir: "read", read: "read", readlink: "read", scandir: "read" },
};

/**
 * Returns the access that a failed call needed, or undefined for open(2), which may need any
 * access. Calls that `callsForAccess` does not name change something.
 */
function accessOf(error: unknown): AccessKind | undefined {
  const { syscall = "open" } = error as NodeJS.ErrnoException;
  return syscall === "open" ? undefined : (callsForAccess[syscall] ?? "write");
}

/**
 * Returns the path for messages. A path through a descriptor of this process means nothing to
 * people, so it is replaced with the path of the descriptor's file.
 */
export function shownPath(path: string): string {
  const [, link, rest = ""] = /^(\/proc\/self\/fd\/\d+)(\/.*)?$/.exec(path) ?? [];
  if (link === undefined) return path;
  try {
    return readlinkSync(link) + (rest === "/." ? "" : rest);
  } catch {
    return path;
  }
}

/**
 * Returns the part of an error that names the caller's path. In every request, the field
 * `directory` contains that path.
 */
function aboutPath(
  reason: ErrorReason | undefined,
  path: string,
  description: string,
): Pick<StoreErrorOptions, "fields" | "resource"> {
  switch (reason) {
    case "FIELD_INVALID":
      return { fields: [{ field: "directory", description }] };
    case "DIRECTORY_NOT_FOUND":
    case "DIRECTORY_NOT_EMPTY":
    case "CROSS_FILESYSTEM":
      return { resource: { type: "directory", name: path } };
    default:
      return {};
  }
}

/** Runs one step and translates its system error into a StoreError. */
export async function withIoError<T>(context: IoContext, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw ioError(error, context);
  }
}

/**
 * Returns the message of the system error without the system call and the path that Node appends.
 */
function explain(error: unknown): string {
  return error instanceof Error ? (error.message.split(", ")[0] ?? error.message) : String(error);
}
