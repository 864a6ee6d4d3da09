// Reports the results of a run: as a table for people, and as JSON that is committed under
// bench/results/.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";

/** One line of the report. `value` is compared with the goals. */
export interface Row {
  readonly group: string;
  readonly name: string;
  readonly unit: "ratio" | "ms" | "MiB/s" | "MiB" | "s/GiB" | "count" | "skipped";
  readonly value: number;
  /** Lowest and highest value of the rounds. */
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** The goals. Higher values are better, unless `atMost` is set. */
  readonly must?: number | undefined;
  readonly aim?: number | undefined;
  readonly atMost?: boolean | undefined;
  readonly note?: string | undefined;
}

export function printRows(rows: readonly Row[]): void {
  let group = "";
  for (const row of rows) {
    if (row.group !== group) console.log(`\n${(group = row.group)}`);
    if (row.unit === "skipped") {
      console.log(`  ${row.name.padEnd(58)} skipped: ${row.note ?? ""}`);
      continue;
    }
    const spread =
      row.low === undefined || row.high === undefined
        ? ""
        : ` (${formatValue(row.low)} to ${formatValue(row.high)})`;
    const unit = row.unit === "ratio" ? "" : ` ${row.unit}`;
    console.log(
      `  ${row.name.padEnd(58)} ${formatValue(row.value).padStart(8)}${unit}${spread}${verdict(row)}` +
        (row.note === undefined ? "" : `  [${row.note}]`),
    );
  }
}

function verdict(row: Row): string {
  const { must, aim } = row;
  if (must === undefined) return "";
  const word = !reaches(row, must)
    ? "MISSED"
    : aim !== undefined && reaches(row, aim)
      ? "aim"
      : "must";
  return `  ${word} (must ${must}${aim === undefined ? "" : `, aim ${aim}`})`;
}

/** Returns whether the value is as good as `goal`. */
export function reaches({ value, atMost }: Row, goal: number): boolean {
  return atMost === true ? value <= goal : value >= goal;
}

export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

export function describeMachine(directory: string): Record<string, string | number> {
  const output = (command: string, args: readonly string[]): string => {
    try {
      return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      return "unknown";
    }
  };
  const filesystem = output("stat", ["-f", "-c", "%T", directory]).trim();
  return {
    commit: output("git", ["describe", "--always", "--dirty", "--abbrev=12"]).trim(),
    date: new Date().toISOString(),
    node: process.version,
    kernel: release(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    filesystem,
    page_cache: "warm: files were just written or read",
    load_average_at_start: Number((loadavg()[0] ?? 0).toFixed(2)),
  };
}

export function writeReport(
  name: string,
  machine: Record<string, string | number>,
  rows: readonly Row[],
): string {
  // dist/bench/ is two folders below the repository.
  const folder = new URL("../../bench/results/", import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.json`);
  writeFileSync(path, `${JSON.stringify({ machine, rows }, undefined, 2)}\n`);
  return path;
}

/** Returns whether a program is installed. Cases that need an optional program call this. */
export function hasProgram(name: string): boolean {
  for (const folder of (process.env["PATH"] ?? "").split(":")) {
    try {
      readFileSync(join(folder, name), { flag: "r" });
      return true;
    } catch {
      continue;
    }
  }
  return false;
}
