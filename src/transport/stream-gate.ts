// Decides about a stream before grpc-js sees it. The gate checks the size of the headers, the
// caller's identity and the free capacity, and decides when the stream begins. Refusing a stream
// here costs a tenth of what a refusal by grpc-js costs.
import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { StoreError } from "../base/errors.js";
import type { Occupancy } from "../observe/figures.js";
import { kib } from "../base/sizes.js";
import type { Arrivals } from "./arrivals.js";
import type { Caller, Callers } from "./callers.js";
import { answerAtOnce, answerEarly } from "./grpc-hooks/early-answer.js";
import { enhanceYourCalm } from "./grpc-hooks/error-codes.js";
import { headerBytes } from "./grpc-hooks/header-bytes.js";
import { limitLinger } from "./grpc-hooks/linger.js";
import type { Peer } from "./grpc-hooks/windows.js";
import { createReadingPace } from "./reading-pace.js";
import type { RequestBytes } from "./request-bytes.js";
import { createSemaphore, tooMany, type ExceededLimit, type Owner } from "./semaphore.js";
import { wireStatus, type WireStatus } from "./status.js";
import { createStreamScheduler } from "./stream-scheduler.js";

export interface StreamLimits {
  /** Header bytes of one stream, as RFC 9113 counts them: name, value and 32 for each header. */
  readonly maxMetadataBytes: number;
  /** Header bytes of all open streams of a connection. */
  readonly maxConnectionMetadataBytes: number;
  /** Header bytes of all open streams of all connections. */
  readonly maxTotalMetadataBytes: number;
  /**
   * Maximum number of concurrent streams on all connections, including answered ones that are not
   * closed yet.
   */
  readonly maxOpenStreams: number;
  /** Maximum number of concurrent streams of all strangers together. */
  readonly maxStrangerStreams: number;
  /** Longest time for which a client may continue to send after its call was answered. */
  readonly lingerMs: number;
}

interface StreamGateOptions {
  readonly limits: StreamLimits;
  readonly callers: Callers;
  readonly arrivals: Arrivals;
  readonly requests: RequestBytes;
  /** Returns whether the call at this path has a single request. */
  readonly keepsRequest: (path: string) => boolean;
  /**
   * Returns the reason to refuse a call, if any. `path` is the `:path` header. The gate calls this
   * function right before the call begins.
   */
  readonly refusalOf: (path: string, caller: Caller, peer: string) => StoreError | undefined;
  /** Called when the gate refuses a stream for one of its own limits. */
  readonly onExceeded: (exceeded: ExceededLimit) => void;
  /** Called once per connection, when its client may soon need more streams than it may open. */
  readonly onBusy: (session: ServerHttp2Session) => void;
}

/**
 * The number of open streams at which a connection is busy, and its stream limit is raised. The
 * number is below the first limit, so that the client does not reach that limit before it is
 * raised.
 */
const busyStreams = 80;

export interface StreamGate {
  /**
   * Decides about a stream. Calls `begin` now, later or never, and may change `headers` before
   * that.
   */
  take(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    begin: () => void,
  ): void;
  occupancy(): readonly Occupancy[];
  /**
   * Returns the number of streams that wait to begin, and of connections that are not read for a
   * while.
   */
  queues(): Readonly<Record<"stream_start" | "reading_pace", number>>;
}

export function createStreamGate(options: StreamGateOptions): StreamGate {
  const { limits, callers, arrivals, requests, keepsRequest, refusalOf } = options;
  const scheduler = createStreamScheduler();
  const statusOf = rememberLast(wireStatus);
  const capacity = createStreamCapacity(limits);
  const oversized = createOversized();
  const busy = createBusy(options.onBusy);
  const pace = createReadingPace();

  function refuse(stream: ServerHttp2Stream, { identity }: Caller, error: StoreError): void {
    const status = statusOf(error);
    // The stranger has already been charged for the stream.
    if (identity === undefined || !pace.charge(stream.session, identity)) {
      answerAtOnce(stream, status);
      return;
    }
    limitLinger(stream, limits.lingerMs);
    answerEarly(stream, status);
  }

  return {
    occupancy: () => [...capacity.occupancy(), requests.occupancy()],
    queues: () => ({ stream_start: scheduler.waiting(), reading_pace: pace.paused() }),
    take(stream, headers, rawHeaders, begin) {
      // This listener is needed until grpc-js listens. Without one, a reset would end the process.
      stream.on("error", () => undefined);
      if (stream.closed || stream.destroyed) return;
      const bytes = headerBytes(rawHeaders);
      if (bytes > limits.maxMetadataBytes) {
        oversized.met(stream);
        return;
      }
      const caller = callers.identify(stream, headers);
      const { identity } = caller;
      if (identity === undefined) pace.charge(stream.session, identity);
      const exceeded = capacity.take(stream, identity, bytes);
      if (exceeded !== undefined) {
        options.onExceeded(exceeded);
        // Answering thousands of strangers would take time from known callers.
        if (identity === undefined) stream.close(enhanceYourCalm);
        else refuse(stream, caller, tooMany(exceeded));
        return;
      }
      const path = String(headers[":path"]);
      const peer = peerOf(stream.session?.socket);
      const request = requests.open(stream, { owner: identity, keepsRequest: keepsRequest(path) });
      arrivals.add({ stream, caller, request }, headers);
      scheduler.schedule(stream, caller.isKnown, () => {
        const refusal = refusalOf(path, caller, peer);
        if (refusal !== undefined) {
          refuse(stream, caller, refusal);
          return;
        }
        if (identity !== undefined) busy.begun(stream);
        begin();
      });
    },
  };
}

