// `--no-names`: leaves out names of snapshots, labels, callers and everything else that a user may
// have written. It keeps what is known to be harmless, so a new field is hidden until it is listed.

const hidden = "<hidden>";

/** Fields whose text is one of ours: an id, a time, or a word of a list. */
const harmless = new Set([
  ...["id", "ids", "digest", "incident", "traceId", "sessionId", "time", "level", "kind", "action"],
  ...["reason", "code", "outcome", "method", "role", "limit", "since", "startedAt", "version"],
  ...["commit", "node", "incomplete", "work", "option", "signal"],
]);

/** 64-bit integers are texts in JSON. */
const figure = /(Bytes|Count|Snapshots|Ms)$|^(snapshots|problems|total)$/;

/** A copy of a value of JSON. Numbers stay, and so do texts of harmless fields. */
export function withoutNames(value: unknown): unknown {
  return shown(value, "");
}

function shown(value: unknown, key: string): unknown {
  if (typeof value === "string") return isHarmless(key, value) ? value : hidden;
  if (Array.isArray(value)) return value.map((entry) => shown(entry, key));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([each]) => each !== "labels");
  const isCall = "method" in value || "reason" in value;
  return Object.fromEntries(
    entries.map(([each, entry]) => [
      each,
      // The message of a line about a call may be that of its error, which names snapshots.
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

/** Of the lists of damaged snapshots only the ids. */
export function keepIds(value: unknown): unknown {
  const entries = Object.entries(value as Record<string, unknown>).map(([key, entry]) => {
    const ids = (listed: readonly Listed[]) => listed.map(({ id, config }) => id ?? config?.id);
    return [key, Array.isArray(entry) ? ids(entry as readonly Listed[]) : entry];
  });
  return Object.fromEntries(entries) as unknown;
}
