// Compares the content of a store with the obligations in its ledger. This judge only inspects the
// store from outside: through the client, and by reading the files.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { isStoreError, type Client, type Snapshot } from "../../src/client/index.js";
import { compareDirectories, compareStored, entriesOf } from "../store/contents.js";
import type { Expectation, GivenExpectation, Possibility } from "./ledger.js";
import { program } from "./served.js";
import { damagedIn } from "./stage.js";

export interface Subject {
  readonly root: string;
  readonly client: Client;
  readonly owed: Expectation;
  /**
   * False if a fault came before, because then the daemon may leave staging and trash to the next
   * start.
   */
  readonly afterCleanStart: boolean;
}

export interface Inspection {
  readonly problems: readonly string[];
  /** The snapshot under each name, from which the ledger continues. */
  readonly found: ReadonlyMap<string, Possibility>;
}

export async function inspectStore(subject: Subject): Promise<Inspection> {
  const { root, client, owed, afterCleanStart } = subject;
  const problems: string[] = [];
  const found = new Map<string, Possibility>();
  const listed: Snapshot[] = [];
  for await (const snapshot of client.listAll({}, { timeoutMs: 20_000 })) listed.push(snapshot);
  for (const snapshot of listed) {
    const { id = "", name = "" } = snapshot.config ?? {};
    if (owed.gone.has(id))
      problems.push(`${name} ${id} is back although its deletion was answered`);
    const possible = owed.names.get(name);
    if (possible === undefined) problems.push(`nobody stored ${JSON.stringify(name)}, ${id}`);
    else found.set(name, await whichOf(root, snapshot, possible, problems));
  }
  for (const [name, possible] of owed.names) {
    if (found.has(name)) continue;
    if (possible.every(({ content }) => content !== undefined)) problems.push(`${name} is lost`);
    found.set(name, { content: undefined });
  }
  for (const given of owed.givens) await inspectGiven(given, found, problems, afterCleanStart);
  if (afterCleanStart) {
    await inspectDirectories(root, listed, problems);
    problems.push(...(await damagedIn(client)).map((text) => `damaged: ${text}`));
    problems.push(...(await problemsOfCheck(client)));
  }
  return { problems, found };
}

/** Returns the problems that the daemon's own check reports. */
async function problemsOfCheck(client: Client): Promise<string[]> {
  const problems: string[] = [];
  for await (const { event } of client.check({}, { timeoutMs: 20_000 })) {
    if (event.case !== "finding" || !event.value.problem) continue;
    problems.push(`check: ${event.value.path} ${event.value.found}`);
  }
  return problems;
}

/** Returns the possible state that the stored snapshot has. */
async function whichOf(
  root: string,
  snapshot: Snapshot,
  possible: readonly Possibility[],
  problems: string[],
): Promise<Possibility> {
  const { id = "", name = "", description = "" } = snapshot.config ?? {};
  const misfits: string[] = [];
  for (const one of possible) {
    if (one.content === undefined || (one.id !== undefined && one.id !== id)) continue;
    if (one.content.description !== description) continue;
    try {
      await compareStored(join(root, "data", id, "files"), one.content.directory);
      return { content: one.content, id };
    } catch (error) {
      misfits.push(error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error));
    }
  }
  problems.push(`${name} ${id} matches no possible content: ${misfits.join("; ") || description}`);
  return { content: undefined };
}

/**
 * Checks that a directory that was handed over is in the store or in its old place, never in both
 * or neither. The same holds for a directory to which a snapshot's files moved.
 */
async function inspectGiven(
  given: GivenExpectation,
  found: ReadonlyMap<string, Possibility>,
  problems: string[],
  clean: boolean,
): Promise<void> {
  const stored =
    given.takes === undefined
      ? found.get(given.name)?.content?.directory === given.twin
      : found.get(given.name)?.id === given.takes;
  const there = await isThere(given.path);
  if (there && stored) problems.push(`${given.path} is there, and so is the snapshot`);
  if (!there && given.must === "back") problems.push(`${given.path} is not in its place`);
  if (!there && !stored && given.must === "either" && clean) {
    problems.push(`${given.path} is nowhere`);
  }
  if (!there) return;
  await compareGiven(given).catch((error: unknown) => {
    problems.push(`${given.path} is not as it was given: ${String(error)}`);
  });
}

/** Compares the files and their modes, and the mode of the directory itself. */
async function compareGiven({ path, twin, takes }: GivenExpectation): Promise<void> {
  await compareDirectories(path, twin);
  const expected = takes === undefined ? (await lstat(twin)).mode & 0o7777 : 0o700;
  assert.equal((await lstat(path)).mode & 0o7777, expected, `mode of ${path}`);
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function inspectDirectories(
  root: string,
  listed: readonly Snapshot[],
  problems: string[],
): Promise<void> {
  for (const part of ["staging", "trash", "quarantine"] as const) {
    const left = await entriesOf(root, part);
    if (left.length > 0) problems.push(`left in ${part}: ${left.join(", ")}`);
  }
  const ids = listed.map(({ config }) => config?.id ?? "").sort();
  const stored = await entriesOf(root, "data");
  if (stored.join() !== ids.join()) {
    problems.push(`data/ holds ${stored.join(", ")} and listed are ${ids.join(", ")}`);
  }
}

/**
 * Checks that every free name can be used: `take` stores a snapshot under it and deletes it again.
 */
export async function inspectFreeNames(
  found: ReadonlyMap<string, Possibility>,
  take: (name: string) => Promise<unknown>,
): Promise<string[]> {
  const problems: string[] = [];
  for (const [name, { content }] of found) {
    if (content !== undefined) continue;
    try {
      await take(name);
    } catch (error) {
      const text = isStoreError(error) ? error.message : String(error);
      problems.push(`${name} is free and cannot be taken: ${text}`);
    }
  }
  return problems;
}

/**
 * Returns a problem for each error in the log of a start. No fault occurred during this start, so
 * the log must have no error.
 */
export function alarmsIn(output: string): string[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as { level: string; message?: string })
    .filter(({ level }) => level === "error" || level === "fatal")
    .map((line) => `alarm at start: ${JSON.stringify(line)}`);
}

const exec = promisify(execFile);
let hasCheck: Promise<boolean> | undefined;

/**
 * Runs `stasis check` on a root without a daemon. Returns no problem if this build has no such
 * command.
 */
export async function runCheck(root: string): Promise<string[]> {
  hasCheck ??= exec(process.execPath, [program, "--help"]).then(({ stdout }) =>
    /^ +check\b/m.test(stdout),
  );
  if (!(await hasCheck)) return [];
  try {
    await exec(process.execPath, [program, "check", "--root", root]);
    return [];
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return [`stasis check: ${stdout}${stderr}`.trim()];
  }
}
