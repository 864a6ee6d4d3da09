// Makes errors about objects of a remote that are not as stasis writes them.
import { StoreError } from "../../base/errors.js";

/**
 * Returns the error. `object` is the key below the prefix. `offset` is the position in the object,
 * if it is known.
 */
export function remoteDataInvalid(object: string, problem: string, offset?: number): StoreError {
  const at = offset === undefined ? "" : ` at byte ${offset}`;
  return new StoreError("REMOTE_DATA_INVALID", `object ${object} of the remote${at}: ${problem}`, {
    hint: "Run `stasis remote verify` to find which snapshots need it, and push those again from a node that has them",
    resource: { type: "object", name: object },
    metadata: { key: object, ...(offset === undefined ? {} : { offset: String(offset) }) },
  });
}

export function ensureValid(
  condition: boolean,
  object: string,
  problem: string,
  offset?: number,
): asserts condition {
  if (!condition) throw remoteDataInvalid(object, problem, offset);
}
