// Contains the shared code of the soaks: their command line, their directory, and the printing of
// their results.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { removeScratch } from "../support/scratch.js";

export interface SoakResult {
  readonly problems: readonly string[];
  /** Maps each kind of event to the number of its occurrences. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Makes an empty directory with a short path for `play`, and deletes it afterwards. */
export async function inSoakDirectory<Result>(
  name: string,
  play: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), `stasis-${name}-`));
  try {
    return await play(directory);
  } finally {
    await removeScratch(directory);
  }
}

/**
 * Runs a soak whose options are all numbers, until its end or Ctrl-C. The result determines the
 * exit code.
 */
export async function soakMain<Name extends string>(
  name: string,
  defaults: Readonly<Record<Name, number>>,
  play: (
    directory: string,
    values: Readonly<Record<Name, number>>,
    signal: AbortSignal,
  ) => Promise<SoakResult>,
): Promise<void> {
  const names = Object.keys(defaults) as Name[];
  const options = Object.fromEntries(names.map((each) => [each, { type: "string" } as const]));
  const given = parseArgs({ options }).values;
  const values = Object.fromEntries(
    names.map((each) => [each, Number(given[each] ?? defaults[each])]),
  ) as Record<Name, number>;
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort());
  const { problems, counts } = await inSoakDirectory(name, (directory) =>
    play(directory, values, stopping.signal),
  );
  process.stdout.write(`${describeCounts(counts)}\n`);
  process.stdout.write(`${problems.length} problems\n${problems.slice(0, 20).join("\n")}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

export function describeCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([what, times]) => `${times} ${what}`)
    .join("\n");
}
