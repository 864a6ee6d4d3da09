// Waits for background work that sends no notification.
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";

const intervalMs = 10;
/** The limit is long, because only a failing test reaches it. */
const limitMs = 60_000;

/** Calls `look` repeatedly until it returns a value other than undefined and false. */
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
