// Waiting for what happens in the background and tells nobody.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

const intervalMs = 10;
/** Generous: it is only ever reached by a test that fails. */
const limitMs = 60_000;

/** Looks again and again until `look` gives a value other than undefined and false. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    assert.ok(performance.now() < end, `${what} did not come about within ${limitMs / 1000} s`);
    await pause(intervalMs);
  }
}
