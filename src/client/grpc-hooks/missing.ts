// Reports a client hook that does not find the internals of grpc-js for which it was written.

const reported = new Set<string>();

/** Emits one process warning per hook and process. */
export function reportMissing(hook: string, effect: string): void {
  if (reported.has(hook)) return;
  reported.add(hook);
  const text = `the hook ${hook} into grpc-js did not attach: ${effect}`;
  process.emitWarning(text, { type: "StasisWarning", code: "STASIS_HOOK_MISSING" });
}
