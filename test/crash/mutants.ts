// `npm run mutants`: puts each seeded mistake into a copy of the build and plays crash states on it.
// A mutant that nobody notices is a hole in the harness: the command then fails.
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../support/child.js";
import { cannotStrace } from "../support/scratch.js";
import { mutants, type Mutant } from "./mutant-list.js";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const limitMs = 5 * 60_000;

interface Verdict {
  readonly caught: boolean;
  /** The first finding, or what the harness said when it found none. */
  readonly text: string;
}

/** `npm run mutants -- TEXT` takes only those whose name holds the text. */
async function main([text = ""]: readonly string[]): Promise<void> {
  const why = cannotStrace();
  if (why !== false) throw new Error(why);
  const wanted = mutants.filter(({ name }) => name.includes(text));
  let survivors = 0;
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
    const { kind, scenarios, states } = mutant;
    const options = { kind, scenario: scenarios, states: String(states), jobs: "1" };
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    const runner = join(repository, "dist/test/crash/run.js");
    await using harness = run(process.execPath, [runner, "--stop", ...args], {
      STASIS_PROGRAM: program,
    });
    const tooLong = setTimeout(() => harness.signal("SIGINT"), limitMs);
    const { code } = await harness.exited;
    clearTimeout(tooLong);
    return verdictOf(code, harness.output());
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A harness that broke by itself has found nothing: only a finding prints how to play it again. */
function verdictOf(code: number | null, output: string): Verdict {
  const lines = output.split("\n");
  const again = lines.findIndex((line) => line.startsWith("  again: npm run crash"));
  const finding = lines.slice(0, Math.max(0, again)).find((line) => line.startsWith("  "));
  if (code === 1 && finding !== undefined) return { caught: true, text: finding.trim() };
  return { caught: false, text: lines.slice(-8).join("\n    ") };
}

/** A copy of the program with the mistake in it; returns its main module. */
async function build({ name, file, find, replace }: Mutant, scratch: string): Promise<string> {
  const dist = join(scratch, "dist");
  for (const part of ["src", "gen"]) {
    await cp(join(repository, "dist", part), join(dist, part), { recursive: true });
  }
  await cp(join(repository, "package.json"), join(scratch, "package.json"));
  await symlink(join(repository, "node_modules"), join(scratch, "node_modules"));
  const path = join(dist, "src", file);
  const parts = (await readFile(path, "utf8")).split(find);
  if (parts.length !== 2) {
    throw new Error(
      `mutant "${name}": expected its text once in ${file}, found it ${parts.length - 1} times`,
    );
  }
  await writeFile(path, parts.join(replace));
  return join(dist, "src", "main.js");
}

await main(process.argv.slice(2));
