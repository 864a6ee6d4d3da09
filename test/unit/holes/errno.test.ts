// Tests how errors of the system become errors of the store.
import assert from "node:assert/strict";
import { lstat, mkdir } from "node:fs/promises";
import { test } from "node:test";
import { StoreError, type ErrorReason } from "../../../src/base/errors.js";
import { errnoCode, ioError, isErrno, withIoError } from "../../../src/holes/errno.js";
import { seekData } from "../../../src/holes/native.js";
import { withScratchDir } from "../../support/scratch.js";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: some words, write '/p'`), { code, syscall: "write" });
}

test("every errno that a store encounters has a reason and a hint", () => {
  const expected: readonly [string, "store" | "caller", ErrorReason][] = [
    ["ENOSPC", "store", "STORAGE_FULL"],
    ["EDQUOT", "caller", "STORAGE_FULL"],
    ["EIO", "store", "IO_FAILED"],
    ["EROFS", "store", "STORE_READ_ONLY"],
    ["EXDEV", "caller", "CROSS_FILESYSTEM"],
    ["EMFILE", "store", "LIMIT_EXCEEDED"],
    ["EFBIG", "store", "LIMIT_EXCEEDED"],
    ["EACCES", "store", "IO_FAILED"],
    ["EACCES", "caller", "FIELD_INVALID"],
    ["ENOENT", "store", "IO_FAILED"],
    ["ENOENT", "caller", "DIRECTORY_NOT_FOUND"],
    ["ENOTDIR", "caller", "FIELD_INVALID"],
    ["ELOOP", "caller", "FIELD_INVALID"],
    ["ENOTEMPTY", "caller", "DIRECTORY_NOT_EMPTY"],
  ];
  for (const [code, owner, reason] of expected) {
    const cause = systemError(code);
    const error = ioError(cause, { what: "write", path: "/p", owner });
    assert.ok(error instanceof StoreError);
    assert.equal(error.reason, reason, `${code} at a path of the ${owner}`);
    assert.ok(error.hint !== undefined && error.hint.length > 10);
    assert.equal(error.message, `cannot write: ${code}: some words: /p`);
    assert.equal(error.cause, cause);
    assert.equal(error.metadata["errno"], code);
    const fields = error.fields.map(({ field }) => field);
    assert.deepEqual(fields, reason === "FIELD_INVALID" ? ["directory"] : []);
    const aboutDirectory = /DIRECTORY|CROSS_FILESYSTEM/.test(reason);
    assert.deepEqual(
      error.resource,
      aboutDirectory ? { type: "directory", name: "/p" } : undefined,
    );
  }
});

test("an error that is not a system error passes unchanged", () => {
  const context = { what: "write", path: "/p" };
  const known = new StoreError("STORAGE_FULL", "full");
  assert.equal(ioError(known, context), known);
  const abort = AbortSignal.abort().reason as Error;
  assert.equal(ioError(abort, context), abort);
  const bug = new TypeError("bug");
  assert.equal(ioError(bug, context), bug);
});

test("errors of Node and of native calls are read in the same way", async () => {
  await withScratchDir(async (directory) => {
    await assert.rejects(
      withIoError({ what: "look", path: "x" }, () => lstat(`${directory}/absent`)),
      { reason: "IO_FAILED", message: "cannot look: ENOENT: no such file or directory: x" },
    );
    const error: unknown = await mkdir(directory).catch((reason: unknown) => reason);
    assert.equal(errnoCode(error), "EEXIST");
    assert.equal(isErrno(error, "ENOENT", "EEXIST"), true);
  });
  const native = await withIoError({ what: "seek", path: "fd" }, () =>
    Promise.resolve(seekData(9999, 0)),
  ).catch((reason: unknown) => reason);
  assert.ok(native instanceof StoreError);
  assert.equal(native.message, "cannot seek: EBADF: bad file descriptor: fd");
});
