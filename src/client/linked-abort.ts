// Makes an abort controller that the caller's signal also triggers. `AbortSignal.any` would do the
// same, but leaks in Node 20 if the caller's signal lives long.

export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(): void;
  /** Detaches the controller from the caller's signal. */
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
