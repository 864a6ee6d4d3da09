// Holds a lease on a snapshot's data directory until the lease is disposed of or the daemon ends
// it.
import { StoreError } from "../base/errors.js";
import type { SnapshotConfig, Snapshot } from "../../gen/ts/stasis/v1/resources_pb.js";
import type { CallOptions } from "./channel.js";
import { linkAbort, type LinkedAbort } from "./linked-abort.js";
import type { OpenDataDirectoryResponse } from "../../gen/ts/stasis/v1/snapshot_service_pb.js";

export interface DataDirectoryLease extends AsyncDisposable {
  /**
   * The absolute path on the daemon's node. The directory is read-only, and the path is valid only
   * while the lease lasts.
   */
  readonly directory: string;
  readonly snapshot: Snapshot;
  readonly config: SnapshotConfig | undefined;
  /** The daemon's answer, unchanged. */
  readonly response: OpenDataDirectoryResponse;
  /** Aborts when the lease has ended. If the daemon ended it, the signal's reason is the error. */
  readonly signal: AbortSignal;
  /** Resolves when the lease has ended, with the error if the daemon ended it. */
  readonly closed: Promise<StoreError | undefined>;
}

type LeaseStream = AsyncGenerator<OpenDataDirectoryResponse, void, undefined>;

/**
 * Acquires a lease and waits for the path. The stream has no deadline, because it lasts as long as
 * the lease; `timeoutMs` limits only the wait.
 */
export async function openLease(
  open: (signal: AbortSignal) => LeaseStream,
  { signal, timeoutMs }: CallOptions = {},
): Promise<DataDirectoryLease> {
  const ending = linkAbort(signal);
  try {
    const stream = open(ending.signal);
    const first = await firstWithin(stream, timeoutMs, ending);
    return holdLease(stream, first, ending);
  } catch (error) {
    ending.abort();
    ending.release();
    throw error;
  }
}

async function firstWithin(
  stream: LeaseStream,
  timeoutMs: number | undefined,
  ending: LinkedAbort,
): Promise<OpenDataDirectoryResponse> {
  let late = false;
  const giveUp = (): void => {
    late = true;
    ending.abort();
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs);
  try {
    const first = await stream.next();
    if (first.done !== true) return first.value;
  } catch (error) {
    if (!late) throw error;
    const message = `OpenDataDirectory did not answer within ${timeoutMs} ms`;
    throw new StoreError("DEADLINE_PASSED", message, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  throw new StoreError("INTERNAL", "OpenDataDirectory ended without naming a directory");
}

function holdLease(
  stream: LeaseStream,
  response: OpenDataDirectoryResponse,
  ending: LinkedAbort,
): DataDirectoryLease {
  if (response.snapshot === undefined) {
    throw new StoreError("INTERNAL", "OpenDataDirectory answered without a snapshot");
  }
  const ended = new AbortController();
  const closed = untilEnd(stream).then((error) => {
    ending.release();
    const reason = ending.signal.aborted ? undefined : error;
    ended.abort(reason);
    return reason;
  });
  return {
    directory: response.directory,
    snapshot: response.snapshot,
    config: response.snapshot.config,
    response,
    signal: ended.signal,
    closed,
    async [Symbol.asyncDispose]() {
      ending.abort();
      await closed;
    },
  };
}

/**
 * Waits for the end of the stream. The promise never rejects, because its value says how the stream
 * ended.
 */
async function untilEnd(stream: LeaseStream): Promise<StoreError> {
  try {
    for (;;) {
      const next = await stream.next();
      if (next.done === true) break;
    }
  } catch (error) {
    if (error instanceof StoreError) return error;
    return new StoreError("INTERNAL", String(error), { cause: error });
  }
  return new StoreError("DAEMON_UNREACHABLE", "the daemon ended the lease", {
    hint: "Open the data directory again",
  });
}
