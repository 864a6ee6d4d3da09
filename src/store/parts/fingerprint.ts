// Computes the fingerprint of a request that has a request id. Two calls with one id must have the
// same fingerprint. It is stored with the id, so that a retry finds the first outcome even after an
// upgrade. That is why a stored fingerprint is compared in its own version, and why a version never
// changes:
//
//   1  64 hex digits: SHA-256 over all fields that a request had then, defaults included
//   2  `2:` and 64 hex digits: SHA-256 over the fields that differ from their defaults
//
// A field that is added later with its default changes no fingerprint of version 2. A request in
// which that field has another value matches no fingerprint that was stored before the field
// existed.
import { createHash } from "node:crypto";

/** The prefix of the version that is stored now. */
const prefix = "2:";

export interface Fingerprint {
  /** The fingerprint to store. */
  readonly text: string;
  /** Returns whether a stored fingerprint, of any version, is that of the same request. */
  matches(stored: string): boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Returns the fingerprint of a request with these fields. The fields must be normalized, so that
 * equal requests have equal fields. `first` returns what version 1 covered, or undefined if the
 * request has a field that version 1 did not know and that differs from its default.
 */
export function fingerprintOf(fields: Fields, first: () => unknown): Fingerprint {
  const text = `${prefix}${digestOf(withoutDefaults(fields))}`;
  return {
    text,
    matches: (stored) => {
      if (stored.includes(":")) return stored === text;
      const covered = first();
      return covered !== undefined && stored === digestOf(covered);
    },
  };
}

/** Returns whether these values are all defaults, as protobuf defines them. */
export function areDefaults(fields: Fields): boolean {
  return withoutDefaults(fields) === undefined;
}

/**
 * Returns the value without fields that have their defaults. Elements of lists stay, because their
 * positions have a meaning.
 */
function withoutDefaults(value: unknown): unknown {
  if (typeof value === "bigint") return value === 0n ? undefined : String(value);
  if (Array.isArray(value)) {
    return value.length === 0 ? undefined : value.map((each) => withoutDefaults(each) ?? null);
  }
  if (!isFields(value)) return value === "" || value === 0 || value === false ? undefined : value;
  const entries = Object.entries(value).flatMap(([key, each]): [string, unknown][] => {
    const kept = withoutDefaults(each);
    return kept === undefined || kept === null ? [] : [[key, kept]];
  });
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/**
 * Returns the digest of the value. Keys are sorted, because the order of a map on the wire has no
 * meaning.
 */
function digestOf(value: unknown): string {
  const canonical = JSON.stringify(value ?? {}, (_key, each: unknown) =>
    isFields(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
  return createHash("sha256").update(canonical).digest("hex");
}

function isFields(value: unknown): value is Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  // JSON turns a date into text.
  return !(value instanceof Date);
}
