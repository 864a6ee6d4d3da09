// Runs the verifications of remotes for a daemon, and tells their progress and what they find.
import { loadZstdBlockCodec } from "../archive/zstd-block.js";
import { StoreError } from "../base/errors.js";
import { startRun, followRun } from "../base/follow-run.js";
import type { RemoteWorkObserver } from "../observe/ports.js";
import type { RemoteSession } from "./session.js";
import { verifyRemote } from "./verify.js";
import {
  verifyCounters,
  type RemoteDamage,
  type RemoteVerifyCounters,
  type RemoteVerifyOptions,
} from "./verify-parts.js";

export interface RemoteVerifyRequest extends RemoteVerifyOptions {
  /** Name of the remote. */
  readonly remote: string;
  /** The snapshot. Empty = all. */
  readonly ref: string;
}

export type RemoteVerifyEvent =
  | { readonly kind: "damage"; readonly damage: RemoteDamage }
  | { readonly kind: "progress"; readonly progress: RemoteVerifyCounters }
  | { readonly kind: "result"; readonly result: RemoteVerifyCounters };

/**
 * Verifies a remote. Yields damage and, about twice a second, the progress; the result comes last.
 * If the caller leaves its loop early, the verification is cancelled.
 */
export async function* followVerification(
  session: Pick<RemoteSession, "open" | "find">,
  observer: RemoteWorkObserver,
  { remote, ref, ...options }: RemoteVerifyRequest,
  caller: AbortSignal,
): AsyncGenerator<RemoteVerifyEvent, void, undefined> {
  const counters = verifyCounters();
  const found: RemoteDamage[] = [];
  const verify = async (signal: AbortSignal): Promise<RemoteVerifyCounters> => {
    const codec = await loadZstdBlockCodec();
    if (options.level === "data" && codec === undefined) throw withoutZstd();
    const one = ref === "" ? undefined : await session.find(ref, signal);
    const reader = one?.reader ?? (await session.open(signal));
    if (reader === undefined) return counters;
    const parts = {
      ...reader,
      codec,
      counters,
      onDamage: (each: RemoteDamage) => found.push(each),
    };
    await verifyRemote(parts, one?.id, options, signal);
    return counters;
  };
  const run = startRun(counters, caller, verify, (reason) => {
    observer.verified(remote, reason, counters.damages);
  });
  for await (const event of followRun(run, cancelled)) {
    for (const damage of found.splice(0)) yield { kind: "damage", damage };
    yield event;
  }
}

function cancelled(): StoreError {
  return new StoreError("CALL_CANCELLED", "the verification was cancelled");
}

function withoutZstd(): StoreError {
  return new StoreError("NOT_IMPLEMENTED", `zstd is not available in Node ${process.version}`, {
    hint: "Use Node 22.15 or newer, or verify with the level `footers`",
  });
}
