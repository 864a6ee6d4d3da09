// Writes the access log: one line for each call, when the call has ended. docs/metrics.md explains
// which level a line has, and why.
import { createRateLimiter, type RateLimiter } from "../base/rate-limiter.js";
import type { StoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import type { Identity } from "../model/access.js";
import type { Traffic } from "../observe/ports.js";
import type { MethodRule } from "./auth/role-table.js";
import { fieldsOf, headerOf, maxLoggedText } from "./auth/logged-message.js";

/**
 * all      every call
 * changes  calls that change something, and calls that fail; other calls with log_level debug
 * off      no calls
 */
export type AccessLogChoice = "all" | "changes" | "off";

interface EndedCall extends Traffic {
  readonly seconds: number;
  readonly failure: StoreError | undefined;
  /** Empty if the call is not traced. */
  readonly traceId: string;
}

interface AccessRecord {
  caller(identity: Identity): void;
  /**
   * Stores the message from which the line takes the name of its object: the only request of the
   * call, or the first message of a stream of requests.
   */
  request(message: unknown): void;
  end(call: EndedCall): void;
}

export interface AccessLog {
  begin(rule: MethodRule, method: string, peer: string): AccessRecord;
}

const ignored: AccessRecord = {
  caller: () => undefined,
  request: () => undefined,
  end: () => undefined,
};

/**
 * Maximum number of lines per second, for each of two groups of failed calls. One group is all
 * failed calls of strangers. The other is the failed reads and TOO_MANY_STREAMS refusals of all
 * identities together. Without these limits, a caller that repeats such a call could fill the disk.
 */
const maxFailuresPerSecond = 20;

export function createAccessLog(logger: Logger, choice: AccessLogChoice): AccessLog {
  if (choice === "off") return { begin: () => ignored };
  const limits = {
    strangers: createRateLimiter(maxFailuresPerSecond),
    known: createRateLimiter(maxFailuresPerSecond),
  };
  return {
    begin(rule, method, peer) {
      let who: Identity | undefined;
      let what: unknown;
      return {
        caller: (identity) => (who = identity),
        request: (message) => (what = message),
        end(call) {
          const level = choice === "all" ? "info" : levelOf(rule, call.failure);
          if (!logger.isLevelEnabled(level)) return;
          const leftOut = leftOutBefore(limits, rule, who, call.failure);
          if (leftOut === undefined) return;
          const { name = "", role = "" } = who ?? {};
          const line = { access: true, who: name, role, peer, method, ...refOf(what) };
          logger[level](
            { ...line, ...figuresOf(call), ...(leftOut > 0 ? { leftOut } : {}) },
            "call",
          );
        },
      };
    },
  };
}

/**
 * Returns the level of the line. A cancelled read is not a failure, because every watcher
 * disconnects at some time.
 */
function levelOf({ changes }: MethodRule, failure: StoreError | undefined): "info" | "debug" {
  if (changes) return "info";
  return failure === undefined || failure.code === "CANCELLED" ? "debug" : "info";
}

/**
 * Returns the number of lines that were left out before this line. Undefined if this line is left
 * out too.
 */
function leftOutBefore(
  limits: { readonly strangers: RateLimiter; readonly known: RateLimiter },
  { changes }: MethodRule,
  who: Identity | undefined,
  failure: StoreError | undefined,
): number | undefined {
  if (failure === undefined) return 0;
  if (who === undefined || who.name === "") return limits.strangers.take();
  return changes && failure.reason !== "TOO_MANY_STREAMS" ? 0 : limits.known.take();
}

function figuresOf({ receivedBytes, sentBytes, seconds, failure, traceId }: EndedCall) {
  const incident = failure?.metadata["incident"];
  return {
    receivedBytes,
    sentBytes,
    seconds: Math.round(seconds * 1e6) / 1e6,
    code: failure?.code ?? "OK",
    ...(failure === undefined ? {} : { reason: failure.reason }),
    ...(incident === undefined ? {} : { incident }),
    ...(traceId === "" ? {} : { traceId }),
  };
}

/**
 * The fields that can name the object of a call. The log line shows the first of them that the
 * request has.
 */
const subjects = ["ref", "name", "directory", "digest", "sessionId"] as const;

function refOf(message: unknown): { readonly ref?: string } {
  const header = headerOf(message);
  const refs = header["refs"];
  const found = [
    ...subjects.map((key) => header[key]),
    fieldsOf(header["config"])["name"],
    ...(Array.isArray(refs) ? (refs as unknown[]).slice(0, 1) : []),
  ].find((value) => typeof value === "string" && value !== "") as string | undefined;
  return found === undefined ? {} : { ref: found.slice(0, maxLoggedText) };
}