/**
 * Returns the peer of the connection for logs: the remote address, `:` and the port, or `unix` if
 * there is no remote port. An IPv6 address has no brackets.
 */
function peerOf(socket: Peer | undefined): string {
  if (socket?.remotePort === undefined) return "unix";
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function createBusy(onBusy: (session: ServerHttp2Session) => void) {
  const ofConnection = new WeakMap<object, { streams: number; told: boolean }>();
  return {
    begun(stream: ServerHttp2Stream): void {
      const session = stream.session as ServerHttp2Session | undefined;
      if (session === undefined) return;
      const state = ofConnection.get(session) ?? { streams: 0, told: false };
      ofConnection.set(session, state);
      state.streams++;
      stream.once("close", () => state.streams--);
      if (state.streams < busyStreams || state.told) return;
      state.told = true;
      onBusy(session);
    },
  };
}

interface StreamCapacity {
  /** Counts the stream until it closes. Returns the limit that the stream would exceed, if any. */
  take(stream: ServerHttp2Stream, owner: Owner, headerBytes: number): ExceededLimit | undefined;
  occupancy(): readonly Occupancy[];
}

function createStreamCapacity(limits: StreamLimits): StreamCapacity {
  const { maxOpenStreams, maxStrangerStreams, maxMetadataBytes } = limits;
  const streams = createSemaphore({
    what: "streams",
    max: maxOpenStreams,
    strangers: maxStrangerStreams,
  });
  const headers = createSemaphore({
    what: "KiB of headers",
    max: limits.maxTotalMetadataBytes / kib,
    strangers: (maxStrangerStreams * maxMetadataBytes) / kib,
  });
  const ofConnection = new WeakMap<object, number>();

  return {
    occupancy: () => [streams.occupancy(), headers.occupancy()],
    take(stream, owner, bytes) {
      const { session } = stream;
      if (session === undefined) return undefined;
      const onConnection = (ofConnection.get(session) ?? 0) + bytes;
      if (onConnection > limits.maxConnectionMetadataBytes) {
        const limit = limits.maxConnectionMetadataBytes / kib;
        return { what: "KiB of headers on this connection", limit };
      }
      const exceeded = streams.exceededBy(owner) ?? headers.exceededBy(owner, bytes / kib);
      if (exceeded !== undefined) return exceeded;
      streams.acquire(owner);
      headers.acquire(owner, bytes / kib);
      ofConnection.set(session, onConnection);
      stream.once("close", () => {
        streams.release(owner);
        headers.release(owner, bytes / kib);
        ofConnection.set(session, (ofConnection.get(session) ?? bytes) - bytes);
      });
      return undefined;
    },
  };
}

/**
 * Maximum number of streams with too large headers on one connection, which is closed after that.
 * If a client has seen the settings, such streams never get here, because Node itself resets them.
 * An honest client that has not seen the settings yet may have sent a few such streams.
 */
const maxOversized = 8;

function createOversized(): { met(stream: ServerHttp2Stream): void } {
  const ofConnection = new WeakMap<object, number>();
  return {
    met(stream) {
      stream.close(enhanceYourCalm);
      const { session } = stream;
      if (session === undefined) return;
      const count = (ofConnection.get(session) ?? 0) + 1;
      ofConnection.set(session, count);
      if (count <= maxOversized) return;
      const error = new Error("the client sent header lists over the limit of the settings");
      session.destroy(error, enhanceYourCalm);
    },
  };
}

/**
 * Returns a function that caches one status. Encoding a status costs more than the rest of a
 * refusal, and most statuses are equal.
 */
function rememberLast(encode: (error: StoreError) => WireStatus): typeof encode {
  let last: { readonly text: string; readonly status: WireStatus } | undefined;
  return (error) => {
    const text = `${error.reason} ${error.text}`;
    if (last?.text !== text) last = { text, status: encode(error) };
    return last.status;
  };
}
