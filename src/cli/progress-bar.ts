// Draws one line on a terminal's stderr with the progress, rate and remaining time of a transfer.
import type { TransferProgress } from "../client/index.js";
import { formatBytes, formatSeconds } from "./format.js";

interface ProgressBar {
  /** Draws the progress. A `totalBytes` of 0 means that the total is unknown. */
  update(progress: TransferProgress): void;
  /** Clears the line and draws no more. */
  stop(): void;
}

interface ProgressTerminal {
  write(text: string): unknown;
  readonly columns?: number | undefined;
}

export const noProgressBar: ProgressBar = { update: () => undefined, stop: () => undefined };

const redrawMs = 100;
/** The rate covers the last few seconds, so that a stall is visible. */
const rateWindowMs = 5000;
const barWidth = 24;
const minBarWidth = 6;

export function createProgressBar(
  label: string,
  terminal: ProgressTerminal,
  nowMs: () => number = () => performance.now(),
): ProgressBar {
  let samples: { readonly atMs: number; readonly doneBytes: number }[] = [];
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  let drawn = false;
  return {
    update(progress) {
      const atMs = nowMs();
      if (atMs - drawnAtMs < redrawMs) return;
      drawnAtMs = atMs;
      samples = samples.filter((sample) => atMs - sample.atMs <= rateWindowMs);
      samples.push({ atMs, doneBytes: progress.doneBytes });
      const rate = bytesPerSecond(samples);
      terminal.write(`\r\x1b[K${fitted(label, progress, rate, (terminal.columns ?? 80) - 1)}`);
      drawn = true;
    },
    stop() {
      if (drawn) terminal.write("\r\x1b[K");
      drawn = false;
    },
  };
}

/** Shortens the line to the terminal's width: first the bar, then the numbers. */
function fitted(
  label: string,
  progress: TransferProgress,
  rate: number | undefined,
  columns: number,
): string {
  const line = renderProgress(label, progress, rate);
  if (line.length <= columns) return line;
  const width = Math.max(minBarWidth, barWidth - (line.length - columns));
  return renderProgress(label, progress, rate, width).slice(0, columns);
}

function bytesPerSecond(
  samples: readonly { readonly atMs: number; readonly doneBytes: number }[],
): number | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.atMs - first.atMs < redrawMs) {
    return undefined;
  }
  return ((last.doneBytes - first.doneBytes) * 1000) / (last.atMs - first.atMs);
}

/**
 * Renders a line such as `export [========> ] 52% 1.2 GiB / 2.3 GiB 410 MiB/s 3 s left`.
 */
export function renderProgress(
  label: string,
  { doneBytes, totalBytes }: TransferProgress,
  rate: number | undefined,
  width = barWidth,
): string {
  const speed = rate === undefined ? "" : `${formatBytes(Math.max(0, Math.round(rate)))}/s`;
  if (totalBytes <= 0) return [label, formatBytes(doneBytes), speed].filter(Boolean).join("  ");
  const share = Math.min(1, doneBytes / totalBytes);
  const filled = Math.round(share * width);
  const arrow = filled === width ? "" : ">";
  const bar = `[${("=".repeat(filled) + arrow).padEnd(width)}]`;
  const left =
    rate === undefined || rate <= 0 ? "" : `${formatSeconds((totalBytes - doneBytes) / rate)} left`;
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const amounts = `${formatBytes(doneBytes)} / ${formatBytes(totalBytes)}`;
  return [label, bar, percent, amounts, speed, left].filter(Boolean).join("  ");
}
