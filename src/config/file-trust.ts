// Finds users other than root and the daemon's user who can change a file that the daemon relies
// on. Also finds secret files that every user can read.
import { realpathSync, statSync, type Stats } from "node:fs";
import { dirname } from "node:path";

/**
 * Returns the problems of the file and of the directories above it, in words. Empty if there are no
 * problems, or if the file is absent. With `secret`, it is a problem too if every user can read the
 * file.
 */
export function trustProblems(
  path: string,
  { secret = false }: { readonly secret?: boolean } = {},
): readonly string[] {
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return [];
  }
  const stat = statSync(real, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  const readable = secret && (stat.mode & 0o004) !== 0 ? ["every user can read it"] : [];
  return [...changers(stat).map((who) => `${who} can change it`), ...readable, ...replacers(real)];
}

/** Returns the users who can replace the file through a directory on its path. */
function replacers(path: string): string[] {
  const problems: string[] = [];
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    const stat = statSync(directory, { throwIfNoEntry: false });
    // In a sticky directory, such as /tmp, only the owner of a file can move it away.
    if (stat !== undefined && !isSticky(stat)) {
      problems.push(...changers(stat).map((who) => `${who} can replace it in ${directory}`));
    }
    if (directory === "/") return problems;
  }
}

function isSticky({ mode, uid }: Stats): boolean {
  return (mode & 0o1000) !== 0 && isTrusted(uid);
}

function changers({ mode, uid, gid }: Stats): string[] {
  return [
    ...((mode & 0o002) === 0 ? [] : ["every user"]),
    ...((mode & 0o020) === 0 ? [] : [`group ${gid}`]),
    ...(isTrusted(uid) ? [] : [`user ${uid}`]),
  ];
}

function isTrusted(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}
