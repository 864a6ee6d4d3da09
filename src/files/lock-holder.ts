// Reads and writes lock.info, which identifies the daemon that serves the store, as one JSON
// object. Messages name the holder from this file. Where the filesystem does not forward locks, the
// file also reveals a second daemon. After a stop the file stays, with `endedAt`.
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";
import { isErrno } from "../holes/errno.js";
import { readStart } from "./small-text.js";

/** The fields that an older stasis also writes. They suffice for a message. */
const shownSchema = z.object({ pid: z.number(), host: z.string(), startedAt: z.string() });

const holderSchema = shownSchema.extend({
  /** A random text by which a holder recognizes its own file. */
  nonce: z.string(),
  /** Id of the kernel's boot. */
  bootId: z.string(),
  pidNamespace: z.string(),
  /**
   * The time when the process began, in clock ticks since boot. The PID alone is not enough,
   * because PIDs are reused.
   */
  processStart: z.string(),
  /**
   * Device and inode of the root. A copy of a store also contains a copy of this file, and the
   * copy's root differs.
   */
  root: z.string(),
  endedAt: z.string().optional(),
});

export type LockHolder = z.infer<typeof holderSchema>;
export type ShownHolder = z.infer<typeof shownSchema>;

export function describeSelf(root: string): LockHolder {
  return {
    pid: process.pid,
    host: hostname(),
    startedAt: new Date().toISOString(),
    nonce: randomBytes(16).toString("hex"),
    bootId: readText("/proc/sys/kernel/random/boot_id").trim(),
    pidNamespace: pidNamespace(),
    processStart: processStart(process.pid) ?? "",
    root: deviceAndInodeOf(root),
  };
}

/** Returns device and inode of the file at a path. Empty if nothing exists there. */
export function deviceAndInodeOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.dev}:${stat.ino}`;
}

const maxInfoBytes = 4096;

/**
 * Returns the text of the file: undefined if there is no file, and empty if the file cannot be read
 * or is not a regular file. A symbolic link is not followed.
 */
export function readHolderText(path: string): string | undefined {
  try {
    return readStart(path, maxInfoBytes);
  } catch (error) {
    return isErrno(error, "ENOENT") ? undefined : "";
  }
}

/**
 * Parses the fields that messages need. Returns undefined if the text does not describe a holder.
 */
export function parseShownHolder(text: string | undefined): ShownHolder | undefined {
  return parse(shownSchema, text);
}

/**
 * Parses all fields. Returns undefined if the text does not describe a holder or was written by an
 * older stasis.
 */
export function parseHolder(text: string | undefined): LockHolder | undefined {
  return parse(holderSchema, text);
}

function parse<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  try {
    const { success, data } = schema.safeParse(JSON.parse(text ?? ""));
    return success ? data : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Replaces the file by rename, so that no link is followed and no reader sees a partly written
 * file. If the disk has no space for a new file, this overwrites the bytes of the existing file.
 * Returns false if neither is possible.
 */
export function writeHolder(path: string, holder: LockHolder): boolean {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const text = `${JSON.stringify(holder)}\n`;
  const temporary = `${path}.tmp`;
  try {
    rmSync(temporary, { force: true });
    writeText(temporary, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, text);
    renameSync(temporary, path);
    return true;
  } catch {
    removeQuietly(temporary);
  }
  try {
    const { size } = lstatSync(path);
    // The file is not truncated: another program could take the freed space before the text is
    // written again.
    writeText(path, O_NOFOLLOW | O_WRONLY, text.padEnd(size));
    return true;
  } catch {
    return false;
  }
}

function writeText(path: string, flags: number, text: string): void {
  const descriptor = openSync(path, flags, 0o600);
  try {
    if (writeSync(descriptor, text) < Buffer.byteLength(text)) throw new Error("it was cut");
  } finally {
    closeSync(descriptor);
  }
}

export function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A file that cannot be deleted does no harm: it only describes a holder that has ended.
  }
}

/**
 *   alive    that process runs now
 *   ended    it has ended, or the file was written for another store
 *   unknown  it ran on another machine, or in a container whose processes are not visible here
 */
type Liveness = "alive" | "ended" | "unknown";

/**
 * Returns whether the holder is alive. `ownNonces` are the nonces of the locks that this process
 * holds.
 */
export function livenessOf(
  holder: LockHolder | undefined,
  self: LockHolder,
  ownNonces: ReadonlySet<string>,
): Liveness {
  if (holder === undefined || holder.endedAt !== undefined) return "ended";
  if (holder.bootId !== self.bootId) return "unknown";
  if (holder.root !== self.root) return "ended";
  if (holder.pidNamespace !== self.pidNamespace) return "unknown";
  if (holder.pid === self.pid) return ownNonces.has(holder.nonce) ? "alive" : "ended";
  return processStart(holder.pid) === holder.processStart ? "alive" : "ended";
}

/**
 * Returns the start time of a process, or undefined if there is no such process, or if it has ended
 * and its parent has not reaped it yet.
 */
function processStart(pid: number): string | undefined {
  const text = readText(`/proc/${pid}/stat`);
  // The program's name, in parentheses, may contain any character.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = ""] = fields;
  return ["", "Z", "X"].includes(state) ? undefined : fields[19];
}

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
