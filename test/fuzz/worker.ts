// Runs the fuzzing loop in its own thread. The loop selects an input, changes it, runs the parser,
// and keeps inputs that reach a new branch. The current input is in shared memory, so that a hang
// can be examined.
import { parentPort, workerData } from "node:worker_threads";
import { createRandom } from "../support/random.js";
import { collectCoverage } from "./coverage.js";
import { loadTarget, type FuzzTarget } from "./fuzz-targets.js";
import { mutate } from "./mutate.js";
import { placeOf } from "./place.js";

export interface WorkerJob {
  readonly target: FuzzTarget;
  readonly seed: number;
  /** The duration of the mutations. If it is 0, only the given inputs run. */
  readonly milliseconds: number;
  readonly inputs: readonly Uint8Array[];
  /** See `collectCoverage`. */
  readonly coarse: boolean;
  /** The run ends after this many different findings. */
  readonly maxFindings: number;
  readonly shared: SharedInput;
}

export interface SharedInput {
  /** Contains the number of executions begun, and the length of the input. */
  readonly counts: Uint32Array;
  readonly bytes: Uint8Array;
}

export type WorkerMessage =
  | { readonly kind: "kept"; readonly input: Uint8Array }
  | { readonly kind: "finding"; readonly input: Uint8Array; readonly text: string }
  | { readonly kind: "done"; readonly branches: number; readonly of: number };

async function main(job: WorkerJob): Promise<void> {
  const coverage = collectCoverage(job.coarse);
  const parse = await loadTarget(job.target);
  const pool: Uint8Array[] = [];
  const findings = new Set<string>();
  const { counts, bytes } = job.shared;

  const execute = async (input: Uint8Array): Promise<void> => {
    bytes.set(input.subarray(0, bytes.length));
    counts[1] = Math.min(input.length, bytes.length);
    Atomics.add(counts, 0, 1);
    coverage.reset();
    try {
      const running = parse(Buffer.from(input));
      if (running !== undefined) await running;
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const where = placeOf(text);
      if (!findings.has(where)) tell({ kind: "finding", input, text });
      findings.add(where);
    }
    if (!coverage.isNew()) return;
    pool.push(input);
    tell({ kind: "kept", input });
  };

  for (const input of job.inputs) await execute(input);
  const random = createRandom(job.seed, job.target);
  const words = [...new Set(coverage.literals)].map((word) => Buffer.from(word));
  const other = (): Uint8Array => random.pick(pool);
  const end = performance.now() + job.milliseconds;
  while (performance.now() < end && pool.length > 0 && findings.size < job.maxFindings) {
    // The newest inputs are the least explored.
    const recent = pool[pool.length - 1 - random.below(Math.min(pool.length, 8))];
    const parent = random.chance(0.25) && recent !== undefined ? recent : other();
    await execute(mutate(parent, { random, words, other }));
  }
  tell({ kind: "done", ...coverage.reached() });
}

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

await main(workerData as WorkerJob);
