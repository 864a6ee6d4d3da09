// Writes README.txt of a support bundle, which says what each file is and what is missing.
import type { Part } from "./part.js";

export function readme(parts: readonly Part[], at: Date, names: boolean): string {
  const there = parts.filter(({ text }) => text !== undefined);
  const missing = parts.filter(({ text }) => text === undefined);
  const lines = [
    `A support bundle of stasis, collected at ${at.toISOString()}.`,
    "",
    "It contains no data of snapshots and no credentials. " +
      (names
        ? "It contains names of snapshots, labels and callers, and paths of the node: " +
          "stasis support-bundle --no-names leaves the names out."
        : "Names of snapshots, labels and callers are left out."),
    "",
    ...there.map(({ file, what }) => `${file.padEnd(18)} ${what}`),
    "",
    missing.length === 0 ? "Nothing is missing." : "Not collected:",
    ...missing.flatMap(({ file, what, missing: why = "", instead }) => [
      `${file.padEnd(18)} ${what}`,
      `${" ".repeat(18)} because: ${why}`,
      ...(instead === undefined ? [] : [`${" ".repeat(18)} instead: ${instead}`]),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}
