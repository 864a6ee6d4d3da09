// What every kind of crash state tells the one who plays it.

/** What became of the store in one state. */
export interface Verdict {
  readonly problems: readonly string[];
  /** What the caller was told, how the start ended, or which of several allowed ends it was. */
  readonly outcome?: string;
}

export interface StateResult extends Verdict {
  readonly kind: string;
  readonly scenario: string;
  /** Names the state for `--state`: together with the seed it can be played again. */
  readonly state: string;
  /** False when the daemon never came to the point where it was to be struck. */
  readonly reached: boolean;
  /** The system call that was struck. */
  readonly call?: string;
  /** Directory with the recording that was played, if it was kept for a repetition. */
  readonly recording?: string | undefined;
}

export interface PlayOptions {
  readonly seed: number;
  /** About how many; a kind may play a few more or less. */
  readonly states: number;
  /**
   * Instead of `states`: every system call fails once with each error of `diskErrors`, none left
   * out. Only kinds that strike at system calls can do that.
   */
  readonly every?: boolean;
  /** How many at once. */
  readonly jobs: number;
  /** Scratch space, on a disk with room. */
  readonly directory: string;
  /** Plays just the states whose name begins with this. */
  readonly only?: string | undefined;
  /** Plays only these scenarios. */
  readonly scenarios?: readonly string[] | undefined;
  /** Plays states of this recording instead of making others. */
  readonly recording?: string | undefined;
  /** Recordings with findings are moved there; without it they are removed. */
  readonly keep?: string | undefined;
  readonly report: (result: StateResult) => void;
  /** No further state begins when it fires. */
  readonly signal: AbortSignal;
}

export interface Kind {
  readonly name: string;
  /** It strikes at system calls, and so can play every one of them. */
  readonly strikesCalls?: boolean;
  /** Why it cannot be played here, or false. */
  cannot(): string | false;
  play(options: PlayOptions): Promise<void>;
}

/** A generator of numbers in [0, 1) that a seed decides (mulberry32). */
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

/** Runs `work` on every item, `jobs` at once; an error ends all. */
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
