// Manages the file of a Unix socket: makes its directory, handles a file that is already there, and
// sets its permissions.
import { mkdirSync } from "node:fs";
import { chmod, chown, lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { StoreError } from "../base/errors.js";
import { denialHint, errnoMetadata } from "../base/owner.js";
import { groupId } from "../base/group-id.js";

/** `sun_path` of Linux's sockaddr_un has 108 bytes, the last of them NUL (unix(7)). */
const maxPathBytes = 107;

/** Makes the directory with mode 0700 if it is missing, and deletes a socket without a listener. */
export async function prepareSocketPath(path: string): Promise<void> {
  const bytes = Buffer.byteLength(path);
  if (bytes > maxPathBytes) {
    throw pathRefused(path, `a path of at most ${maxPathBytes} bytes`, `one of ${bytes} bytes`);
  }
  try {
    // The call is synchronous, because the promise of `mkdir` reports ENOENT on a disk without free
    // inodes (seen in Node 20).
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw socketFailed(`making the directory of the socket ${path}`, cause, path);
  }
  await removeStaleSocket(path);
}

/** The permissions of the socket's file. Connecting needs write permission. */
export interface SocketFile {
  /** Mode of the file. Default: 0600. */
  readonly mode?: number;
  /** Name or number of the group that owns the file. Default: unchanged. */
  readonly group?: string;
}

/**
 * Sets the group and the mode of the file, which decide who may connect. The group is set before
 * the mode lets the group connect.
 */
export async function restrictSocket(
  path: string,
  { mode = 0o600, group }: SocketFile = {},
): Promise<void> {
  if (group === undefined || group === "") return chmod(path, mode);
  await chmod(path, 0o600);
  const id = await groupId(group, "socket_group");
  await chown(path, -1, id).catch((cause: unknown) => {
    const hint = "The daemon's user must be a member of it, or root";
    throw new StoreError("FIELD_INVALID", `socket_group: cannot give the socket to ${group}`, {
      fields: [{ field: "socket_group", description: "expected a group of the daemon's user" }],
      hint,
      metadata: errnoMetadata(cause),
      cause,
    });
  });
  await chmod(path, mode);
}

/**
 * Returns the error of a failed operation. `path` is that of the socket's file, if the error
 * concerns one.
 */
export function socketFailed(doing: string, cause: unknown, path?: string): StoreError {
  const code = errorCode(cause) ?? String(cause);
  if (code !== "ENOSPC" && code !== "EDQUOT") {
    const hint = path === undefined ? undefined : denialHint(cause, path, "write");
    return new StoreError("IO_FAILED", `${doing}: ${code}`, {
      metadata: errnoMetadata(cause),
      ...(hint === undefined ? {} : { hint }),
      cause,
    });
  }
  return new StoreError("STORAGE_FULL", `${doing}: ${code}`, {
    hint: "Free space and inodes there, or put the socket on another filesystem",
    cause,
  });
}

export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

async function removeStaleSocket(path: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = (await lstat(path)).isSocket();
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return;
    throw socketFailed(`looking at the socket ${path}`, cause, path);
  }
  if (!isSocket) throw pathRefused(path, "a path that is free", "a file that is not a socket");
  if (await isListenedOn(path)) {
    const found = "a socket that another program listens on";
    throw pathRefused(
      path,
      "a path that is free",
      found,
      "Stop the daemon that has it, or choose another path",
    );
  }
  await unlink(path).catch((cause: unknown) => {
    if (errorCode(cause) === "ENOENT") return;
    throw socketFailed(`removing the stale socket ${path}`, cause, path);
  });
}

/**
 * Returns FIELD_INVALID for the path of the socket. The message has the whole path, which
 * `fieldInvalid` would cut.
 */
function pathRefused(
  path: string,
  expected: string,
  found: string,
  hint = "Choose another path",
): StoreError {
  const description = `expected ${expected}, got ${found}`;
  return new StoreError("FIELD_INVALID", `socket ${path}: ${description}`, {
    fields: [{ field: "socket", description }],
    hint,
  });
}

/**
 * Returns whether a process listens on the socket. ECONNREFUSED proves that the socket is stale,
 * and ENOENT that it is gone. Any other error counts as a live listener.
 */
function isListenedOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const answer = (live: boolean): void => {
      probe.destroy();
      resolve(live);
    };
    probe.once("connect", () => answer(true));
    probe.once("error", (error) =>
      answer(!["ECONNREFUSED", "ENOENT"].includes(errorCode(error) ?? "")),
    );
  });
}
