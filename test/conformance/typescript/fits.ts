// Checks whether an answer matches the expectation of a scenario.
import type { JsonValue } from "@bufbuild/protobuf";

/** Returns the first difference, if any. An answer may have more fields than expected. */
export function fits(wanted: JsonValue, found: JsonValue | undefined, path: string): string {
  const problem = `${path || "answer"}: expected ${JSON.stringify(wanted)}`;
  if (wanted === null) return found === undefined ? "" : problem;
  if (found === undefined || found === null) return problem;
  if (typeof wanted === "string") return fitsText(wanted, found) ? "" : problem;
  if (typeof wanted !== "object") return wanted === found ? "" : problem;
  if (typeof found !== "object") return problem;
  if (Array.isArray(wanted)) {
    if (!Array.isArray(found) || found.length !== wanted.length) return problem;
    const each = wanted.map((want, index) => fits(want, found[index], `${path}.${index}`));
    return each.find((text) => text !== "") ?? "";
  }
  const { $some: some, ...fields } = wanted;
  if (Array.isArray(some)) {
    const list = Array.isArray(found) ? found : [];
    return some.every((want) => list.some((one) => fits(want, one, "") === "")) ? "" : problem;
  }
  const each = Object.entries(fields).map(([key, want]) =>
    fits(want, (found as Record<string, JsonValue>)[key], `${path}.${key}`),
  );
  return each.find((text) => text !== "") ?? "";
}

/**
 * Matches a text: `*` matches any value that is not empty, and `~text` matches a part. A number is
 * compared as text.
 */
function fitsText(wanted: string, found: JsonValue): boolean {
  if (typeof found === "object") return wanted === "*" && Object.keys(found ?? {}).length > 0;
  const text = String(found);
  if (wanted === "*") return text !== "";
  return wanted.startsWith("~") ? text.includes(wanted.slice(1)) : text === wanted;
}
