// Writes structured logs to stderr, so that stdout stays free for data. Each entry is one line with
// a JSON object. On a terminal it is a line of text, with further lines for an error.
import { pino, destination, type Logger as PinoLogger } from "pino";
import { loggedError } from "./log-error.js";
import { prettyLine } from "./pretty-log.js";
import type { RecentLog } from "./recent-log.js";

export type Logger = PinoLogger;
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;
type LogLevel = (typeof logLevels)[number];

/**
 * Maximum bytes of one line. The limit is needed because some lines contain text from callers:
 * names, paths, error messages.
 */
export const maxLogLineBytes = 16 * 1024;
/**
 * The steps to shorten a long line, with the gentlest first: the lengths to which texts and lists
 * are cut.
 */
const cuts = [
  { textLength: 512, listLength: 16 },
  { textLength: 64, listLength: 4 },
] as const;

/**
 * Returns a logger. It writes synchronously, because the last lines before a crash matter most.
 * `recent` also receives the lines.
 */
export function createLogger(level: LogLevel = "info", recent?: RecentLog): Logger {
  const stderr = createTolerantStderr();
  const { NO_COLOR = "", TERM } = process.env;
  const shown = process.stderr.isTTY ? { color: NO_COLOR === "" && TERM !== "dumb" } : undefined;
  return pino(logFormat(level), {
    write: (text) => {
      const line = boundedLine(text);
      recent?.add(line);
      stderr.write(shown === undefined ? line : prettyLine(line, shown));
    },
  });
}

/**
 * Maximum bytes of lines that wait for space on the disk. Beyond it, the newest lines are
 * discarded.
 */
const maxWaitingBytes = 1024 * 1024;

function createTolerantStderr() {
  const stderr = destination({ dest: 2, sync: true, maxLength: maxWaitingBytes });
  // Without a listener, ENOSPC would end the process. The logger writes the remaining text again
  // with the next line.
  stderr.on("error", () => undefined);
  return stderr;
}

/**
 * Returns the format of entries: names of levels, times as ISO 8601, and stacks only where they
 * help.
 */
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
 * Returns the line. If it is too long, returns a shorter line with the mark `cut`. The result is a
 * JSON object and contains no characters that affect the terminal of a reader.
 */
export function boundedLine(text: string): string {
  const line = escapeHidden(text);
  // A UTF-16 unit needs at most three bytes of UTF-8.
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
 * Escapes characters that could mislead a reader. JSON escapes only the control characters below
 * U+0020. This also escapes the other control characters, line separators and characters that
 * change the writing direction. They occur only within the texts of a line, where an escape has the
 * same meaning.
 */
function escapeHidden(line: string): string {
  return line.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    },
  );
}
