// Runs cases in turn, round after round, so that noise of the machine meets all of them alike.

export interface Case {
  readonly name: string;
  /** Bytes that one run moves, to print a rate. 0: none. */
  readonly bytes: number;
  /** One run. What it returns in place of its own time counts, when only a part is to be measured. */
  readonly run: () => Promise<number | void>;
  /** Between runs, not measured. */
  readonly after?: () => Promise<void>;
}

export interface Outcome {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds of each round, in order. */
  readonly times: readonly number[];
}

/** The first round warms up and does not count. */
export async function alternate(cases: readonly Case[], rounds: number): Promise<Outcome[]> {
  const times = cases.map((): number[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, { name, run, after }] of cases.entries()) {
      process.stderr.write(`\r\x1b[K${round + 1}/${rounds} ${name}`);
      const started = performance.now();
      const own = await run();
      const taken = own ?? performance.now() - started;
      await after?.();
      if (round >= 0) times[index]?.push(taken);
    }
  }
  process.stderr.write("\r\x1b[K");
  return cases.map(({ name, bytes }, index) => ({ name, bytes, times: times[index] ?? [] }));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/** Median over the rounds of `peer`'s time over `subject`'s: above 1, the subject is faster. */
export function ratio(
  peer: Outcome,
  subject: Outcome,
): { median: number; low: number; high: number } {
  const each = subject.times.map((time, round) => (peer.times[round] ?? Number.NaN) / time);
  return { median: median(each), low: Math.min(...each), high: Math.max(...each) };
}
