// Finds the intents of other collections and of remote deletes, whose daemons are at work or dead.
import { StoreError } from "../base/errors.js";
import { noneThere } from "./all-there.js";
import { doomedOf } from "./claims.js";
import {
  collectionKey,
  collectionsPrefix,
  deletionsPrefix,
  runOfIntent,
  snapshotOfLeftover,
} from "./format/keys.js";
import { isRemoteId } from "./format/remote-id.js";
import type { NamedKeys } from "./marking.js";
import type { RemoteReader } from "./remote-map.js";

export interface OtherRun {
  /** The id by which `abandonRun` finds the intent. */
  readonly run: string;
  readonly kind: "collection" | "deletion";
  /** When the intent was stored, by the clock of the object store. */
  readonly storedAt: Date;
  /** The snapshot that is being deleted. Empty for a collection. */
  readonly snapshot: string;
  /** Number of objects that a collection may delete. */
  readonly objects: number;
}

/** Returns whether a run may have this id. */
export function isRunId(text: string): boolean {
  return isRemoteId(text);
}

/**
 * Deletes the intents of other collections that are done, except in a dry run. Returns the other
 * runs that remain. `named` has the snapshots that exist.
 */
export async function finishOtherRuns(
  reader: RemoteReader,
  named: NamedKeys,
  { dryRun }: { readonly dryRun: boolean },
  signal: AbortSignal,
): Promise<OtherRun[]> {
  const { bucket } = reader;
  const rest: OtherRun[] = [];
  for await (const { key, modifiedAt } of bucket.list(collectionsPrefix, { signal })) {
    const doomed = await doomedOf(reader, key, signal);
    if (doomed === undefined) continue;
    if (await noneThere(bucket, doomed, signal)) {
      if (!dryRun) await bucket.delete(key, signal);
      continue;
    }
    const storedAt = new Date(modifiedAt);
    const objects = doomed.length;
    rest.push({ run: runOfIntent(key), kind: "collection", storedAt, snapshot: "", objects });
  }
  for await (const { key, modifiedAt } of bucket.list(deletionsPrefix, { signal })) {
    const snapshot = snapshotOfLeftover(key) ?? "";
    if (!named.has(snapshot)) continue;
    const storedAt = new Date(modifiedAt);
    rest.push({ run: runOfIntent(key), kind: "deletion", storedAt, snapshot, objects: 0 });
  }
  return rest;
}

/**
 * Deletes the intent of a run. Call this only if the daemon of the run is dead and its last
 * requests are over. Throws REMOTE_COPY_MISSING if there is no such run.
 */
export async function abandonRun(
  { bucket }: Pick<RemoteReader, "bucket">,
  run: string,
  signal: AbortSignal,
): Promise<void> {
  const key = collectionKey(run);
  if ((await bucket.head(key, signal)) !== undefined) {
    await bucket.delete(key, signal);
    return;
  }
  for await (const { key: intent } of bucket.list(deletionsPrefix, { signal })) {
    if (runOfIntent(intent) !== run) continue;
    await bucket.delete(intent, signal);
    return;
  }
  throw new StoreError("REMOTE_COPY_MISSING", `the remote has no run ${run}`, {
    hint: "`stasis remote gc NAME --dry-run` lists the runs",
    metadata: { key },
    resource: { type: "object", name: key },
  });
}
