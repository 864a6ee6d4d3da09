// Expects a failure with a given reason.
import assert from "node:assert/strict";
import { isStoreError, type ErrorReason, type StoreError } from "../../src/base/errors.js";

/** Returns the error that `promise` rejects with, which must be a StoreError with this reason. */
export async function failsWith(
  promise: Promise<unknown>,
  reason: ErrorReason,
): Promise<StoreError> {
  const error = await promise.then(
    () => assert.fail(`expected ${reason}, but it succeeded`),
    (thrown: unknown) => thrown,
  );
  if (!isStoreError(error)) throw error;
  assert.equal(error.reason, reason, error.message);
  return error;
}
