// Which calls may start, which are running, and when none is left.
import { StoreError } from "../base/errors.js";
import type { Identity } from "../model/access.js";
import type { MethodBinding } from "./handler.js";
import { createShares, tooMany, type Shares } from "./shares.js";

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
   * Calls at once of strangers, who show no credentials because the method needs none. Far below the
   * others, so that strangers cannot crowd out known callers.
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
   * `identity` is undefined for a stranger.
   */
  enter(
    method: MethodBinding,
    abort: (reason: StoreError) => void,
    identity: Identity | undefined,
  ): Admitted;
  /** Why `enter` would throw. */
  refusalOf(method: MethodBinding, identity: Identity | undefined): StoreError | undefined;
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

export function createAdmission(limits: CallLimits): Admission {
  const running = new Set<RunningCall>();
  const waiting: (() => void)[] = [];
  const calls = createShares({
    what: "calls",
    max: limits.maxCalls,
    perIdentity: limits.maxCallsPerIdentity,
    strangers: limits.maxOpenCalls,
  });
  const streams = createShares({
    what: "byte streams",
    max: limits.maxStreams,
    perIdentity: limits.maxStreamsPerIdentity,
  });
  const pendingRequests = createShares({
    what: "unfinished requests",
    max: limits.maxPendingRequests,
  });
  let draining = false;

  function sharesOf(method: MethodBinding): Shares[] {
    return [
      calls,
      ...(method.byteStream ? [streams] : []),
      ...(takesOneRequest(method) ? [pendingRequests] : []),
    ];
  }

  function refusalOf(
    method: MethodBinding,
    identity: Identity | undefined,
  ): StoreError | undefined {
    if (draining && !method.servesWhileDraining) return drainingError();
    for (const share of sharesOf(method)) {
      const exceeded = share.lacks(identity);
      if (exceeded !== undefined) return tooMany(exceeded);
    }
    return undefined;
  }

  return {
    refusalOf,
    enter(method, abort, identity) {
      const refusal = refusalOf(method, identity);
      if (refusal !== undefined) throw refusal;
      for (const share of sharesOf(method)) share.take(identity);
      const call: RunningCall = { method, abort, pendingRequest: takesOneRequest(method) };
      running.add(call);
      const requestArrived = (): void => {
        if (!call.pendingRequest) return;
        call.pendingRequest = false;
        pendingRequests.giveBack(identity);
      };
      return {
        requestArrived,
        leave() {
          if (!running.delete(call)) return;
          requestArrived();
          calls.giveBack(identity);
          if (method.byteStream) streams.giveBack(identity);
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

export function takesOneRequest(method: MethodBinding): boolean {
  const kind = method.descriptor.methodKind;
  return kind === "unary" || kind === "server_streaming";
}

function drainingError(): StoreError {
  return new StoreError("DRAINING", "The daemon is shutting down", {
    hint: "Retry on another node, or when it is up again",
    retryAfterMs: 1000,
  });
}
