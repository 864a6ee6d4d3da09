// Reads the memory of a process as Linux counts it.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";

/** Resets the peak (VmHWM) as proc(5) describes for clear_refs. */
export function forgetPeak({ pid }: { readonly pid: number }): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Returns the size in bytes. */
export function memoryOf({ pid }: { readonly pid: number }, field: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  assert.ok(kib !== undefined, `no ${field} of process ${pid}`);
  return Number(kib) * 1024;
}

export function inMib(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(0)} MiB`;
}
