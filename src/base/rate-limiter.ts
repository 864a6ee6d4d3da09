// Limits the number of events per second, for log lines that could otherwise fill the disk.

export interface RateLimiter {
  /**
   * Returns the number of events that were refused since the last accepted one. Undefined if this
   * event is refused.
   */
  take(): number | undefined;
}

export function createRateLimiter(perSecond: number): RateLimiter {
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
