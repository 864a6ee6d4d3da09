// Structured logs: one JSON object a line on stderr, so that stdout stays free for data.
import { pino, destination, type Logger as PinoLogger } from "pino";

export type Logger = PinoLogger;
export const logLevels = ["trace", "debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Writes synchronously: the last lines before a crash are the ones that matter. */
export function createLogger(level: LogLevel = "info"): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, messageKey: "message" },
    destination({ dest: 2, sync: true }),
  );
}
