// Handles signals: the first one cancels the running call, the second one ends the program at once.
import { constants } from "node:os";

interface Interruption {
  /** Aborts on the first signal. */
  readonly signal: AbortSignal;
  /** The first received signal, if any. */
  readonly received: NodeJS.Signals | undefined;
}

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
let current: Interruption | undefined;

let consequence: (() => string) | undefined;

/**
 * Registers an explanation of an interruption for the running command, for example "nothing was
 * stored".
 */
export function explainInterruption(explain: () => string): void {
  consequence = explain;
}

/**
 * Returns a text such as `interrupted by SIGINT: nothing was stored`. Undefined if no signal
 * arrived.
 */
export function interruptionText(): string | undefined {
  const received = current?.received;
  if (received === undefined) return undefined;
  const what = consequence?.();
  return `interrupted by ${received}${what === undefined ? "" : `: ${what}`}`;
}

/** Returns the interruption of the whole program. The first call starts listening for signals. */
export function interruption(): Interruption {
  current ??= listen();
  return current;
}

/** Returns 128 plus the signal's number. Undefined if no signal arrived. */
export function interruptedExitCode(): number | undefined {
  const received = current?.received;
  return received === undefined ? undefined : 128 + constants.signals[received];
}

function listen(): Interruption {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  for (const name of signals) {
    process.on(name, () => {
      if (received !== undefined) process.exit(128 + constants.signals[name]);
      received = name;
      controller.abort(new Error(`interrupted by ${name}`));
    });
  }
  return {
    signal: controller.signal,
    get received() {
      return received;
    },
  };
}
