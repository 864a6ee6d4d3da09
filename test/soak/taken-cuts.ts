// Plays power cuts around TakeToDirectory: disks from the recorded writes of a daemon that moved
// snapshots out of the store, with and without kills in between.
import { logKind } from "../crash/log-kind.js";
import { createReport, failureText } from "../crash/report.js";
import type { SoakResult } from "./soak-main.js";

interface CutsOptions {
  readonly directory: string;
  readonly seed: number;
  readonly cuts: number;
  readonly signal: AbortSignal;
}

const scenarios = ["take", "take-linked", "recover-take", "recover-take-linked"];

export async function playCuts(options: CutsOptions): Promise<SoakResult> {
  const { cuts: states, seed, ...rest } = options;
  const why = logKind.cannot();
  if (why !== false) return { problems: [`no power cuts: ${why}`], counts: new Map() };
  const report = createReport();
  await logKind.play({ ...rest, seed, states, jobs: 2, scenarios, report: report.add });
  const problems = report.failures().map((result) => failureText(result, seed));
  return { problems, counts: new Map([["power cuts", report.reached(logKind.name)]]) };
}
