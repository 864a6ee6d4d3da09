// Checks that other users cannot change the root directory of the store: they cannot write to it,
// own it, or replace it. The user root is trusted, because root can do all of that anyway.
import { chmodSync, lstatSync, readFileSync, statSync, type Stats } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { StoreError } from "../base/errors.js";
import { ioError, isErrno } from "../holes/errno.js";

const groupWrites = 0o020;
const othersWrite = 0o002;
/**
 * The sticky bit, as on /tmp: only the owner of an entry or of the directory can rename or delete
 * it.
 */
const sticky = 0o1000;
/** The modes that the root may have. With 0710, the group that may read stored data can pass. */
const rootModes: readonly number[] = [0o700, 0o710];

/**
 * Throws ROOT_UNSAFE if another user can change the root. If others can only read it and it belongs
 * to this user, this takes that right from them. `root` is real and exists.
 */
export function requirePrivateRoot(root: string): void {
  const stat = lookAt(root);
  if (stat === undefined) return;
  const own = ownUid();
  if (!isTrusted(stat.uid, own)) {
    const owner = `it belongs to the user with id ${stat.uid}, and this process runs as ${own}`;
    throw unsafe(
      root,
      owner,
      `Run stasis as that user, or give the directory to this one: chown -R ${own} ${root}`,
    );
  }
  const writers = otherWriters(stat);
  if (writers !== undefined) {
    const hint = `Look for what they may have left there, then close it: chmod 700 ${root}`;
    throw unsafe(root, `${writers} can write to it`, hint);
  }
  if (stat.uid === own && !rootModes.includes(stat.mode & 0o777)) close(root);
}

/**
 * Throws ROOT_UNSAFE if another user can replace the path or a directory above it. Skips
 * directories that are missing.
 */
export function requirePrivateParents(path: string): void {
  const own = ownUid();
  for (let entry = path; entry !== dirname(entry); entry = dirname(entry)) {
    const link = lookAt(entry, lstatSync);
    if (link?.isSymbolicLink() === true && !isTrusted(link.uid, own)) {
      const problem = `the symbolic link ${entry} belongs to the user with id ${link.uid}`;
      throw unsafe(path, `${problem}, who can make it lead elsewhere`, elsewhere);
    }
    const parent = dirname(entry);
    const stat = lookAt(parent);
    if (stat !== undefined) requireSafeParent(path, parent, stat, own);
  }
}

function requireSafeParent(path: string, parent: string, stat: Stats, own: number): void {
  if (!isTrusted(stat.uid, own)) {
    const owner = `the directory ${parent} belongs to the user with id ${stat.uid}`;
    throw unsafe(path, `${owner}, who can put another one in its place`, elsewhere);
  }
  // The sticky bit suffices, because each directory on the way is checked in turn and belongs to
  // this user or to root.
  if ((stat.mode & sticky) !== 0) return;
  const writers = otherWriters(stat);
  if (writers === undefined) return;
  const problem = `${writers} can write to ${parent}, and put another one in its place`;
  throw unsafe(
    path,
    problem,
    `Close that directory (chmod go-w ${parent}), or choose another root`,
  );
}

const elsewhere =
  "Choose a root below directories that belong to root or to the user who runs stasis";

function isTrusted(uid: number, own: number): boolean {
  return uid === own || uid === 0 || (uid === overflowUid() && isInUserNamespace());
}

/**
 * Describes the other users who can write to the directory. Returns undefined if nobody else can.
 */
function otherWriters({ mode, gid }: Stats): string | undefined {
  if ((mode & othersWrite) !== 0) return "all users";
  if ((mode & groupWrites) !== 0 && !isOwnGroup(gid)) return `the group with id ${gid}`;
  return undefined;
}

/**
 * Returns whether only this user and root are in a group, by passwd(5) and group(5). The group must
 * have the user's name or the id 0. A group that group(5) does not name counts if this process is
 * in it, as in containers with volumes.
 */
function isOwnGroup(gid: number): boolean {
  const own = ownUid();
  const users = entries("/etc/passwd");
  const name = users.find(([, , uid]) => uid === String(own))?.[0] ?? ownUserName();
  const isOther = (user: string): boolean => user !== "" && user !== name && user !== "root";
  const shared = users.some(([user = "", , , group]) => group === String(gid) && isOther(user));
  if (shared) return false;
  const group = entries("/etc/group").find(([, , id]) => id === String(gid));
  if (group === undefined) return process.getgroups?.().includes(gid) === true;
  const [groupName, , , members = ""] = group;
  return (groupName === name || gid === 0) && !members.split(",").some(isOther);
}

function entries(file: string): string[][] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.split(":"));
  } catch {
    return [];
  }
}

function ownUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return "";
  }
}

function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

/** Returns the id that stat(2) shows for users without a number in this user namespace. */
function overflowUid(): number {
  return Number(read("/proc/sys/kernel/overflowuid", "65534"));
}

/**
 * Returns whether this process is in a user namespace. There, the real root, who owns the
 * directories above, has the overflow id.
 */
function isInUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(read("/proc/self/uid_map", "0 0 4294967295"));
}

function read(path: string, fallback: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return fallback;
  }
}

/** Returns the attributes of a path, or undefined if nothing exists there. */
function lookAt(path: string, look: (path: string) => Stats = statSync): Stats | undefined {
  try {
    return look(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw ioError(error, { what: "look at the store's directory", path });
  }
}

function close(root: string): void {
  try {
    chmodSync(root, 0o700);
  } catch (error) {
    // On a read-only filesystem the mode stays. Others can read names in the root, but nothing
    // else.
    if (!isErrno(error, "EROFS")) throw ioError(error, { what: "close the root", path: root });
  }
}

function unsafe(root: string, problem: string, hint: string): StoreError {
  return new StoreError("ROOT_UNSAFE", `the root ${root} is not safe: ${problem}`, {
    hint,
    resource: { type: "directory", name: root },
  });
}
