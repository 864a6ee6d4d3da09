// Structured logs on stderr, so that stdout stays free for data: one JSON object a line, and for a
// person at a terminal one line of text.
import { pino, destination, type Logger as PinoLogger } from "pino";
import { loggedError } from "./log-error.js";
import { prettyLine } from "./pretty-log.js";

export type Logger = PinoLogger;
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Of one line. What callers send is in some: names, paths, messages of errors. */
export const maxLogLineBytes = 16 * 1024;
/** How a line that is too long is cut, gently first: what is left of each text and of each list. */
const cuts = [
  { textLength: 512, listLength: 16 },
  { textLength: 64, listLength: 4 },
] as const;

/** Writes synchronously: the last lines before a crash are the ones that matter. */
export function createLogger(level: LogLevel = "info"): Logger {
  const stderr = destination({ dest: 2, sync: true });
  const { NO_COLOR = "", TERM } = process.env;
  const shown = process.stderr.isTTY ? { color: NO_COLOR === "" && TERM !== "dumb" } : undefined;
  return pino(logFormat(level), {
    write: (text) => {
      const line = boundedLine(text);
      stderr.write(shown === undefined ? line : prettyLine(line, shown));
    },
  });
}

/** What an entry looks like: names of levels, times as ISO 8601, stacks only where they help. */
export function logFormat(level: LogLevel) {
  return {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    messageKey: "message",
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: loggedError },
  };
}

/**
 * The line, or where it is too long what is most of it, marked by `cut`. Still a JSON object, and
 * without characters that do something to whoever reads it on a terminal.
 */
export function boundedLine(text: string): string {
  const line = escapeHidden(text);
  // A character has at most three bytes of UTF-8 for each of its units.
  if (line.length * 3 <= maxLogLineBytes || Buffer.byteLength(line) <= maxLogLineBytes) return line;
  const entry = JSON.parse(line) as Record<string, unknown>;
  for (const cut of cuts) {
    const shorter = rendered({ ...entry, cut: true }, cut);
    if (Buffer.byteLength(shorter) <= maxLogLineBytes) return shorter;
  }
  const { level, time, message } = entry;
  return rendered({ level, time, message, cut: true }, cuts[1]);
}

function rendered(entry: object, { textLength, listLength }: (typeof cuts)[number]): string {
  const shorten = (_key: string, value: unknown): unknown => {
    if (typeof value === "string" && value.length > textLength) {
      return `${value.slice(0, textLength)}…`;
    }
    return Array.isArray(value) ? (value as unknown[]).slice(0, listLength) : value;
  };
  return `${escapeHidden(JSON.stringify(entry, shorten))}\n`;
}

/**
 * JSON escapes the control characters of ASCII alone. Those behind them, the separators of lines and
 * what turns the direction of writing stand only within texts of a line, where an escape means the same.
 */
function escapeHidden(line: string): string {
  return line.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    },
  );
}
