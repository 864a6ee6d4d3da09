// Implements `npm run lab -- rehearsal`: two nodes under load, a real Prometheus with the shipped
// alerts, and one fault that is not announced. The player finds it with the page, the alerts and
// the runbook.
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { removeScratch } from "../support/scratch.js";
import { openDesk, type Desk } from "./desk.js";
import { faults, scenarioNames, type ScenarioName } from "./faults.js";
import { cannotRehearse, openStage, type Stage } from "./stage.js";
import { followAlerts, type Timeline } from "./timeline.js";

const { values } = parseArgs({
  options: {
    scenario: { type: "string" },
    secret: { type: "string" },
    reveal: { type: "string" },
    hurry: { type: "string", default: "10" },
    minutes: { type: "string", default: "20" },
    after: { type: "string" },
  },
});

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Returns a generator of numbers from 0 to less than 1. Equal seeds give equal numbers. */
function randomFrom(seed: string): () => number {
  let state = createHash("sha256").update(`rehearsal ${seed}`).digest();
  return () => {
    state = createHash("sha256").update(state).digest();
    return state.readUInt32BE(0) / 2 ** 32;
  };
}

interface Plan {
  readonly name: ScenarioName;
  readonly seed: string;
  readonly random: () => number;
  /** The time before the fault, in seconds. */
  readonly afterSeconds: number;
}

function plan(): Plan {
  const seed = values.secret ?? randomBytes(6).toString("hex");
  const random = randomFrom(seed);
  const any = scenarioNames[Math.floor(random() * scenarioNames.length)];
  const afterSeconds = Math.round(20 + random() * 40);
  const name = scenarioNames.find((each) => each === (values.scenario ?? any));
  if (name === undefined) throw new Error(`--scenario is one of ${scenarioNames.join(", ")}`);
  return { name, seed, random, afterSeconds: Number(values.after ?? afterSeconds) };
}

/** Encodes the facts so that nobody reads them by accident. This is not a protection. */
function seal(facts: object): string {
  return `${Buffer.from(JSON.stringify(facts)).toString("base64")}\n`;
}

async function reveal(path: string): Promise<void> {
  say(Buffer.from(await readFile(path, "utf8"), "base64").toString());
}

function introduce(stage: Stage, desk: Desk, sealed: string): void {
  const { node1, prometheus, operatorToken } = stage;
  say(`You look after node1; node2 is the other node. Something will go wrong with node1.

  page       http://${node1.admin}/
  its token  ${operatorToken}
  alerts     ${prometheus.url}/alerts   (JSON: ${prometheus.url}/api/v1/alerts)
  runbook    docs/runbook.md
  commands   export PATH=${desk.commands}:$PATH
             stasis, journalctl and systemctl are those of node1, as the runbook writes them
  answer     echo NAME >${desk.answerFile}
             NAME: ${scenarioNames.join(", ")}; or "end"
  end        kill -INT ${process.pid}; in ${values.minutes} minutes it ends by itself
  sealed     ${sealed}
`);
}

interface Played {
  readonly beganAt: number;
  readonly answers: readonly string[];
}

/** Causes the fault, and checks answers until the rehearsal ends. */
async function play(stage: Stage, desk: Desk, chosen: Plan, ending: AbortSignal): Promise<Played> {
  const answers: string[] = [];
  await pause(chosen.afterSeconds * 1000, undefined, { signal: ending }).catch(() => undefined);
  let beganAt = performance.now();
  if (ending.aborted) return { beganAt, answers };
  const undo = await faults[chosen.name].begin(stage, chosen.random);
  beganAt = performance.now();
  try {
    for (let answer = ""; answer !== "end" && !ending.aborted;) {
      await pause(250, undefined, { signal: ending }).catch(() => undefined);
      answer = (await desk.takeAnswer()) ?? "";
      if (answer === "" || answer === "end") continue;
      const seconds = Math.round((performance.now() - beganAt) / 1000);
      const verdict = answer === chosen.name ? "right" : "wrong";
      answers.push(`${String(seconds).padStart(6)} s  ${answer}: ${verdict}`);
      say(`${answer}: ${verdict}, ${seconds} s after it began`);
    }
  } finally {
    // The player may already have repaired the fault.
    await undo().catch(() => undefined);
  }
  return { beganAt, answers };
}

function report(
  chosen: Plan,
  { beganAt, answers }: Played,
  timeline: Timeline,
  load: string,
): void {
  const { name, seed } = chosen;
  say(`
scenario  ${name}: ${faults[name].what} (seed ${seed})
alerts    seconds since the fault began
${timeline.lines(beganAt).join("\n")}
answers
${answers.join("\n")}
callers
${load}`);
}

async function main(): Promise<void> {
  const chosen = plan();
  const missing = cannotRehearse();
  if (missing !== false) {
    say(`skipped: ${missing}`);
    process.exitCode = 2;
    return;
  }
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => ending.abort());
  }
  setTimeout(() => ending.abort(), Number(values.minutes) * 60_000).unref();
  const directory = await mkdtemp(join(tmpdir(), "stasis-r-"));
  try {
    say("Two nodes, their callers and Prometheus start; that takes some seconds.");
    await using stage = await openStage({
      ...{ directory, hurry: Number(values.hurry), intervalMs: 3000 },
    });
    const desk = await openDesk(directory, stage);
    const sealed = join(directory, "sealed");
    await writeFile(sealed, seal({ scenario: chosen.name, seed: chosen.seed }), { mode: 0o600 });
    await using timeline = followAlerts(stage.prometheus);
    introduce(stage, desk, sealed);
    const played = await play(stage, desk, chosen, ending.signal);
    report(chosen, played, timeline, stage.load.tally());
  } finally {
    await removeScratch(directory);
  }
}

await (values.reveal === undefined ? main() : reveal(values.reveal));
