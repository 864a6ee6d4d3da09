// Reports hooks that did not find the internals that they were written for.
//
// If a hook does not attach, the daemon continues to work, slower or with one protection less. The
// log then says so once per hook, on the first connection or call that shows it.
import type { Logger } from "../../base/logger.js";

/** The hooks that report here, each with what the daemon loses without it. */
const lost = {
  "message-assembler":
    "uploads cost more CPU time, and a caller can make the daemon hold many small pieces",
  "socket-reading": "connections whose streams are refused again and again are not slowed down",
  "arriving-bytes": "bytes of unfinished requests are not counted against max_request_bytes",
  "call-mark": "calls cannot be matched with their streams, and are refused",
} as const;

type HookName = keyof typeof lost;

export interface Attachments {
  /** Call it when `hook` did not attach. Logs one warning per hook. */
  missing(hook: HookName): void;
}

export function createAttachments(logger: Logger): Attachments {
  const reported = new Set<HookName>();
  return {
    missing(hook) {
      if (reported.has(hook)) return;
      reported.add(hook);
      logger.warn(
        { hook, effect: lost[hook] },
        "a hook into grpc-js or node:http2 did not attach: use the versions that stasis is tested with",
      );
    },
  };
}
