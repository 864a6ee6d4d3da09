// `npm run lab -- bench-variants NAME=DIR[,FLAG=VALUE]... --rounds N --mib N [--only CASE]` runs
// builds, or one build with other flags of `serve`, in the same rounds. DIR is a checkout that was
// built. A flag that starts with a capital is an environment variable. The program prints how each
// build compares with the first.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { open, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { createCleanup } from "../src/base/cleanup.js";
import { connect, createFromLocalDirectory, type Client } from "../src/client/index.js";
import { runModule } from "../test/support/child.js";
import { alternate, median, type Case, type Outcome } from "./alternate.js";
import { drop, gib, makeDense, memoryOf, mib, withScratch } from "./scene.js";
import type { VariantRun } from "./variant-client.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "7" },
    mib: { type: "string", default: "512" },
    only: { type: "string", multiple: true },
  },
});

interface Variant extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly client: Client;
  readonly child: ChildProcess;
}

async function startVariant(spec: string, scratch: string): Promise<Variant> {
  const [, name = "", directory = "", rest = ""] = /^([^=,]+)=([^,]+)(?:,(.*))?$/.exec(spec) ?? [];
  if (name === "") throw new Error(`expected NAME=DIR[,FLAG=VALUE]..., got ${spec}`);
  const settings = rest === "" ? [] : rest.split(",");
  const isEnv = (setting: string): boolean => /^[A-Z]/.test(setting);
  const env = Object.fromEntries(settings.filter(isEnv).map((each) => each.split("=")));
  const flags = settings.filter((setting) => !isEnv(setting)).map((setting) => `--${setting}`);
  const program = pathToFileURL(join(resolve(directory), "dist/src/main.js"));
  const root = join(scratch, name);
  const daemon = runModule(program, ["serve", `--root=${root}`, "--reserve=0", ...flags], env);
  const [, address = ""] = await daemon.line(/^listening on (unix:.*)$/);
  const child = fork(new URL("./variant-client.js", import.meta.url), [
    resolve(directory),
    address,
  ]);
  await once(child, "message");
  const client = connect(address);
  return {
    ...{ name, child, client, pid: daemon.pid },
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      child.kill("SIGKILL");
      daemon.signal("SIGTERM");
      await daemon.exited;
    },
  };
}

interface Load {
  readonly name: VariantRun["name"];
  readonly count: number;
}

const streams = 16;
const inspects = 2000;
const loads: readonly Load[] = [
  ...(["Create", "Import", "Restore", "Export"] as const).map((name) => ({ name, count: 1 })),
  ...(["Create", "Restore"] as const).map((name) => ({ name, count: streams })),
  { name: "Inspect", count: inspects },
];

/**
 * Peak RSS of the daemon in each round, in bytes, by the name of the case. The first round is the
 * warm-up.
 */
type Peaks = Map<string, number[]>;

interface Scene {
  readonly bytes: number;
  readonly source: string;
  readonly small: string;
  readonly archive: string;
  readonly peaks: Peaks;
}

function toCase(variant: Variant, load: Load, scene: Scene): Case {
  const name = `${variant.name}: ${titleOf(load)}`;
  const isMany = load.count === streams;
  const run: VariantRun = {
    ...load,
    source: isMany ? scene.small : scene.source,
    ref: isMany ? "small" : "kept",
    archive: scene.archive,
  };
  return {
    name,
    bytes: load.name === "Inspect" ? 0 : scene.bytes,
    run: async () => {
      // Resets the peak (proc_pid_clear_refs(5)).
      await writeFile(`/proc/${variant.pid}/clear_refs`, "5");
      variant.child.send(run);
      const [answer] = (await once(variant.child, "message")) as [number | string];
      if (typeof answer === "string") throw new Error(`${name}: ${answer}`);
      const { peakBytes } = await memoryOf(variant.pid);
      scene.peaks.set(name, [...(scene.peaks.get(name) ?? []), peakBytes]);
      return answer;
    },
    after: async () => {
      if (load.name !== "Create" && load.name !== "Import") return;
      for (let index = 0; index < load.count; index += 1) {
        await drop(variant.client, `new-${index}`);
      }
    },
    processes: [variant.pid, variant.child.pid ?? -1],
  };
}

function titleOf({ name, count }: Load): string {
  return count === 1 ? name : `${count} × ${name}`;
}

function printRatios(
  variants: readonly Variant[],
  outcomes: readonly Outcome[],
  wanted: readonly Load[],
  peaks: Peaks,
): void {
  const [base, ...others] = variants;
  if (base === undefined) return;
  const table = new Table({
    style: { head: [], border: [] },
    head: ["CASE", "VARIANT", "TIME", "CPU", "PEAK RSS", `${base.name}: CPU s/GiB`],
  });
  const over = (subject: readonly number[], peer: readonly number[]): string => {
    const each = subject.map((value, round) => value / (peer[round] ?? Number.NaN));
    const [low, high] = [Math.min(...each), Math.max(...each)];
    return `${median(each).toFixed(3)} (${low.toFixed(2)}-${high.toFixed(2)})`;
  };
  for (const load of wanted) {
    const found = (variant: Variant): { outcome?: Outcome; peak: readonly number[] } => {
      const name = `${variant.name}: ${titleOf(load)}`;
      const outcome = outcomes.find((each) => each.name === name);
      return { ...(outcome && { outcome }), peak: (peaks.get(name) ?? []).slice(1) };
    };
    const { outcome: peer, peak: peerPeak } = found(base);
    if (peer === undefined) continue;
    const perGib =
      peer.bytes === 0 ? "" : (median(peer.cpuSeconds) / (peer.bytes / gib)).toFixed(2);
    for (const variant of others) {
      const { outcome, peak } = found(variant);
      if (outcome === undefined) continue;
      const cpu = over(outcome.cpuSeconds, peer.cpuSeconds);
      const name = titleOf(load);
      table.push([
        name,
        variant.name,
        over(outcome.times, peer.times),
        cpu,
        over(peak, peerPeak),
        perGib,
      ]);
    }
  }
  console.log(`Each ÷ ${base.name}, median of ${values.rounds} rounds (lowest-highest)`);
  console.log(table.toString());
}

async function main(): Promise<void> {
  const bytes = Number(values.mib) * mib;
  const wanted = loads.filter(
    (load) => values.only === undefined || values.only.includes(titleOf(load)),
  );
  await withScratch(async (scratch) => {
    await using cleanup = createCleanup();
    const source = await makeDense(join(scratch, "source"), bytes);
    const small = await makeDense(join(scratch, "small"), Math.round(bytes / streams));
    const archive = join(scratch, "kept.tar");
    const variants: Variant[] = [];
    for (const spec of positionals) {
      const variant = await startVariant(spec, scratch);
      cleanup.defer(async () => variant[Symbol.asyncDispose]());
      variants.push(variant);
      await createFromLocalDirectory(variant.client, source, { config: { name: "kept" } });
      await createFromLocalDirectory(variant.client, small, { config: { name: "small" } });
    }
    const [base] = variants;
    if (base === undefined) throw new Error("expected NAME=DIR[,FLAG=VALUE]... at least once");
    const handle = await open(archive, "wx");
    for await (const chunk of (await base.client.export("kept")).bytes) await handle.write(chunk);
    await handle.close();
    const peaks: Peaks = new Map();
    const scene: Scene = { bytes, source, small, archive, peaks };
    const cases = wanted.flatMap((load) => variants.map((each) => toCase(each, load, scene)));
    const outcomes = await alternate(cases, Number(values.rounds));
    printRatios(variants, outcomes, wanted, peaks);
  });
}

await main();
