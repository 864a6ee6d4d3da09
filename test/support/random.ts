// Generates numbers from a seed. The same seed gives the same numbers.

export interface Random {
  /** Returns an integer from 0 to `limit` - 1. */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/**
 * Makes a generator. `parts` select a separate stream of numbers, and streams of one seed do not
 * repeat each other.
 */
export function createRandom(...parts: readonly (number | string)[]): Random {
  // The FNV-1a hash of the parts seeds mulberry32, which passes the usual statistical tests.
  let state = 0x811c9dc5;
  for (const char of parts.join("/")) {
    state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (limit) => Math.floor(next() * limit),
    chance: (probability) => next() < probability,
    pick: <T>(from: readonly T[]) => from[Math.floor(next() * from.length)] as T,
  };
}
