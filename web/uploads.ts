// Counts the running uploads by the prefix of their names, to show who uploads most.
import type { Activity } from "./model.js";

/**
 * Returns the prefixes of names, up to the first slash, each with its number of uploads. The prefix
 * with the most uploads comes first. Names without a slash count as `others`.
 */
export function countByPrefix(uploads: Activity["uploads"]): (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { name } of uploads) {
    const prefix = /^[^/]*\//.exec(name)?.[0] ?? "others";
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}
