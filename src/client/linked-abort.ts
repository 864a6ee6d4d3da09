// An abort of our own that the caller's signal fires too. `AbortSignal.any` would do, but leaks in
// Node 20 when the caller's signal lives long.

export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(): void;
  /** Forgets the caller's signal. */
  release(): void;
}

export function linkAbort(outer: AbortSignal | undefined): LinkedAbort {
  const controller = new AbortController();
  const abort = (): void => controller.abort(outer?.reason);
  outer?.addEventListener("abort", abort, { once: true });
  if (outer?.aborted === true) abort();
  return {
    signal: controller.signal,
    abort,
    release: () => outer?.removeEventListener("abort", abort),
  };
}
