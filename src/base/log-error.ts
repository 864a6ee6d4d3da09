// Formats errors for the log. Only faults of the program get a stack. An error of the system, or
// one with a reason other than INTERNAL, is complete without a stack.
import { stdSerializers } from "pino";
import { describeValue, isStoreError } from "./errors.js";

const maxCauses = 8;

/** Returns the value of a log entry's `err`. */
export function loggedError(error: unknown): unknown {
  if (!(error instanceof Error) || !isExpected(error)) {
    return error instanceof Error ? stdSerializers.err(error) : error;
  }
  const causes = causesOf(error);
  return {
    ...(isStoreError(error)
      ? { reason: error.reason, code: error.code, message: error.message }
      : { message: error.message }),
    ...(isStoreError(error) && error.hint !== undefined ? { hint: error.hint } : {}),
    ...(isStoreError(error) && Object.keys(error.metadata).length > 0
      ? { metadata: error.metadata }
      : {}),
    ...(causes.length > 0 ? { causes } : {}),
  };
}

function isExpected(error: Error): boolean {
  if (isStoreError(error)) return error.reason !== "INTERNAL";
  return "code" in error && "syscall" in error;
}

/** Returns the messages of the underlying errors, at most `maxCauses`, the nearest first. */
function causesOf(error: Error): string[] {
  const causes: string[] = [];
  for (let at = error.cause; at !== undefined && causes.length < maxCauses;) {
    causes.push(at instanceof Error ? at.message : describeValue(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return causes;
}
