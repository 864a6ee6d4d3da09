// Implements `npm run lab -- model-remote`. It explores the scenes of the remote's protocols,
// including those that are too large for `npm test`, and prints how each mistake loses data.
import { parseArgs } from "node:util";
import { explore, type Exploration } from "./explorer.js";
import { mutations, type Mutation } from "./mutations.js";
import { scenes, type Scene, type Variant } from "./scenes.js";

const usage = `Usage: npm run lab -- model-remote [options]
  --scene NAME      one scene (default: all that are small; may be repeated)
  --mutation NAME   all actors make this mistake; the default scene is the one that shows it
  --faults N        requests that may get no answer, instead of the scene's own number
  --torn            listings see some of the changes that are made meanwhile
  --max-states N    ends a scene after this many states (default 5000000)
  --max-seconds N   the same for its CPU time (default 600)
  --list            names the scenes and the mistakes
`;

interface Options {
  readonly chosen: readonly Scene[];
  readonly variant: Variant;
  readonly maxStates: number;
  readonly maxCpuMs: number;
}

function main(): number {
  const { values } = parseArgs({
    options: {
      scene: { type: "string", multiple: true },
      mutation: { type: "string" },
      faults: { type: "string" },
      torn: { type: "boolean" },
      "max-states": { type: "string", default: "5000000" },
      "max-seconds": { type: "string", default: "600" },
      list: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) return print(usage);
  if (values.list === true) return print(listing());
  const { mutation, faults } = values;
  if (mutation !== undefined && !isMutation(mutation)) return refuse(`no mistake "${mutation}"`);
  const names = values.scene ?? (mutation === undefined ? undefined : [mutations[mutation]]);
  const chosen = scenes.filter(({ name, long }) => names?.includes(name) ?? !long);
  if (chosen.length === 0) return refuse(`no scene "${names?.join(" ")}"`);
  return exploreAll({
    chosen,
    variant: {
      mutation,
      faults: faults === undefined ? undefined : Number(faults),
      tornListings: values.torn,
    },
    maxStates: Number(values["max-states"]),
    maxCpuMs: 1000 * Number(values["max-seconds"]),
  });
}

/**
 * Returns 1 if a protocol without a mistake has failed, if a mistake was not noticed, or if a scene
 * was not explored completely.
 */
function exploreAll({ chosen, variant, ...bounds }: Options): number {
  let status = 0;
  for (const scene of chosen) {
    const found = explore(scene.system(variant), bounds);
    print(`${scene.name}: ${scene.what}\n  ${verdictOf(found)}\n`);
    for (const line of found.violation?.trace ?? []) print(`    ${line}\n`);
    const expected = variant.mutation !== undefined;
    if ((found.violation !== undefined) !== expected || found.unfinished !== undefined) status = 1;
  }
  return status;
}

function verdictOf({ states, shared, cpuMs, violation, missed, unfinished }: Exploration): string {
  const mib = Math.round(process.memoryUsage.rss() / 2 ** 20);
  const size = `${states} states, ${shared} worlds, ${(cpuMs / 1000).toFixed(1)} s, ${mib} MiB`;
  if (violation !== undefined) return `${size}: VIOLATION: ${violation.wrong}`;
  if (unfinished !== undefined) return `${size}: not explored wholly, ${unfinished}`;
  return `${size}: holds${missed.length > 0 ? `; never reached: ${missed.join(", ")}` : ""}`;
}

function listing(): string {
  const named = scenes.map(({ name, what, long }) => `${name}${long ? " (long)" : ""}: ${what}`);
  const mistakes = Object.entries(mutations).map(([name, scene]) => `${name} (in ${scene})`);
  return `Scenes\n  ${named.join("\n  ")}\n\nMistakes\n  ${mistakes.join("\n  ")}\n`;
}

function isMutation(name: string): name is Mutation {
  return Object.hasOwn(mutations, name);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function refuse(problem: string): number {
  process.stderr.write(`model-remote: ${problem}; --list names them.\n`);
  return 2;
}

process.exitCode = main();
