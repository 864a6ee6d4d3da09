// Records the intents and answers of TakeToDirectory. An intent is recorded before the files of a
// snapshot leave the store. The transaction that finishes the intent also takes the snapshot out of
// the store. A start that finds an unfinished intent checks where the files are.
import { emptyConfig } from "../model/config.js";
import type { Taken } from "../model/take.js";
import type { CatalogContext } from "./context.js";
import { markDeleting } from "./lifecycle.js";
import { addRequest, finishRequest } from "./requests.js";
import { sql } from "./sql.js";

export interface TakeIntent {
  readonly answer: Taken;
  /** Absolute path of the target. */
  readonly directory: string;
  readonly requestId?: string | undefined;
  /** Two requests with the same id must have the same fingerprint. */
  readonly fingerprint: string;
}

export interface Takes {
  /**
   * Records the intent, and the answer that the call will give. Replaces an intent that could not
   * be discarded. If another request has the request id, throws OPERATION_IN_PROGRESS while that
   * request runs, and REQUEST_ID_REUSED if it has finished or differs.
   */
  beginTake(intent: TakeIntent): void;
  /** Discards the intent and its request. The snapshot is as it was before. */
  abandonTake(id: string): void;
  /**
   * Finishes the intent and tombstones the snapshot as `markDeleting` does. Watchers receive
   * `taken`.
   */
  finishTake(id: string): void;
  unfinishedTakes(): readonly { readonly id: string; readonly directory: string }[];
  /** Returns the answer of a finished call with a request id, until the id is forgotten. */
  takeAnswer(id: string): Taken | undefined;
}

export const takeKind = "take";

export function createTakes(context: CatalogContext): Takes {
  const { connection, accesses, storeClock } = context;
  return {
    beginTake: (intent) => {
      connection.write("cannot record the move", () => {
        beginTake(context, intent);
      });
    },
    abandonTake: (id) => {
      connection.write("cannot drop the record of the move", () => {
        connection.run(sql.dropTake, { id });
        connection.run(sql.abandonRequest, { id });
      });
    },
    finishTake: (id) => {
      connection.write("cannot record that the snapshot was moved out", () => {
        markDeleting(context, id, "taken");
        const isRepeatable = connection.one(sql.takeRequest, { id }) !== undefined;
        connection.run(isRepeatable ? sql.finishTake : sql.dropTake, { id });
        finishRequest(context, id);
        storeClock.save();
      });
      accesses.forgetAccess(id);
    },
    unfinishedTakes: () => connection.all(sql.unfinishedTakes),
    takeAnswer: (id) => {
      const row = connection.one<{ answer: string }>(sql.takeAnswer, { id });
      return row === undefined ? undefined : answerFrom(row.answer);
    },
  };
}

function beginTake(context: CatalogContext, intent: TakeIntent): void {
  const { connection } = context;
  const { answer, directory, requestId, fingerprint } = intent;
  const { id } = answer.snapshot.config;
  connection.run(sql.abandonRequest, { id });
  connection.run(sql.insertTake, { id, directory, answer: answerText(answer) });
  if (requestId !== undefined) {
    addRequest(context, { requestId, kind: takeKind, fingerprint, snapshotId: id });
  }
}

/**
 * Returns the answer as JSON. Keys are never renamed, because an older version may have written the
 * row.
 */
function answerText({ snapshot, files }: Taken): string {
  const { createdAt, lastAccessedAt, ...rest } = snapshot;
  const times = { createdAt: createdAt.getTime(), lastAccessedAt: lastAccessedAt.getTime() };
  return JSON.stringify({ snapshot: { ...rest, ...times }, files });
}

function answerFrom(text: string): Taken {
  const { snapshot, files } = JSON.parse(text) as Taken;
  const { createdAt, lastAccessedAt, expireTime, config, ...rest } = snapshot;
  // Rows of older versions have no parent digest.
  const { parentDigest = "" } = rest as Partial<typeof rest>;
  return {
    snapshot: {
      ...rest,
      parentDigest,
      config: { ...emptyConfig(), ...config },
      createdAt: new Date(createdAt),
      lastAccessedAt: new Date(lastAccessedAt),
      ...(expireTime === undefined ? {} : { expireTime: new Date(expireTime) }),
    },
    files,
  };
}
