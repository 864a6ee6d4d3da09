// Reduces a failing run. It leaves out rounds, then calls, as long as the run still fails.
import type { PlannedCall, Round } from "./plan.js";

export interface Shrinking {
  /** Plays the rounds on an empty store. Returns true if a problem occurred again. */
  fails(rounds: readonly Round[]): Promise<boolean>;
  /** The maximum number of runs. */
  readonly maxTrials: number;
  readonly signal: AbortSignal;
}

export interface Shrunk {
  readonly rounds: readonly Round[];
  /** False if the run never failed again. */
  readonly reproduced: boolean;
  readonly trials: number;
}

/** Reduces `rounds`, a run whose last round failed. */
export async function shrinkRounds(
  rounds: readonly Round[],
  { fails, maxTrials, signal }: Shrinking,
): Promise<Shrunk> {
  let trials = 0;
  let reproduced = false;
  let smallest = rounds;
  const attempt = async (candidate: readonly Round[]): Promise<boolean> => {
    if (trials >= maxTrials || signal.aborted) return false;
    trials += 1;
    if (!(await fails(candidate))) return false;
    reproduced = true;
    smallest = candidate;
    return true;
  };
  for (let kept = 1; !reproduced && kept < rounds.length * 2; kept *= 2) {
    // A failure that depends on timing does not occur each time.
    for (let again = 0; again < 3 && !reproduced; again += 1) await attempt(rounds.slice(-kept));
  }
  if (!reproduced) return { rounds, reproduced, trials };
  await attempt(smallest.map((round) => ({ ...round, end: { kind: "quiet" } })));
  const count = (): number => callsOf(smallest).length;
  for (let size = Math.ceil(count() / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < count();) {
      const removed = new Set(callsOf(smallest).slice(start, start + size));
      if (!(await attempt(without(smallest, removed)))) start += size;
      if (trials >= maxTrials || signal.aborted) return { rounds: smallest, reproduced, trials };
    }
  }
  return { rounds: smallest, reproduced, trials };
}

export function callsOf(rounds: readonly Round[]): PlannedCall[] {
  return rounds.flatMap(({ clients }) => clients.flat());
}

function without(rounds: readonly Round[], removed: ReadonlySet<PlannedCall>): Round[] {
  return rounds.map(({ clients, end }) => {
    const left = clients.map((calls) => calls.filter((call) => !removed.has(call)));
    const calls = Math.max(1, left.flat().length);
    return end.kind === "quiet"
      ? { clients: left, end }
      : { clients: left, end: { ...end, afterCalls: Math.min(end.afterCalls, calls) } };
  });
}
