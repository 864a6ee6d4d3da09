// Implements `npm run lab -- mutants`, which applies each seeded mistake to a copy of the build and
// runs crash states, or tests, on it. A mutant that no check notices is a gap in the harness, and
// the command fails.
import { cp, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../support/child.js";
import { cannotStrace } from "../support/scratch.js";
import { mutants, type CrashStates, type Mutant } from "./mutant-list.js";
import { patched, repository } from "./patched.js";

const limitMs = 15 * 60_000;

interface Verdict {
  readonly caught: boolean;
  /** The first finding, or the harness's output if there was no finding. */
  readonly text: string;
}

/** `npm run lab -- mutants TEXT` selects the mutants whose name contains the text. */
async function main([text = ""]: readonly string[]): Promise<void> {
  const why = cannotStrace();
  if (why !== false) throw new Error(why);
  const wanted = mutants.filter(({ name }) => name.includes(text));
  let survivors = 0;
  // This loop fails before the long run begins if the build does not contain the text of a mutant.
  for (const mutant of wanted) await patched(mutant);
  for (const mutant of wanted) {
    const { caught, text: found } = await judge(mutant);
    if (!caught) survivors += 1;
    process.stdout.write(`${caught ? "caught  " : "SURVIVED"}  ${mutant.name}\n    ${found}\n`);
  }
  process.stdout.write(`${wanted.length} mutants, ${survivors} not caught\n`);
  process.exitCode = wanted.length > 0 && survivors === 0 ? 0 : 1;
}

async function judge(mutant: Mutant): Promise<Verdict> {
  const scratch = await mkdtemp(join(tmpdir(), "stasis-mutant-"));
  try {
    const program = await build(mutant, scratch);
    const { by } = mutant;
    return "tests" in by
      ? await judgeByTests(scratch, by.tests)
      : await judgeByCrashes(program, by);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function judgeByCrashes(
  program: string,
  { kind, scenarios, states, only }: CrashStates,
): Promise<Verdict> {
  const one = only === undefined ? {} : { state: only };
  const options = { kind, scenario: scenarios, states: String(states), jobs: "1", ...one };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const runner = join(repository, "dist/test/crash/run.js");
  const environment = { STASIS_PROGRAM: program };
  const { code, output } = await runToEnd([runner, "--stop", ...args], environment);
  return verdictOf(code, output);
}

/** The copied tests import the copied modules. */
async function judgeByTests(scratch: string, text: string): Promise<Verdict> {
  const directory = join(scratch, "dist", "test");
  await cp(join(repository, "dist", "test"), directory, { recursive: true });
  const files = (await readdir(directory, { recursive: true }))
    .filter((name) => name.endsWith(".test.js") && name.includes(text))
    .map((name) => join(directory, name));
  if (files.length === 0) throw new Error(`no test file has ${text} in its path`);
  const { output } = await runToEnd(["--test", "--test-reporter=tap", ...files], {});
  const failed = /^not ok \d+ - (.*)$/m.exec(output.replaceAll(/^ +/gm, ""));
  const passed = /^ok \d+ - /m.test(output.replaceAll(/^ +/gm, ""));
  // If no test passes, the copy of the build is broken in another way, and the tests have not
  // noticed the mistake.
  if (failed !== null && passed) return { caught: true, text: failed[1] ?? "" };
  return { caught: false, text: lastLines(output) };
}

async function runToEnd(args: readonly string[], environment: Readonly<Record<string, string>>) {
  await using child = run(process.execPath, args, environment);
  const tooLong = setTimeout(() => child.signal("SIGINT"), limitMs);
  const { code } = await child.exited;
  clearTimeout(tooLong);
  return { code, output: child.output() };
}

function lastLines(output: string): string {
  return output.split("\n").slice(-8).join("\n    ");
}

/**
 * Returns that the mistake was caught only if the output has the command that repeats a finding. A
 * broken harness fails too, but prints no such command.
 */
function verdictOf(code: number | null, output: string): Verdict {
  const lines = output.split("\n");
  const again = lines.findIndex((line) => line.startsWith("  again: npm run lab -- crash"));
  const finding = lines.slice(0, Math.max(0, again)).find((line) => line.startsWith("  "));
  if (code === 1 && finding !== undefined) return { caught: true, text: finding.trim() };
  return { caught: false, text: lastLines(output) };
}

/** Makes a copy of the program with the mistake. Returns the path of its main module. */
async function build(mutant: Mutant, scratch: string): Promise<string> {
  const dist = join(scratch, "dist");
  for (const part of ["src", "gen"]) {
    await cp(join(repository, "dist", part), join(dist, part), { recursive: true });
  }
  await cp(join(repository, "package.json"), join(scratch, "package.json"));
  await symlink(join(repository, "node_modules"), join(scratch, "node_modules"));
  await writeFile(join(dist, "src", mutant.file), await patched(mutant));
  return join(dist, "src", "main.js");
}

await main(process.argv.slice(2));
