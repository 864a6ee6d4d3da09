// Decides which calls may start, and tracks the running ones.
import { StoreError } from "../base/errors.js";
import type { Identity } from "../model/access.js";
import type { Occupancy } from "../observe/figures.js";
import type { MethodBinding } from "./handler.js";
import { createSemaphore, tooMany, type ExceededLimit, type Semaphore } from "./semaphore.js";

export interface CallLimits {
  /** Maximum number of concurrent calls, of all kinds, on all connections. */
  readonly maxCalls: number;
  /** Maximum number of concurrent byte streams, on all connections. */
  readonly maxStreams: number;
  /**
   * Maximum number of concurrent calls, and of concurrent byte streams, of one identity, so that
   * some remain for other callers.
   */
  readonly maxCallsPerIdentity: number;
  readonly maxStreamsPerIdentity: number;
  /**
   * Maximum number of concurrent calls whose single request has not arrived in full. Each may hold
   * a partial message of the largest size.
   */
  readonly maxPendingRequests: number;
  /**
   * Maximum number of concurrent calls of all strangers together, so that strangers cannot crowd
   * out authenticated callers. Only methods that are open to anyone admit strangers.
   */
  readonly maxOpenCalls: number;
}

/** A call that may run. */
export interface Admitted {
  /**
   * Call this when the single request has arrived. Only calls with a single request need this. A
   * second call has no effect.
   */
  requestArrived(): void;
  /** Call this when the call has ended. A second call has no effect. */
  leave(): void;
}

export interface Admission {
  /**
   * Admits a call. Throws DRAINING if the daemon drains and the method does not serve meanwhile,
   * and TOO_MANY_STREAMS if a limit is reached. `abortCalls` calls `abort` to end the call.
   * `identity` is undefined for a stranger.
   */
  enter(
    method: MethodBinding,
    abort: (reason: StoreError) => void,
    identity: Identity | undefined,
  ): Admitted;
  /** Returns the error that `enter` would throw. Undefined if it would throw no error. */
  refusalOf(method: MethodBinding, identity: Identity | undefined): StoreError | undefined;
  activeCalls(): number;
  occupancy(): readonly Occupancy[];
  /** Admits, from now on, only methods that serve while draining. */
  startDrain(): void;
  isDraining(): boolean;
  /** Aborts running calls with DRAINING: all calls, or only those that never end by themselves. */
  abortCalls(which: "all" | "endless"): void;
  /** Resolves when no call is running. */
  idle(): Promise<void>;
}

interface RunningCall {
  readonly method: MethodBinding;
  readonly abort: (reason: StoreError) => void;
}

export function createAdmission(limits: CallLimits): Admission {
  const running = createRunningCalls();
  const semaphores = createCallSemaphores(limits);
  let draining = false;

  function refusalOf(
    method: MethodBinding,
    identity: Identity | undefined,
  ): StoreError | undefined {
    if (draining && !method.servesWhileDraining) return drainingError();
    const exceeded = semaphores.exceededBy(method, identity);
    return exceeded === undefined ? undefined : tooMany(exceeded);
  }

  return {
    refusalOf,
    enter(method, abort, identity) {
      const refusal = refusalOf(method, identity);
      if (refusal !== undefined) throw refusal;
      const acquired = semaphores.acquire(method, identity);
      const leave = running.add({ method, abort });
      return {
        requestArrived: acquired.requestArrived,
        leave() {
          if (!leave()) return;
          acquired.release();
          running.announceIdle();
        },
      };
    },
    activeCalls: running.size,
    occupancy: semaphores.occupancy,
    startDrain() {
      draining = true;
    },
    isDraining: () => draining,
    abortCalls(which) {
      for (const call of running.all()) {
        if (which === "all" || call.method.endsOnDrain) call.abort(drainingError());
      }
    },
    idle: running.idle,
  };
}

function createRunningCalls() {
  const running = new Set<RunningCall>();
  const waiting: (() => void)[] = [];
  return {
    size: () => running.size,
    all: () => [...running],
    /**
     * Adds the call. Returns a function that removes the call and returns whether the call was
     * still there.
     */
    add(call: RunningCall): () => boolean {
      running.add(call);
      return () => running.delete(call);
    },
    /** Resolves when no call is running. */
    idle(): Promise<void> {
      if (running.size === 0) return Promise.resolve();
      return new Promise((resolve) => waiting.push(resolve));
    },
    announceIdle(): void {
      if (running.size === 0) for (const resolve of waiting.splice(0)) resolve();
    },
  };
}

/** The resources that a running call has acquired. */
interface Acquired {
  requestArrived(): void;
  release(): void;
}

function createCallSemaphores(limits: CallLimits) {
  const calls = createSemaphore({
    what: "calls",
    max: limits.maxCalls,
    perIdentity: limits.maxCallsPerIdentity,
    strangers: limits.maxOpenCalls,
  });
  const streams = createSemaphore({
    what: "byte streams",
    max: limits.maxStreams,
    perIdentity: limits.maxStreamsPerIdentity,
  });
  const pendingRequests = createSemaphore({
    what: "unfinished requests",
    max: limits.maxPendingRequests,
  });

  function heldThroughout(method: MethodBinding): Semaphore[] {
    return method.byteStream ? [calls, streams] : [calls];
  }

  return {
    occupancy: () => [calls, streams, pendingRequests].map((each) => each.occupancy()),
    exceededBy(method: MethodBinding, identity: Identity | undefined): ExceededLimit | undefined {
      const all = heldThroughout(method).concat(takesOneRequest(method) ? pendingRequests : []);
      for (const semaphore of all) {
        const exceeded = semaphore.exceededBy(identity);
        if (exceeded !== undefined) return exceeded;
      }
      return undefined;
    },
    /** Acquires the resources of a call without checking the limits. */
    acquire(method: MethodBinding, identity: Identity | undefined): Acquired {
      const held = heldThroughout(method);
      let isPending = takesOneRequest(method);
      for (const semaphore of held) semaphore.acquire(identity);
      if (isPending) pendingRequests.acquire(identity);
      const requestArrived = (): void => {
        if (isPending) pendingRequests.release(identity);
        isPending = false;
      };
      return {
        requestArrived,
        release() {
          requestArrived();
          for (const semaphore of held) semaphore.release(identity);
        },
      };
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
