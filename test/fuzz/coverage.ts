// Holds the counters of the instrumented modules, and decides whether an input reached a new
// branch.

declare global {
  /** Each instrumented module calls this when it is loaded; see instrument.ts. */
  var fuzzModule: (counters: number, literals: readonly string[]) => Uint32Array;
}

export interface Coverage {
  /** The literals of the modules, from which inputs are built. */
  readonly literals: readonly string[];
  /** Resets the counts of the last input. */
  reset(): void;
  /**
   * Returns true if a branch ran for the first time or, unless the coverage is coarse, with a new
   * frequency. Records the frequencies of all branches.
   */
  isNew(): boolean;
  /** Returns the number of branches that ran at least once, and the total. */
  reached(): { readonly branches: number; readonly of: number };
}

/**
 * Collects the coverage. Call this before the modules are loaded. If `coarse` is true, the number
 * of runs of a branch does not matter.
 */
export function collectCoverage(coarse: boolean): Coverage {
  const modules: { readonly counts: Uint32Array; readonly seen: Uint8Array }[] = [];
  const literals: string[] = [];
  globalThis.fuzzModule = (counters, told) => {
    const counts = new Uint32Array(counters);
    modules.push({ counts, seen: new Uint8Array(counters) });
    literals.push(...told);
    return counts;
  };
  return {
    literals,
    reset: () => modules.forEach(({ counts }) => counts.fill(0)),
    isNew() {
      let found = false;
      for (const { counts, seen } of modules) {
        for (let index = 0; index < counts.length; index++) {
          const count = counts[index] ?? 0;
          if (count === 0) continue;
          const bit = coarse ? 1 : 1 << magnitude(count);
          const before = seen[index] ?? 0;
          if ((before & bit) !== 0) continue;
          seen[index] = before | bit;
          found = true;
        }
      }
      return found;
    },
    reached() {
      const ran = modules.map(({ seen }) => seen.filter((bits) => bits !== 0).length);
      const all = modules.map(({ seen }) => seen.length);
      return { branches: sum(ran), of: sum(all) };
    },
  };
}

/** Returns the order of magnitude of a count, as a number from 0 to 7. */
function magnitude(count: number): number {
  if (count <= 3) return count - 1;
  return Math.min(7, 1 + Math.floor(Math.log2(count)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
