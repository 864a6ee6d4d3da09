// So many of something a second, and no more: for lines of the log that strangers can cause.

export interface Budget {
  /** How many were refused since the last that was not, or undefined to refuse. */
  take(): number | undefined;
}

export function createBudget(perSecond: number): Budget {
  let second = 0;
  let taken = 0;
  let refused = 0;
  return {
    take() {
      const now = Math.floor(performance.now() / 1000);
      if (now !== second) taken = 0;
      second = now;
      if (taken >= perSecond) {
        refused += 1;
        return undefined;
      }
      taken += 1;
      const before = refused;
      refused = 0;
      return before;
    },
  };
}
