// Implements TakeToDirectory, which moves a snapshot's files to a directory of the node. The
// snapshot leaves the store. Its files are not copied: their directory moves out of the store by
// one rename.
//
// The order of the steps makes a crash harmless:
//
//   1. acquire the exclusive lease: nobody reads the snapshot, and nobody can begin to
//   2. replace files that clones link to by copies
//   3. commit the intent; from here on the caller cannot cancel
//   4. restore the modes of the files, and sync the files
//   5. rename the directory, and sync both parents
//   6. remove the snapshot and finish the intent in one transaction
//   7. answer the call; the rest of the snapshot's directory goes to the trash in the background
//
// Invariant: until 6 is durable, a start that finds the intent looks for `data/<id>/files`. If that
// directory is there, the start undoes 4; if it has gone, the start does 6
// (store/heal/recover-takes.ts). A failure before 6 is undone at once. If undoing fails too, the
// lease stays, and the next start decides.
import { join, resolve } from "node:path";
import { StoreError } from "../../base/errors.js";
import { takeKind, type TakeIntent } from "../../catalog/open.js";
import { partFromLinks } from "../../files/part-links.js";
import { openStored } from "../../files/stored.js";
import {
  hasFiles,
  holdTakeTarget,
  identifyFiles,
  moveBack,
  moveOut,
  sealFilesAgain,
  unsealFiles,
  type MovedDirectory,
  type TakeTarget,
} from "../../files/take.js";
import type { CallerPath } from "../../model/caller-path.js";
import { checkRequestId } from "../../model/config-rules.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { Taken, TakenFile, TakeRequest } from "../../model/take.js";
import { inSpan } from "../../observe/spans.js";
import { commitUnknown } from "../parts/commit-turns.js";
import { areDefaults, fingerprintOf, type Fingerprint } from "../parts/fingerprint.js";
import { noteDamage } from "../parts/damage.js";
import type { ExclusiveLease } from "../parts/leases.js";
import { requireUnchanged } from "../parts/linked.js";
import type { Links, Marker } from "../parts/ports.js";
import { withBallast } from "../parts/room.js";
import { removeInBackground } from "./removal.js";
import type { Remover } from "./remover.js";

interface Taker extends Remover, Marker, Links {
  readonly catalog: Remover["catalog"] & Marker["catalog"] & Links["catalog"];
}

/**
 * Moves a snapshot's files to `directory`. Throws SNAPSHOT_PROTECTED if the snapshot is protected,
 * STORED_DATA_CORRUPT if it is marked as corrupt, SNAPSHOT_IN_USE if a caller holds a lease on it,
 * and the errors of `holdTakeTarget`. If the move fails and the snapshot stays, calls `stayed` with
 * its id, because the attempt has ended the background work on the snapshot.
 */
export async function takeToDirectory(
  taker: Taker,
  request: TakeRequest,
  directory: CallerPath,
  { signal, stayed }: { readonly signal: AbortSignal; readonly stayed: (id: string) => void },
): Promise<Taken> {
  const requestId = checkRequestId(request.requestId, "requestId");
  const fingerprint = requestFingerprint(request, directory);
  const earlier = (): Taken | undefined => earlierTake(taker, requestId, fingerprint);
  const found = earlier();
  if (found !== undefined) return found;
  try {
    await using target = await holdTakeTarget(taker.layout, directory);
    const { snapshot, lease } = acquire(taker, request.ref);
    const { id } = snapshot.config;
    const taking: Taking = { ...{ id, snapshot, target, request, lease, signal }, stayed };
    return await inSpan("take", { "stasis.snapshot_id": id }, () =>
      take(taker, taking, { requestId, fingerprint: fingerprint.text }),
    );
  } catch (error) {
    // The first call with this id may have ended meanwhile, which would explain why this call was
    // refused.
    const meanwhile = earlier();
    if (meanwhile !== undefined) return meanwhile;
    throw error;
  }
}

interface Taking {
  readonly id: string;
  readonly snapshot: Snapshot;
  readonly target: TakeTarget;
  readonly request: TakeRequest;
  readonly lease: ExclusiveLease;
  readonly signal: AbortSignal;
  readonly stayed: (id: string) => void;
}

/**
 * Checks the snapshot and acquires the lease, all in one tick, so that nobody can begin to read in
 * between.
 */
function acquire(
  { catalog, leases }: Taker,
  ref: string,
): { readonly snapshot: Snapshot; readonly lease: ExclusiveLease } {
  const snapshot = catalog.resolveRef(ref);
  const { id } = snapshot.config;
  if (snapshot.protected) throw protectedError(id);
  if (snapshot.corrupt) throw damagedError(id);
  leases.refuseIfExclusive(id);
  const users = leases.users(id);
  if (users.size > 0) throw inUseError(id, users);
  return { snapshot, lease: leases.exclude(id, "TakeToDirectory") };
}

