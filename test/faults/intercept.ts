// Intercepts the operations with which the store changes its files below one directory. Layers see
// each operation before and after it is done. A layer can fail an operation or skip it.
import { constants, readlinkSync, realpathSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import {
  disk,
  replaceFileOperations,
  type FileOperations,
} from "../../src/holes/file-operations.js";

export type OperationKind =
  | "open"
  | "create"
  | "write"
  | "copy"
  | "truncate"
  | "chmod"
  | "chown"
  | "utimes"
  | "attribute"
  | "sync"
  | "mkdir"
  | "rename"
  | "link"
  | "unlink"
  | "rmdir"
  | "remove-tree";

export interface Operation {
  readonly kind: OperationKind;
  /** The absolute path. Only its last name may be a symbolic link. */
  readonly path: string;
  /** The new path, for a rename or a link. */
  readonly to?: string;
}

export interface Layer {
  /**
   * Is called before an operation. It may throw the error with which the operation fails. If it
   * returns false, the operation is skipped, and the store sees a success.
   */
  before?(operation: Operation): boolean | void;
  /** Is called after an operation that was done, but not after one that failed or was skipped. */
  after?(operation: Operation): void;
}

/**
 * Applies the layers to all changes below `base` until the result is disposed of. The first layer
 * is the outermost.
 */
export function interceptChanges(base: string, layers: readonly Layer[]): Disposable {
  return replaceFileOperations(operationsThrough({ base, layers }, { ...disk }));
}

interface Scope {
  readonly base: string;
  readonly layers: readonly Layer[];
}

/** Returns true if the operation is to be done. */
function announce({ layers }: Scope, operation: Operation): boolean {
  return layers.every((layer) => layer.before?.(operation) !== false);
}

function report({ layers }: Scope, operation: Operation): void {
  for (const layer of layers) layer.after?.(operation);
}

async function perform<T>(
  scope: Scope,
  operation: Operation,
  run: () => Promise<T>,
  leftOut: T,
): Promise<T> {
  if (!isBelow(scope, operation)) return run();
  if (!announce(scope, operation)) return leftOut;
  const result = await run();
  report(scope, operation);
  return result;
}

function performSync(scope: Scope, operation: Operation, run: () => void): void {
  if (!isBelow(scope, operation)) return run();
  if (!announce(scope, operation)) return;
  run();
  report(scope, operation);
}

function isBelow({ base }: Scope, { path }: Operation): boolean {
  return path === base || path.startsWith(`${base}/`);
}

function operationsThrough(scope: Scope, real: FileOperations): Partial<FileOperations> {
  const on = (kind: OperationKind, path: unknown): Operation => ({
    kind,
    path: realPath(String(path)),
  });
  const move = (from: unknown, to: unknown, kind: "rename" | "link" = "rename"): Operation => ({
    ...on(kind, from),
    to: realPath(String(to)),
  });
  const done = (operation: Operation, run: () => Promise<void>): Promise<void> =>
    perform(scope, operation, run, undefined);
  return {
    chmod: (path, mode) => done(on("chmod", path), () => real.chmod(path, mode)),
    chown: (path, uid, gid) => done(on("chown", path), () => real.chown(path, uid, gid)),
    utimes: (path, ...times) => done(on("utimes", path), () => real.utimes(path, ...times)),
    rename: (from, to) => done(move(from, to), () => real.rename(from, to)),
    renameWithoutReplace: (from, to) =>
      done(move(from, to), () => real.renameWithoutReplace(from, to)),
    link: (from, to) => done(move(from, to, "link"), () => real.link(from, to)),
    unlink: (path) => done(on("unlink", path), () => real.unlink(path)),
    rmdir: (path) => done(on("rmdir", path), () => real.rmdir(path)),
    rm: (path, options) => done(on("remove-tree", path), () => real.rm(path, options)),
    setAttribute: (path, ...rest) =>
      done(on("attribute", path), () => real.setAttribute(path, ...rest)),
    cloneFile: (from, to) => done(on("copy", fdPath(to)), () => real.cloneFile(from, to)),
    copyRange: (from, to, offset, length) =>
      perform(
        scope,
        on("copy", fdPath(to)),
        () => real.copyRange(from, to, offset, length),
        length,
      ),
    releaseRange: (fd, offset, length) =>
      done(on("write", fdPath(fd)), () => real.releaseRange(fd, offset, length)),
    // The store does not use the results of these calls, because it makes single directories
    // without `recursive`.
    mkdir: ((path: string, mode: object) =>
      done(
        on("mkdir", path),
        async () => void (await real.mkdir(path, mode)),
      )) as typeof real.mkdir,
    mkdirSync: ((path: string, mode: object) =>
      performSync(scope, on("mkdir", path), () => {
        real.mkdirSync(path, mode);
      })) as typeof real.mkdirSync,
    chmodSync: (path, mode) =>
      performSync(scope, on("chmod", path), () => {
        real.chmodSync(path, mode);
      }),
    writeFile: async (path, data, options) => {
      await done(on("create", path), () => real.writeFile(path, "", options));
      const flag = "a";
      await done(on("write", path), () => real.writeFile(path, data, { flag }));
    },
    open: async (path, flags, mode) => {
      const operation = on(creates(flags) ? "create" : "open", path);
      if (!isBelow(scope, operation)) return real.open(path, flags, mode);
      announce(scope, operation);
      const handle = await real.open(path, flags, mode);
      report(scope, operation);
      return watchHandle(scope, handle);
    },
  };
}

function creates(flags: string | number | undefined): boolean {
  return typeof flags === "number" ? (flags & constants.O_CREAT) !== 0 : flags !== "r";
}

/**
 * Intercepts operations through a descriptor. Each operation is reported with the path that the
 * file has at that moment.
 */
function watchHandle(scope: Scope, handle: FileHandle): FileHandle {
  const watch = (
    name: "truncate" | "chmod" | "chown" | "sync" | "datasync" | "writeFile",
  ): void => {
    const kind = name === "datasync" ? "sync" : name === "writeFile" ? "write" : name;
    const real = handle[name].bind(handle) as (...args: unknown[]) => Promise<void>;
    const replacement = (...args: unknown[]): Promise<void> =>
      perform(scope, { kind, path: fdPath(handle.fd) }, () => real(...args), undefined);
    Object.assign(handle, { [name]: replacement });
  };
  for (const name of ["truncate", "chmod", "chown", "sync", "datasync", "writeFile"] as const) {
    watch(name);
  }
  const write = handle.write.bind(handle) as (
    ...args: [Uint8Array, number, number, number]
  ) => Promise<{ bytesWritten: number; buffer: Uint8Array }>;
  const replacement = (...args: [Uint8Array, number, number, number]): Promise<unknown> =>
    perform(scope, { kind: "write", path: fdPath(handle.fd) }, () => write(...args), {
      bytesWritten: args[2],
      buffer: args[0],
    });
  return Object.assign(handle, { write: replacement as unknown as FileHandle["write"] });
}

function fdPath(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`);
}

/**
 * Returns the real path. This also works for paths that begin at a descriptor, as those of callers'
 * directories do.
 */
function realPath(path: string): string {
  const held = /^\/proc\/self\/fd\/\d+$/.test(path);
  if (held) return readlinkSync(path);
  return join(realpathSync(dirname(path)), basename(path));
}
