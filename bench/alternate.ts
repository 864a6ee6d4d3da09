// Runs cases alternately, round after round, so that noise of the machine affects all of them
// alike.
import { readFileSync } from "node:fs";

export interface Case {
  readonly name: string;
  /**
   * Bytes that one run moves, from which the rate is computed. 0 means that the case has no rate.
   */
  readonly bytes: number;
  /**
   * Performs one run. If only a part of the run should be measured, it returns the milliseconds of
   * that part.
   */
  readonly run: () => Promise<number | void>;
  /** Runs after each run, and is not measured. */
  readonly after?: () => Promise<void>;
  /** Processes whose CPU time counts for the case, in addition to this one. */
  readonly processes?: readonly number[];
}

export interface Outcome {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds of each round, in order. */
  readonly times: readonly number[];
  /** CPU time of each round in seconds, of this process and of the case's processes. */
  readonly cpuSeconds: readonly number[];
}

/** Runs the cases. The first round is a warm-up and does not count. */
export async function alternate(cases: readonly Case[], rounds: number): Promise<Outcome[]> {
  const times = cases.map((): number[] => []);
  const cpuSeconds = cases.map((): number[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, { name, run, after, processes = [] }] of cases.entries()) {
      process.stderr.write(`\r\x1b[K${round + 1}/${rounds} ${name}`);
      const cpuBefore = cpuSecondsOf([process.pid, ...processes]);
      const started = performance.now();
      const own = await run();
      const taken = own ?? performance.now() - started;
      const cpu = cpuSecondsOf([process.pid, ...processes]) - cpuBefore;
      await after?.();
      if (round < 0) continue;
      times[index]?.push(taken);
      cpuSeconds[index]?.push(cpu);
    }
  }
  process.stderr.write("\r\x1b[K");
  return cases.map(({ name, bytes }, index) => ({
    name,
    bytes,
    times: times[index] ?? [],
    cpuSeconds: cpuSeconds[index] ?? [],
  }));
}

/**
 * Returns the user and system time of these processes in seconds, from proc_pid_stat(5). The unit
 * there is 1/100 s on Linux.
 */
function cpuSecondsOf(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, own) => sum + own, 0) / 100;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/**
 * Returns the median over the rounds of `peer`'s time divided by `subject`'s. Above 1, the subject
 * is faster.
 */
export function ratio(
  peer: Outcome,
  subject: Outcome,
): { median: number; low: number; high: number } {
  const each = subject.times.map((time, round) => (peer.times[round] ?? Number.NaN) / time);
  return { median: median(each), low: Math.min(...each), high: Math.max(...each) };
}
