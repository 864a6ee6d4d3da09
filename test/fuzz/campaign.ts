// Fuzzes one parser for some time: starts its thread, checks that each input ends, and collects its
// findings.
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { FuzzTarget } from "./fuzz-targets.js";
import type { SharedInput, WorkerJob, WorkerMessage } from "./worker.js";

export interface CampaignOptions extends Omit<WorkerJob, "shared"> {
  /** Names the folder of the instrumented copy. */
  readonly dist: string;
}

export interface Finding {
  readonly target: FuzzTarget;
  readonly input: Uint8Array;
  readonly text: string;
}

export interface CampaignOutcome {
  readonly executions: number;
  /** The number of instrumented branches that ran, followed by the number in the loaded modules. */
  readonly branches: number;
  readonly of: number;
  /** The inputs that reached a new branch, including the given inputs. */
  readonly kept: readonly Uint8Array[];
  readonly findings: readonly Finding[];
}

const maxInputBytes = 64 * 1024;
const lookMs = 1000;
/**
 * An input takes a millisecond. The limit is much longer, because a busy machine may stop a thread
 * for a while.
 */
const hangMs = 60_000;
/** The memory of the thread in MiB. No input of 64 KiB needs a tenth of it. */
const maxHeapMib = 256;

export function runCampaign({ dist, ...job }: CampaignOptions): Promise<CampaignOutcome> {
  const shared: SharedInput = {
    counts: new Uint32Array(new SharedArrayBuffer(8)),
    bytes: new Uint8Array(new SharedArrayBuffer(maxInputBytes)),
  };
  const { target } = job;
  const kept: Uint8Array[] = [];
  const findings: Finding[] = [];
  let reached = { branches: 0, of: 0 };
  const worker = new Worker(join(dist, "test/fuzz/worker.js"), {
    workerData: { ...job, shared } satisfies WorkerJob,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMib },
  });
  const current = (): Uint8Array => Uint8Array.from(shared.bytes.subarray(0, shared.counts[1]));
  const stopWatching = watchProgress(shared, () => {
    const text = `no end after ${hangMs / 1000} s`;
    findings.push({ target, input: current(), text });
    void worker.terminate();
  });
  return new Promise((resolve) => {
    worker.on("message", (message: WorkerMessage) => {
      if (message.kind === "kept") kept.push(message.input);
      else if (message.kind === "finding") findings.push({ target, ...message });
      else reached = message;
    });
    // This happens, for example, if the thread runs out of memory.
    worker.on("error", (error) => {
      const text = error instanceof Error ? error.message : String(error);
      findings.push({ target, input: current(), text });
    });
    worker.on("exit", () => {
      stopWatching();
      const { branches, of } = reached;
      resolve({ executions: shared.counts[0] ?? 0, branches, of, kept, findings });
    });
  });
}

/** Calls `onHang` once if no input begins for too long. */
function watchProgress({ counts }: SharedInput, onHang: () => void): () => void {
  let last = 0;
  let lastChangeMs = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    const executions = Atomics.load(counts, 0);
    // The thread loads the modules before the first input.
    if (executions !== last || executions === 0) lastChangeMs = now;
    last = executions;
    if (now - lastChangeMs < hangMs) return;
    clearInterval(timer);
    onHang();
  }, lookMs);
  return () => clearInterval(timer);
}
