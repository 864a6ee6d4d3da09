// Structured logs: one JSON object a line on stderr, so that stdout stays free for data.
import { pino, destination, type Logger as PinoLogger } from "pino";

export type Logger = PinoLogger;
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Of one line. What callers send is in some: names, paths, messages of errors. */
export const maxLogLineBytes = 16 * 1024;
/** Of each text in a line that is too long, and of each list. */
const maxTextLength = 512;
const maxListLength = 16;

/** Writes synchronously: the last lines before a crash are the ones that matter. */
export function createLogger(level: LogLevel = "info"): Logger {
  const stderr = destination({ dest: 2, sync: true });
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: "message" },
    { write: (line) => void stderr.write(boundedLine(line)) },
  );
}

/** The line, or where it is too long what is most of it, marked by `cut`. Still a JSON object. */
export function boundedLine(line: string): string {
  // A character has at most three bytes of UTF-8 for each of its units.
  if (line.length * 3 <= maxLogLineBytes || Buffer.byteLength(line) <= maxLogLineBytes) return line;
  const entry = JSON.parse(line) as Record<string, unknown>;
  const cut = `${JSON.stringify({ ...entry, cut: true }, shorten)}\n`;
  if (Buffer.byteLength(cut) <= maxLogLineBytes) return cut;
  const { level, time, message } = entry;
  return `${JSON.stringify({ level, time, message, cut: true }, shorten)}\n`;
}

function shorten(_key: string, value: unknown): unknown {
  if (typeof value === "string" && value.length > maxTextLength) {
    return `${value.slice(0, maxTextLength)}…`;
  }
  return Array.isArray(value) ? (value as unknown[]).slice(0, maxListLength) : value;
}
