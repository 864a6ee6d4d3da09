// Makes errors for files that a newer program has written. Such a file is never treated as damage,
// and is left unchanged.
import { StoreError } from "../base/errors.js";

/**
 * Returns the error for `what`, which has version `found`. This program knows versions up to
 * `newest`.
 */
export function formatUnsupported(
  what: string,
  found: number,
  newest: number,
  details: { readonly writtenBy?: string; readonly file?: string } = {},
): StoreError {
  const { writtenBy = "a newer stasis", file } = details;
  return new StoreError(
    "FORMAT_UNSUPPORTED",
    `${what} has version ${found}, this stasis knows versions up to ${newest}: it was written by ${writtenBy}`,
    {
      hint: "Use that version again, or a newer one; nothing was changed",
      ...(file === undefined ? {} : { resource: { type: "file", name: file } }),
      metadata: {
        found_version: String(found),
        known_version: String(newest),
        ...(file === undefined ? {} : { file }),
      },
    },
  );
}

/** Returns the `version` of a JSON object. Returns 0 unless it is a whole number above 0. */
export function versionOf(value: unknown): number {
  if (typeof value !== "object" || value === null || !("version" in value)) return 0;
  const { version } = value;
  return Number.isSafeInteger(version) && Number(version) > 0 ? Number(version) : 0;
}

/** Throws FORMAT_UNSUPPORTED if the JSON object in the file has a higher version. */
export function requireKnownVersion(file: string, value: unknown, newest: number): void {
  const found = versionOf(value);
  if (found > newest) throw formatUnsupported(`the file ${file}`, found, newest, { file });
}
