// Checks whether a snapshot may take a name or an id. These functions run inside the transaction
// that takes the name or the id.
import { StoreError } from "../base/errors.js";
import type { SnapshotState } from "../model/snapshot.js";
import type { Connection } from "./connection.js";
import { sql } from "./sql.js";

interface NameHolder {
  readonly id: string;
  readonly state: SnapshotState;
}

/**
 * Throws unless the snapshot `id` may take `name`. With `replace`, a ready snapshot with that name
 * is allowed: the name moves when the new snapshot becomes ready. Another pending snapshot with
 * that name is never allowed, nor is another snapshot whose id is that name.
 */
export function requireNameFree(
  connection: Connection,
  name: string,
  taker: { readonly id: string; readonly replace: boolean },
): void {
  if (name === "") return;
  if (name !== taker.id) {
    const namesake = connection.one<NameHolder>(sql.stateOfId, { id: name });
    if (namesake !== undefined) throw nameTakenError(name, namesake, "is the id of a snapshot");
  }
  const pending = holderOf(connection, name, "pending");
  if (pending !== undefined && pending.id !== taker.id) {
    if (taker.replace) throw replaceInProgressError(name, pending);
    throw nameTakenError(name, pending, `is reserved by the running upload ${pending.id}`);
  }
  if (taker.replace) return;
  const ready = holderOf(connection, name, "ready");
  if (ready !== undefined && ready.id !== taker.id) {
    throw nameTakenError(name, ready, `belongs to snapshot ${ready.id}`);
  }
}

/** Throws SNAPSHOT_ID_TAKEN if `id` is the id or the name of another snapshot. */
export function requireIdFree(connection: Connection, id: string): void {
  const holder =
    connection.one<NameHolder>(sql.stateOfId, { id }) ??
    holderOf(connection, id, "ready") ??
    holderOf(connection, id, "pending");
  if (holder === undefined) return;
  throw new StoreError(
    "SNAPSHOT_ID_TAKEN",
    `the id ${JSON.stringify(id)} is the id or name of snapshot ${holder.id}`,
    {
      hint: "Ids are random and never reused: try again",
      resource: { type: "snapshot", name: id },
      metadata: { snapshot_id: holder.id, state: holder.state },
    },
  );
}

/** Returns the snapshot in `state` that has this name. */
export function holderOf(
  connection: Connection,
  name: string,
  state: SnapshotState,
): NameHolder | undefined {
  if (name === "") return undefined;
  return connection.one<NameHolder>(sql.snapshotByName, { name, state });
}

function nameTakenError(name: string, holder: NameHolder, why: string): StoreError {
  return new StoreError("SNAPSHOT_NAME_TAKEN", `the name ${JSON.stringify(name)} ${why}`, {
    hint: "Choose another name, or delete that snapshot; Create and Import can replace it (--replace) or take its name (--take-name)",
    resource: { type: "snapshot", name },
    metadata: { snapshot_id: holder.id, state: holder.state },
  });
}

function replaceInProgressError(name: string, holder: NameHolder): StoreError {
  return new StoreError(
    "OPERATION_IN_PROGRESS",
    `the upload ${holder.id} has reserved the name ${JSON.stringify(name)}`,
    {
      hint: "Try again when it has ended",
      resource: { type: "snapshot", name },
      metadata: { snapshot_id: holder.id, state: holder.state },
      retryAfterMs: 1000,
    },
  );
}
