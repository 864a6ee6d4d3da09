// Sends the events of Watch as Server-Sent Events. A browser that reconnects continues after the
// last event that it received.
import { reasonOfError } from "../base/errors.js";
import type { LocalCaller, LocalCalls } from "../transport/local-call.js";
import type { StreamAnswer } from "./answer.js";
import { busy } from "./request.js";
import type { RouteRequest } from "./routes.js";

export interface Events {
  /**
   * Opens a stream of events. Throws TOO_MANY_STREAMS if too many are open. The stream ends when
   * the reader is gone or the daemon drains.
   */
  open(request: RouteRequest, caller: LocalCaller): StreamAnswer;
}

const method = "stasis.v1.SnapshotService/Watch";
/**
 * Time between heartbeats. It is below the idle time-out of connections, so that a stream without
 * events stays open.
 */
const heartbeatMs = 10_000;
const retryMs = 2000;

export function createEvents(calls: LocalCalls): Events {
  const open = new Map<string, number>();
  let total = 0;
  const change = (name: string, by: number): void => {
    total += by;
    const count = (open.get(name) ?? 0) + by;
    if (count === 0) open.delete(name);
    else open.set(name, count);
  };
  return {
    open(request, caller) {
      const { limits, signal, draining } = request;
      const { name, shared } = caller.identity;
      const most = shared === true ? limits.maxEventStreams : limits.maxEventStreamsPerIdentity;
      const isFull = total >= limits.maxEventStreams || (open.get(name) ?? 0) >= most;
      if (isFull) throw busy("event streams");
      const until = AbortSignal.any([signal, draining]);
      const resumeToken = resumeTokenOf(request);
      const messages = calls.stream(method, { resumeToken }, { ...caller, signal: until });
      change(name, 1);
      signal.addEventListener("abort", () => change(name, -1), { once: true });
      return { contentType: "text/event-stream", pieces: pieces(messages, until) };
    },
  };
}

function resumeTokenOf({ headers, query }: RouteRequest): string {
  const last = headers["last-event-id"];
  return typeof last === "string" ? last : (query.get("resume") ?? "");
}

/**
 * Yields events, and heartbeats between them. Several heartbeats may occur during the wait for one
 * event.
 */
async function* pieces(
  messages: AsyncIterable<unknown>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const events = messages[Symbol.asyncIterator]();
  yield `retry: ${retryMs}\n\n`;
  try {
    let next = events.next();
    // A failure is handled below. Until then, this keeps Node from reporting it as unhandled.
    next.catch(() => undefined);
    for (;;) {
      const quiet = silence(signal);
      const found = await Promise.race([next, quiet.over]);
      quiet.end();
      if (signal.aborted) return;
      if (found === "silence") {
        yield ": still here\n\n";
        continue;
      }
      if (found.done === true) return;
      yield eventText(found.value);
      next = events.next();
      next.catch(() => undefined);
    }
  } catch (error) {
    if (signal.aborted) return;
    const reason = reasonOfError(error);
    yield `event: refused\ndata: ${JSON.stringify({ reason })}\n\n`;
  } finally {
    // A waiting generator ends when its signal aborts, and this promise settles only then.
    void events.return?.().catch(() => undefined);
  }
}

function eventText(value: unknown): string {
  const { resumeToken } = value as { readonly resumeToken: string };
  return `id: ${resumeToken}\ndata: ${JSON.stringify(value)}\n\n`;
}

function silence(signal: AbortSignal): { readonly over: Promise<"silence">; end(): void } {
  let end = (): void => undefined;
  const over = new Promise<"silence">((resolve) => {
    const timer = setTimeout(() => end(), heartbeatMs);
    end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve("silence");
    };
    signal.addEventListener("abort", end, { once: true });
  });
  return { over, end: () => end() };
}
