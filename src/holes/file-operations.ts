// Collects in one object the calls that change files. The store opens files for writing, and
// changes their names and modes, through `disk`. The exceptions are the catalog, lock.info, and the
// direct writes of direct-writer.ts. A test can therefore record each call, make it fail, or model
// a power cut (test/faults). In files/ and holes/, a lint rule refuses other imports of such calls
// from node:fs/promises.
//
// `disk` contains the functions of Node and native.ts themselves, without a wrapper.
import { chmodSync, mkdirSync } from "node:fs";
import {
  chmod,
  chown,
  link,
  mkdir,
  open,
  rename,
  rm,
  rmdir,
  unlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import {
  cloneFile,
  copyRange,
  releaseRange,
  renameWithoutReplace,
  setAttribute,
} from "./native.js";

/** Errors have the shape of Node's own, which errno.ts reads. */
export interface FileOperations {
  chmod: typeof chmod;
  chmodSync: typeof chmodSync;
  chown: typeof chown;
  link: typeof link;
  mkdir: typeof mkdir;
  mkdirSync: typeof mkdirSync;
  /** The handle's methods change files too: `write`, `truncate`, `chmod`, `sync` and others. */
  open: typeof open;
  rename: typeof rename;
  rm: typeof rm;
  rmdir: typeof rmdir;
  unlink: typeof unlink;
  utimes: typeof utimes;
  writeFile: typeof writeFile;
  cloneFile: typeof cloneFile;
  copyRange: typeof copyRange;
  releaseRange: typeof releaseRange;
  renameWithoutReplace: typeof renameWithoutReplace;
  setAttribute: typeof setAttribute;
}

const operations: FileOperations = {
  chmod,
  chmodSync,
  chown,
  link,
  mkdir,
  mkdirSync,
  open,
  rename,
  rm,
  rmdir,
  unlink,
  utimes,
  writeFile,
  cloneFile,
  copyRange,
  releaseRange,
  renameWithoutReplace,
  setAttribute,
};

export const disk: Readonly<FileOperations> = operations;

/**
 * Replaces operations until the result is disposed. Only tests call this. No option, configuration
 * or environment variable leads here.
 */
export function replaceFileOperations(replacements: Partial<FileOperations>): Disposable {
  const before = { ...operations };
  Object.assign(operations, replacements);
  return {
    [Symbol.dispose]: () => {
      Object.assign(operations, before);
    },
  };
}
