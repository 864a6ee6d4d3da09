// Makes the error for an archive that violates the format, and the hint for a truncated one.
import { StoreError } from "../base/errors.js";

const cutOffHint = "Transfer the archive again; if that does not help, export it again";

export function archiveInvalid(
  message: string,
  options: { hint?: string; entry?: string; cause?: unknown } = {},
): StoreError {
  return new StoreError("ARCHIVE_INVALID", message, {
    ...(options.hint === undefined ? {} : { hint: options.hint }),
    ...(options.entry === undefined ? {} : { metadata: { entry: options.entry.slice(0, 255) } }),
    ...(options.cause === undefined ? {} : { cause: options.cause }),
  });
}

/** Returns the error for an archive that ended where `expected` had to follow. */
export function archiveCutOff(offset: number, expected: string, entry?: string): StoreError {
  return archiveInvalid(
    `the archive is cut off: expected ${expected}, but it ends at byte ${offset}`,
    {
      hint: cutOffHint,
      ...(entry === undefined ? {} : { entry }),
    },
  );
}
