// Counts the running uploads by the prefix of their names, which tells who uploads most.
import type { Activity } from "./model.js";

/** Returns the names up to their first slash, those with the most uploads first. */
export function countByPrefix(uploads: Activity["uploads"]): (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { name } of uploads) {
    const prefix = /^[^/]*\//.exec(name)?.[0] ?? "others";
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}
