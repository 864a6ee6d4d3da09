// Counts the calls of a model run by kind and outcome.
import type { Call } from "./history.js";

export interface Tally {
  add(calls: readonly Call[]): void;
  calls(): number;
  /** Returns true if a call of this kind succeeded. */
  succeeded(kind: string): boolean;
  table(): string;
}

export function createTally(): Tally {
  const counts = new Map<string, Map<string, number>>();
  let total = 0;
  const add = ({ done, repeats, outcome }: Call): void => {
    total += 1;
    const kind = repeats === undefined ? done.kind : "repeat";
    const what = outcome.kind === "ok" ? "ok" : outcome.reason;
    const row = counts.get(kind) ?? new Map<string, number>();
    counts.set(kind, row.set(what, (row.get(what) ?? 0) + 1));
  };
  return {
    add: (calls) => calls.forEach(add),
    calls: () => total,
    succeeded: (kind) => (counts.get(kind)?.get("ok") ?? 0) > 0,
    table: () =>
      [...counts]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([kind, row]) => {
          const cells = [...row].sort(([, a], [, b]) => b - a).map(([what, n]) => `${what} ${n}`);
          return `${kind.padEnd(9)} ${cells.join(", ")}`;
        })
        .join("\n"),
  };
}
