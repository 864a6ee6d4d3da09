// Implements `npm run lab -- conformance [LANGUAGE...]`. It builds the runners of the five
// languages, runs the scenario with each over TCP and over a Unix socket, and prints a table of
// cases and languages.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compareDirectories, makeSmallSource } from "../store/contents.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { compileCases, type Case, type Scenario } from "./compile.js";
import { gapsOf } from "./coverage.js";
import { startDaemons, type Daemons, type Transport } from "./daemons.js";
import {
  checkout,
  exampleEnvironment,
  exampleLine,
  languages,
  missingTool,
  type Language,
} from "./languages.js";
import { removeScratch } from "../support/scratch.js";

const usage = `Usage: npm run lab -- conformance [LANGUAGE...] [options]
  --case TEXT      only cases whose name holds TEXT
  --transport T    tcp or unix (default: both)
  --daemons FILE   do not start daemons: FILE says where they are (test/conformance/README.md)
`;

/** The usual time is one minute. */
const runLimitMs = 8 * 60_000;
const transports: readonly Transport[] = ["tcp", "unix"];

/** A runner's result for a case. */
interface Report {
  readonly case: string;
  readonly problem: string;
  readonly ms: number;
}

interface Result {
  /** The duration of each successful case, in milliseconds. */
  readonly passed: ReadonlyMap<string, number>;
  readonly problems: string[];
}

interface Plan {
  readonly cases: readonly Case[];
  readonly canaries: readonly Case[];
  readonly daemonsFile: string | undefined;
}

interface Column {
  readonly title: string;
  readonly result: Result | "not run";
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      case: { type: "string", default: "" },
      transport: { type: "string" },
      daemons: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const scenarioFile = join(checkout, "test", "conformance", "scenario.json");
  const scenario = JSON.parse(await readFile(scenarioFile, "utf8")) as Scenario;
  const problems = [...gapsOf(scenario, join(checkout, "gen", "stasis.binpb"))];
  const chosen = transports.filter((each) => (values.transport ?? each) === each);
  const cases = compileCases(scenario).filter(
    ({ case: name, only }) =>
      name.includes(values.case) && chosen.some((each) => (only ?? each) === each),
  );
  const known = languages.map(({ name }) => name);
  const unknown = positionals.filter((name) => !known.includes(name));
  // An empty run must not count as a success.
  if (unknown.length > 0 || chosen.length === 0 || cases.length === 0) {
    const nothing =
      unknown.length > 0 ? `no language ${unknown.join(", ")}` : "no such case or transport";
    process.stderr.write(`${nothing}\n${usage}`);
    return 2;
  }
  const plan = { cases, canaries: scenario.canaries, daemonsFile: values.daemons };
  const columns: Column[] = [];
  for (const language of languages) {
    if (positionals.length > 0 && !positionals.includes(language.name)) continue;
    columns.push(...(await runLanguage(language, chosen, plan)));
  }
  console.log(`\n${tableOf(cases, columns)}\n`);
  for (const { title, result } of columns) {
    if (result !== "not run") problems.push(...result.problems.map((text) => `${title}: ${text}`));
    else if (process.env["CI"] === "true") problems.push(`${title}: not run`);
  }
  for (const problem of problems) console.log(`FAILED  ${problem}`);
  return problems.length === 0 ? 0 : 1;
}

async function runLanguage(
  language: Language,
  chosen: readonly Transport[],
  plan: Plan,
): Promise<Column[]> {
  const { name } = language;
  const titles = chosen.map((transport) => ({ transport, title: `${name}/${transport}` }));
  const missing = missingTool(language);
  if (missing !== undefined) {
    console.log(`${name}: not run, there is no ${missing} in the PATH`);
    return titles.map(({ title }) => ({ title, result: "not run" }));
  }
  const started = Date.now();
  let command: readonly string[];
  try {
    command = language.build();
  } catch (error) {
    // The runners of the other languages still run.
    const result = { passed: new Map<string, number>(), problems: [messageOf(error)] };
    return titles.map(({ title }) => ({ title, result }));
  }
  const builtAfter = seconds(started);
  // The two runs are concurrent, because each has its own daemons and spends much time waiting.
  const columns = await Promise.all(
    titles.map(async ({ transport, title }) => {
      const cases = plan.cases.filter(({ only = transport }) => only === transport);
      return { title, result: await runRunner(command, transport, { ...plan, cases }) };
    }),
  );
  console.log(`${name}: built in ${builtAfter}, done after ${seconds(started)}`);
  if (plan.daemonsFile === undefined) {
    await runExample(language).catch((error: unknown) =>
      columns[0]?.result.problems.push(messageOf(error)),
    );
  }
  return columns;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}

