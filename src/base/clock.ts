// Time, injected so that tests and the domain agree on it.

export interface Clock {
  /** Wall time. May jump; used only for what people read and for ages that are stored. */
  now(): Date;
  /** Monotonic milliseconds. Never goes back; used for leases, timeouts and rates. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};
