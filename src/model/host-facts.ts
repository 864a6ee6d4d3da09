// Defines what a configuration knows about the machine on which the VM was paused, and the
// orchestrator's own data.
import { fieldInvalid } from "../base/errors.js";
import { checkWellFormed } from "./name.js";

export const hostFactNames = [
  "cpuVendor",
  "cpuModel",
  "microarchitecture",
  "kernel",
  "hypervisorVersion",
] as const;

/** The facts that are known. No value is empty. */
export type HostFacts = { readonly [name in (typeof hostFactNames)[number]]?: string };

/** Returns the facts that are not empty, or undefined if all of them are empty. */
export function knownFacts(facts: HostFacts | undefined): HostFacts | undefined {
  const known = hostFactNames.flatMap((name) => {
    const value = facts?.[name] ?? "";
    return value === "" ? [] : [[name, value] as const];
  });
  return known.length === 0 ? undefined : Object.fromEntries(known);
}

/** Maximum bytes of the orchestrator's own data as JSON. */
const maxExtraBytes = 16 * 1024;
/** Maximum levels of objects and lists. */
const maxExtraLevels = 32;

/**
 * Returns the JSON text of the orchestrator's own data, with sorted keys, or undefined if there is
 * no such data. Throws FIELD_INVALID if the data cannot be stored.
 */
export function extraText(extra: object | undefined, field: string): string | undefined {
  if (extra === undefined) return undefined;
  const text = JSON.stringify(canonical(extra, 1, field));
  if (text === "{}") return undefined;
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxExtraBytes) return text;
  throw fieldInvalid(field, `at most ${maxExtraBytes} bytes as JSON`, `${bytes} bytes`);
}

function canonical(value: unknown, level: number, field: string): unknown {
  if (typeof value === "string") checkWellFormed(value, field);
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw fieldInvalid(field, "numbers that JSON can express", value);
  }
  if (typeof value !== "object" || value === null) return value;
  if (level > maxExtraLevels) {
    throw fieldInvalid(field, `at most ${maxExtraLevels} levels of objects and lists`, "more");
  }
  if (Array.isArray(value)) return value.map((each) => canonical(each, level + 1, field));
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [key] of entries) checkWellFormed(key, field);
  // `fromEntries` defines own properties, so the key "__proto__" is safe.
  return Object.fromEntries(entries.map(([key, each]) => [key, canonical(each, level + 1, field)]));
}
