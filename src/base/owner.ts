// Describes the owner of a file by name, for messages. It reads only the machine's own files of
// users and groups.
import { readFileSync, statSync, type Stats } from "node:fs";
import { dirname } from "node:path";

export function userName(uid: number): string {
  return nameIn("/etc/passwd", uid);
}

export function groupName(gid: number): string {
  return nameIn("/etc/group", gid);
}

/** `belongs to root:stasis (mode 0660)`. */
export function describeOwner({ uid, gid, mode }: Pick<Stats, "uid" | "gid" | "mode">): string {
  const bits = `0${(mode & 0o7777).toString(8).padStart(3, "0")}`;
  return `belongs to ${userName(uid)}:${groupName(gid)} (mode ${bits})`;
}

/**
 * Finds what denies this process access to `path`: the path itself if it is visible, otherwise the
 * lowest directory above it that is.
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

/** Returns the number if the file has no name for it. */
function nameIn(file: string, id: number): string {
  try {
    const lines = readFileSync(file, "utf8").split("\n");
    const entry = lines.map((line) => line.split(":")).find((parts) => parts[2] === String(id));
    return entry?.[0] ?? String(id);
  } catch {
    return String(id);
  }
}