async function take(
  taker: Taker,
  taking: Taking,
  request: Pick<TakeIntent, "requestId" | "fingerprint">,
): Promise<Taken> {
  const { id, target, lease, signal, stayed } = taking;
  const { layout, commits, catalog } = taker;
  let answer: Taken;
  let moved: MovedDirectory;
  try {
    await lease.alone(signal);
    const files = await prepare(taker, taking);
    moved = await identifyFiles(layout, id);
    await commits.take();
    signal.throwIfAborted();
    answer = { snapshot: taking.snapshot, files };
    const intent = { answer, directory: target.path, ...request };
    await withBallast(layout, () => {
      catalog.beginTake(intent);
    });
  } catch (error) {
    noteDamage(taker, id, error);
    lease[Symbol.dispose]();
    stayed(id);
    throw error;
  }
  try {
    await carryOut(taker, taking);
  } catch (error) {
    if (!commitUnknown(error)) await undo(taker, taking, moved);
    throw error;
  }
  lease[Symbol.dispose]();
  removeInBackground(taker, { id, state: "deleting" });
  return answer;
}

/**
 * Prepares the move: replaces each file that clones link to with a copy of the same bytes. Callers
 * see no change, so a failure here needs no undo.
 */
async function prepare(taker: Taker, taking: Taking): Promise<readonly TakenFile[]> {
  const { id, snapshot, request, signal } = taking;
  const { layout, intakes } = taker;
  const how = { findHoles: false };
  await using stored = await openStored(layout, id, snapshot.files, signal, how);
  const unchanged = (): void => requireUnchanged(taker, stored);
  unchanged();
  // Collections must not touch the staging area of this call.
  intakes.add(id);
  try {
    const { maxCopyBytes } = request;
    return await partFromLinks(layout, stored, {
      ...{ maxCopyBytes, requireUnchanged: unchanged, signal },
    });
  } finally {
    intakes.delete(id);
  }
}

async function carryOut(taker: Taker, { id, snapshot, target }: Taking): Promise<void> {
  const { layout, commits, catalog, root } = taker;
  await unsealFiles(layout, id, snapshot.files, target);
  root.check();
  await moveOut(layout, id, target);
  await commits.take();
  await withBallast(layout, () => {
    catalog.finishTake(id);
  });
}

/** Undoes the move. Never throws, because the caller must see the error that led here. */
async function undo(taker: Taker, taking: Taking, moved: MovedDirectory): Promise<void> {
  const { layout, commits, catalog, logger } = taker;
  const { id, snapshot, target, lease, stayed } = taking;
  try {
    await moveBack(layout, id, target, moved);
    await sealFilesAgain(layout, id, snapshot.files);
    await commits.take();
    await withBallast(layout, () => {
      catalog.abandonTake(id);
    });
  } catch (error) {
    logger.error({ err: error, id }, "could not undo a move out of the store: the next start does");
    // Nobody may use the snapshot while its files are not in place.
    if (!(await hasFiles(layout, id).catch(() => false))) return;
  }
  lease[Symbol.dispose]();
  stayed(id);
}

/**
 * Returns the answer of the first call with this request id, or undefined if that call has not
 * succeeded.
 */
function earlierTake(
  { catalog, leases }: Taker,
  requestId: string | undefined,
  fingerprint: Fingerprint,
): Taken | undefined {
  const earlier = requestId === undefined ? undefined : catalog.findRequest(requestId);
  if (earlier === undefined) return undefined;
  if (earlier.kind !== takeKind || !fingerprint.matches(earlier.fingerprint)) {
    throw new StoreError(
      "REQUEST_ID_REUSED",
      `the request id ${earlier.requestId} was already used by a request with other contents`,
      { hint: "Use a new UUID for each new request", metadata: { request_id: earlier.requestId } },
    );
  }
  const answer = catalog.takeAnswer(earlier.snapshotId);
  if (answer === undefined) leases.refuseIfExclusive(earlier.snapshotId);
  return answer;
}

function requestFingerprint(
  { requestId: _own, ...request }: TakeRequest,
  { path }: CallerPath,
): Fingerprint {
  const { ref, maxCopyBytes, ...rest } = request;
  const fields = { ...request, kind: takeKind, directory: resolve(path) };
  return fingerprintOf(fields, () =>
    areDefaults(rest) ? [takeKind, ref, join(path), maxCopyBytes] : undefined,
  );
}

function protectedError(id: string): StoreError {
  return new StoreError(
    "SNAPSHOT_PROTECTED",
    `snapshot ${id} is protected and stays in the store`,
    {
      hint: `Clone it instead, or remove the protection first (\`stasis update ${id} --no-protect\`)`,
      resource: { type: "snapshot", name: id },
      metadata: { snapshot_id: id },
    },
  );
}

function damagedError(id: string): StoreError {
  return new StoreError("STORED_DATA_CORRUPT", `snapshot ${id} is marked as damaged and stays`, {
    hint:
      `Run \`stasis verify ${id}\`: if all data matches its digests, the mark goes. To use the ` +
      "damaged data nevertheless, clone it with force and delete it",
    resource: { type: "snapshot", name: id },
    metadata: { snapshot_id: id },
  });
}

function inUseError(id: string, users: ReadonlyMap<string, number>): StoreError {
  const named = [...users].map(([user, count]) =>
    count === 1 ? user : `${user} (${count} times)`,
  );
  const holders = [...users.values()].reduce((sum, count) => sum + count, 0);
  return new StoreError("SNAPSHOT_IN_USE", `snapshot ${id} is read by ${named.join(", ")}`, {
    hint: "Wait until these calls have ended, or end them; a clone works beside them",
    resource: { type: "snapshot", name: id },
    metadata: { snapshot_id: id, holders: String(holders), users: [...users.keys()].join(",") },
  });
}
