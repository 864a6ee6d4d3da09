// Which calls may start, which are running, and when none is left.
import { StoreError } from "../base/errors.js";
import type { Identity } from "../model/access.js";
import type { MethodBinding } from "./handler.js";

export interface CallLimits {
  /** Calls at once, of all kinds, on all connections. */
  readonly maxCalls: number;
  /** Byte streams at once, on all connections. */
  readonly maxStreams: number;
  /** Calls and byte streams at once of one identity, so that it leaves some to the others. */
  readonly maxCallsPerIdentity: number;
  readonly maxStreamsPerIdentity: number;
  /**
   * Calls at once whose single request has not arrived in full: each may hold a partial message of
   * the largest size.
   */
  readonly maxPendingRequests: number;
  /**
   * Calls at once that show no credentials because they need none. Below the others, so that whom
   * nobody knows can't take the places of those who are known.
   */
  readonly maxOpenCalls: number;
}

/** A call that was let in. */
export interface Admitted {
  /** The single request is there. Call it once, and only for calls that have one. */
  requestArrived(): void;
  /** The call is over. Idempotent. */
  leave(): void;
}

export interface Admission {
  /**
   * Throws DRAINING or TOO_MANY_STREAMS. `abort` is called when a drain wants the call to end;
   * `identity` is undefined where nobody was asked who makes it.
   */
  enter(
    method: MethodBinding,
    abort: (reason: StoreError) => void,
    identity: Identity | undefined,
  ): Admitted;
  activeCalls(): number;
  /** From now on only methods that serve while draining are let in. */
  startDrain(): void;
  /** Aborts running calls with DRAINING: all, or those that never end by themselves. */
  abortCalls(which: "all" | "endless"): void;
  /** Resolves when no call is running. */
  idle(): Promise<void>;
}

interface RunningCall {
  readonly method: MethodBinding;
  readonly abort: (reason: StoreError) => void;
  pendingRequest: boolean;
}

/** Of one identity. */
interface Running {
  readonly calls: number;
  readonly streams: number;
}

/** Undefined for those whom nobody counts. */
function keyOf(identity: Identity | undefined): string | undefined {
  return identity === undefined || identity.shared === true ? undefined : identity.name;
}

const retryAfterMs = 1000;

export function createAdmission(limits: CallLimits): Admission {
  const running = new Set<RunningCall>();
  const waiting: (() => void)[] = [];
  let streams = 0;
  let pendingRequests = 0;
  let openCalls = 0;
  const own = new Map<string, Running>();
  let draining = false;

  function check(method: MethodBinding, identity: Identity | undefined): void {
    if (draining && !method.servesWhileDraining) throw drainingError();
    if (identity === undefined && openCalls >= limits.maxOpenCalls) {
      throw tooMany("calls without credentials", limits.maxOpenCalls);
    }
    if (running.size >= limits.maxCalls) throw tooMany("calls", limits.maxCalls);
    if (method.byteStream && streams >= limits.maxStreams) {
      throw tooMany("byte streams", limits.maxStreams);
    }
    const { calls = 0, streams: ownStreams = 0 } = own.get(keyOf(identity) ?? "") ?? {};
    if (calls >= limits.maxCallsPerIdentity) {
      throw tooMany("calls of this identity", limits.maxCallsPerIdentity);
    }
    if (method.byteStream && ownStreams >= limits.maxStreamsPerIdentity) {
      throw tooMany("byte streams of this identity", limits.maxStreamsPerIdentity);
    }
    if (takesOneRequest(method) && pendingRequests >= limits.maxPendingRequests) {
      throw tooMany("unfinished requests", limits.maxPendingRequests);
    }
  }

  function requestArrived(call: RunningCall): void {
    if (!call.pendingRequest) return;
    call.pendingRequest = false;
    pendingRequests--;
  }

  function count(identity: Identity | undefined, method: MethodBinding, by: 1 | -1): void {
    const key = keyOf(identity);
    if (key === undefined) return;
    const { calls, streams: ownStreams } = own.get(key) ?? { calls: 0, streams: 0 };
    const next = { calls: calls + by, streams: ownStreams + (method.byteStream ? by : 0) };
    if (next.calls === 0) own.delete(key);
    else own.set(key, next);
  }

  return {
    enter(method, abort, identity) {
      check(method, identity);
      const open = identity === undefined;
      const call = { method, abort, pendingRequest: takesOneRequest(method) };
      running.add(call);
      if (method.byteStream) streams++;
      if (open) openCalls++;
      count(identity, method, 1);
      if (call.pendingRequest) pendingRequests++;
      return {
        requestArrived: () => requestArrived(call),
        leave() {
          if (!running.delete(call)) return;
          requestArrived(call);
          if (method.byteStream) streams--;
          if (open) openCalls--;
          count(identity, method, -1);
          if (running.size === 0) for (const resolve of waiting.splice(0)) resolve();
        },
      };
    },
    activeCalls: () => running.size,
    startDrain() {
      draining = true;
    },
    abortCalls(which) {
      for (const call of [...running]) {
        if (which === "all" || call.method.endsOnDrain) call.abort(drainingError());
      }
    },
    idle() {
      if (running.size === 0) return Promise.resolve();
      return new Promise((resolve) => waiting.push(resolve));
    },
  };
}

function takesOneRequest(method: MethodBinding): boolean {
  const kind = method.descriptor.methodKind;
  return kind === "unary" || kind === "server_streaming";
}

function drainingError(): StoreError {
  return new StoreError("DRAINING", "The daemon is shutting down", {
    hint: "Retry on another node, or when it is up again",
    retryAfterMs,
  });
}

/** TOO_MANY_STREAMS: `what` are open, in the plural. */
export function tooMany(what: string, limit: number): StoreError {
  return new StoreError("TOO_MANY_STREAMS", `${limit} ${what} are open, which is the most`, {
    hint: "Retry when others have ended",
    metadata: { limit: what.replaceAll(" ", "_"), max: String(limit) },
    retryAfterMs,
  });
}
