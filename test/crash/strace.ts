// Attaches strace to a running daemon, to record its system calls or to make one of them fail.
import { readFile, readdir } from "node:fs/promises";
import { run, type Child } from "../support/child.js";

export type Fault = "KILL" | "EIO" | "ENOSPC";

/** The trace has wall-clock times and the paths of descriptors, but no contents. */
const format = ["-y", "-ttt", "-s", "0"];

/** Returns the thread ids of a process in order of creation. */
export async function threadsOf(pid: number): Promise<number[]> {
  const names = await readdir(`/proc/${pid}/task`);
  return names.map(Number).sort((a, b) => a - b);
}

export interface Attached extends AsyncDisposable {
  /** Ends the tracing. The daemon continues if it still runs. */
  detach(): Promise<void>;
}

/** Writes to `output` every call on files and descriptors that any thread of the process makes. */
export async function recordCalls(pid: number, output: string): Promise<Attached> {
  return attach(["-f", "-p", String(pid), "-o", output, ...format, "-e", "trace=%file,%desc"]);
}

/** Injects a fault at the `nth` call of `syscall` in one thread, counted from now. */
export async function injectInto(
  threadId: number,
  { syscall, nth, fault }: { syscall: string; nth: number; fault: Fault },
  output: string,
): Promise<Attached> {
  return attach([
    ...["-p", String(threadId), "-o", output, ...format],
    ...["-e", `trace=${syscall}`, "-e", injection(syscall, nth, fault)],
  ]);
}

/** Makes `fsync` and `fdatasync` report success without doing anything, in all threads. */
export async function lieAboutSync(pid: number, output: string): Promise<Attached> {
  const calls = "fsync,fdatasync";
  return attach([
    ...["-f", "-p", String(pid), "-o", output, ...format],
    ...["-e", `trace=${calls}`, "-e", `inject=${calls}:retval=0`],
  ]);
}

/** Delays every call of `syscall` in all threads, so that other calls run in between. */
export async function delayCalls(
  pid: number,
  { syscall, delayUs }: { syscall: string; delayUs: number },
  output: string,
): Promise<Attached> {
  return attach([
    ...["-f", "-p", String(pid), "-o", output, ...format],
    ...["-e", `trace=${syscall}`, "-e", `inject=${syscall}:delay_enter=${delayUs}`],
  ]);
}

export function injection(syscall: string, nth: number, fault: Fault): string {
  const how = fault === "KILL" ? "signal=KILL" : `error=${fault}`;
  return `inject=${syscall}:${how}:when=${nth}`;
}

async function attach(args: readonly string[]): Promise<Attached> {
  const strace = run("strace", args);
  await strace.line(/^strace: Process \d+ attached/);
  const detach = (): Promise<void> => endGently(strace);
  return { detach, [Symbol.asyncDispose]: detach };
}

/**
 * Ends strace with SIGTERM, after which it detaches from the process. SIGKILL would sometimes leave
 * the process stopped.
 */
async function endGently(strace: Child): Promise<void> {
  strace.signal("SIGTERM");
  await strace.exited;
}

/**
 * Returns true if strace made a call fail. If directories are given, only calls within them count.
 * This excludes the writes with which threads wake each other, whose number differs from run to
 * run. A kill may leave no trace, because strace may end before it writes one.
 */
export async function wasInjected(output: string, within?: readonly string[]): Promise<boolean> {
  const text = await readFile(output, "utf8").catch(() => "");
  const lines = text.split("\n").filter((line) => line.includes("(INJECTED)"));
  if (within === undefined) return lines.length > 0;
  return lines.some((line) => within.some((directory) => line.includes(directory)));
}
