// Defines the results that every kind of crash state reports to the player.

/** Holds the result of judging the store in one state. */
export interface Verdict {
  readonly problems: readonly string[];
  /** The caller's answer, how the start ended, or which of several allowed outcomes occurred. */
  readonly outcome?: string;
}

export interface StateResult extends Verdict {
  readonly kind: string;
  readonly scenario: string;
  /** The name of the state for `--state`. Together with the seed, it repeats the state. */
  readonly state: string;
  /** False if the daemon never reached the point of the fault. */
  readonly reached: boolean;
  /** The system call at which the fault was injected. */
  readonly call?: string;
  /** The directory of the played recording, if it was kept. */
  readonly recording?: string | undefined;
}

export interface PlayOptions {
  readonly seed: number;
  /** The approximate number of states. A kind may play a few more or less. */
  readonly states: number;
  /**
   * If this is true, `states` is ignored, and every system call fails once with each error of
   * `diskErrors`. Only kinds that inject faults at system calls support this.
   */
  readonly every?: boolean;
  /** The number of concurrent states. */
  readonly jobs: number;
  /** Names the scratch space, on a disk with free space. */
  readonly directory: string;
  /** Plays only the states whose name begins with this text. */
  readonly only?: string | undefined;
  /** Plays only these scenarios. */
  readonly scenarios?: readonly string[] | undefined;
  /** Plays states of this recording instead of making new recordings. */
  readonly recording?: string | undefined;
  /**
   * Recordings with findings are copied to this directory. If it is undefined, no recording is
   * kept.
   */
  readonly keep?: string | undefined;
  readonly report: (result: StateResult) => void;
  /** No further state begins when this signal fires. */
  readonly signal: AbortSignal;
}

export interface Kind {
  readonly name: string;
  /** True if the kind injects faults at system calls, so that it can try every call. */
  readonly strikesCalls?: boolean;
  /** Returns why the kind cannot run here, or false. */
  cannot(): string | false;
  play(options: PlayOptions): Promise<void>;
}

/** Makes a generator of numbers in [0, 1) that a seed determines (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [result[last], result[other]] = [result[other] as T, result[last] as T];
  }
  return result;
}

/** Runs `work` on every item, `jobs` at a time. Rejects with the first error. */
export async function inLanes<T>(
  items: readonly T[],
  jobs: number,
  work: (item: T, lane: number) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  const lane = async (_: unknown, index: number): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift())
      await work(item, index);
  };
  await Promise.all(Array.from({ length: jobs }, lane));
}