async function runRunner(
  command: readonly string[],
  transport: Transport,
  { cases, canaries, daemonsFile }: Plan,
): Promise<Result> {
  // The path must be short, because the path of a Unix socket has at most 107 bytes.
  const scratch = await mkdtemp(join(tmpdir(), "conf-"));
  try {
    await using daemons =
      daemonsFile === undefined
        ? await startDaemons(scratch, transport)
        : await describedDaemons(daemonsFile);
    const job = join(scratch, "job.json");
    const { targets, vars } = daemons;
    const all = [...canaries, ...cases];
    await writeFile(job, JSON.stringify({ targets, vars, command, cases: all }));
    const { output, errors, ended } = await runToEnd([...command, job]);
    const passed = new Map<string, number>();
    const problems: string[] = [];
    for (const line of output.split("\n").filter((text) => text.startsWith("{"))) {
      const { case: name, problem, ms } = JSON.parse(line) as Report;
      const sings = name.startsWith("canary");
      if (problem !== "" && !sings) problems.push(`${name}: ${problem}`);
      else if (problem === "" && sings) problems.push(`${name}: passed, though it must not`);
      else passed.set(name, ms);
    }
    if (passed.size + problems.length < all.length) {
      problems.push(`${ended} before the last case; ${errors}${daemons.output().slice(-4000)}`);
    }
    return { passed, problems };
  } finally {
    await removeScratch(scratch);
  }
}

/** Runs the program in examples/, which stores a directory, and compares the restored files. */
async function runExample({ name }: Language): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "conf-"));
  try {
    const source = await makeSmallSource(join(scratch, "source"));
    const restored = join(scratch, "restored");
    await mkdir(restored);
    await using daemon = await startDaemonProcess(join(scratch, "root"));
    const line = exampleLine(name, daemon.address, source, restored);
    const { errors, ended } = await runToEnd(["bash", "-eo", "pipefail", "-c", line]);
    if (ended !== "ended with status 0")
      throw new Error(`the example of ${name} ${ended}: ${errors}`);
    await compareDirectories(restored, source);
  } finally {
    await removeScratch(scratch);
  }
}

/** Reads the addresses of daemons that another program runs. */
async function describedDaemons(file: string): Promise<Daemons> {
  const { targets, vars } = JSON.parse(await readFile(file, "utf8")) as Daemons;
  return { targets, vars, output: () => "", [Symbol.asyncDispose]: async () => undefined };
}

function runToEnd(
  argv: readonly string[],
): Promise<{ output: string; errors: string; ended: string }> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    cwd: checkout,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...exampleEnvironment },
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const limit = setTimeout(() => child.kill("SIGKILL"), runLimitMs);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(limit);
      resolve({ output, errors, ended: `ended with ${signal ?? `status ${code}`}` });
    });
  });
}

function tableOf(cases: readonly Case[], columns: readonly Column[]): string {
  const width = Math.max(...cases.map((each) => each.case.length));
  const rows = cases.map(({ case: name, only }) => [
    name.padEnd(width),
    ...columns.map(({ title, result }) => {
      const text = cellOf(name, result, only !== undefined && !title.endsWith(`/${only}`));
      return text.padStart(title.length);
    }),
  ]);
  return [[" ".repeat(width), ...columns.map(({ title }) => title)], ...rows]
    .map((row) => row.join("  "))
    .join("\n");
}

function cellOf(name: string, result: Column["result"], elsewhere: boolean): string {
  if (result === "not run") return "not run";
  if (elsewhere) return "-";
  const ms = result.passed.get(name);
  return ms === undefined ? "FAILED" : `${ms} ms`;
}

process.exitCode = await main();
