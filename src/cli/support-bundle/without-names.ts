// Implements `--no-names`, which hides the names of snapshots, labels, callers and every other text
// that a user may have written. It keeps only the fields that are known to be harmless, so a new
// field is hidden until it is listed here.

const hidden = "<hidden>";

/** Fields whose text comes from stasis: an id, a time, or a word of a list. */
const harmless = new Set([
  ...["id", "ids", "digest", "incident", "traceId", "sessionId", "time", "level", "kind", "action"],
  ...["reason", "code", "outcome", "method", "role", "limit", "since", "startedAt", "version"],
  ...["commit", "node", "incomplete", "work", "option", "signal"],
]);

/** Keys whose value is an object with keys that a caller has chosen. These keys are left out. */
const named: ReadonlySet<string> = new Set(["labels", "extra"]);

/** Matches the keys of 64-bit integers, which are strings in JSON. */
const figure = /(Bytes|Count|Snapshots|Ms)$|^(snapshots|problems|total)$/;

/** Returns a copy of a JSON value that keeps numbers and the texts of harmless fields. */
export function withoutNames(value: unknown): unknown {
  return shown(value, "");
}

function shown(value: unknown, key: string): unknown {
  if (typeof value === "string") return isHarmless(key, value) ? value : hidden;
  if (Array.isArray(value)) return value.map((entry) => shown(entry, key));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([each]) => !named.has(each));
  const isCall = "method" in value || "reason" in value;
  return Object.fromEntries(
    entries.map(([each, entry]) => [
      each,
      // In a log line about a call, the message may be that of an error that names snapshots.
      each === "message" && typeof entry === "string" && key === "" && !isCall
        ? entry
        : shown(entry, each),
    ]),
  );
}

function isHarmless(key: string, value: string): boolean {
  return value === "" || harmless.has(key) || (figure.test(key) && /^\d+$/.test(value));
}

interface Listed {
  readonly id?: string;
  readonly config?: { readonly id?: string };
}

/** Replaces each snapshot in the lists of damaged and lost ones with its id. Keeps other fields. */
export function keepIds(value: unknown): unknown {
  const entries = Object.entries(value as Record<string, unknown>).map(([key, entry]) => {
    const ids = (listed: readonly Listed[]) => listed.map(({ id, config }) => id ?? config?.id);
    return [key, Array.isArray(entry) ? ids(entry as readonly Listed[]) : entry];
  });
  return Object.fromEntries(entries) as unknown;
}
