// Describes the owner of a file, and why the system denied access to it, for messages. The names
// come only from /etc/passwd and /etc/group.
import { readFileSync, statSync, type Stats } from "node:fs";
import { dirname, resolve } from "node:path";

export function userName(uid: number): string {
  return nameIn("/etc/passwd", uid);
}

export function groupName(gid: number): string {
  return nameIn("/etc/group", gid);
}

/** Returns a text such as `belongs to root:stasis (mode 0660)`. */
export function describeOwner({ uid, gid, mode }: Pick<Stats, "uid" | "gid" | "mode">): string {
  const bits = `0${(mode & 0o7777).toString(8).padStart(3, "0")}`;
  return `belongs to ${userName(uid)}:${groupName(gid)} (mode ${bits})`;
}

/**
 * Finds the place that denies this process access to `path`: the path itself if it is visible, and
 * otherwise the lowest visible directory above it.
 */
export function closedPlace(path: string): { readonly path: string; readonly stats: Stats } {
  for (let place = path; ; place = dirname(place)) {
    try {
      return { path: place, stats: statSync(place) };
    } catch (error) {
      if (place === dirname(place)) throw error;
    }
  }
}

/**
 * Returns a hint for an error by which the system denied access: what to do about it, and the owner
 * of the place that denies access. Undefined for any other error.
 */
export function denialHint(
  error: unknown,
  path: string,
  access: "read" | "write" | "run",
): string | undefined {
  if (!isDenial(error)) return undefined;
  const { path: place, stats } = closedPlace(resolve(path));
  const own = process.geteuid?.() ?? 0;
  const who = userName(own);
  const target = place === resolve(path) && access !== "write" ? "it" : "there";
  const action =
    own === 0 || own === stats.uid
      ? `See why ${who} may not ${access} ${target}: modes, attributes, or how it is mounted`
      : `Run this as ${userName(stats.uid)}, or let the user ${who} ${access} ${target}`;
  return `${action}; ${place} ${describeOwner(stats)}`;
}

function isDenial(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EACCES" || code === "EPERM";
}

/**
 * Returns metadata for an error about a local file: the name of the system error, if there is one.
 * By this metadata the CLI recognizes an error whose exit code is 10.
 */
export function errnoMetadata(error: unknown): Readonly<Record<string, string>> {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? { errno: code } : {};
}

/** Returns the name of an id, or the id itself if the file has no name for it or cannot be read. */
function nameIn(file: string, id: number): string {
  try {
    const lines = readFileSync(file, "utf8").split("\n");
    const entry = lines.map((line) => line.split(":")).find((parts) => parts[2] === String(id));
    return entry?.[0] ?? String(id);
  } catch {
    return String(id);
  }
}
