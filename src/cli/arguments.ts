// Parses and checks values of options while the command line is read.
import { InvalidArgumentError } from "commander";
import { parseDuration, parseSize } from "../config/units.js";

export type Labels = Readonly<Record<string, string>>;

/** Adds the label of one option `k=v` to the earlier ones. A value may contain `=`. */
export function collectLabel(text: string, labels: Labels = {}): Labels {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) {
    throw new InvalidArgumentError("Expected KEY=VALUE.");
  }
  return { ...labels, [key]: value };
}

export function collectWord(text: string, words: readonly string[] = []): readonly string[] {
  return [...words, text];
}

/** Returns a duration in milliseconds. */
export function durationArgument(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms === 0) {
    throw new InvalidArgumentError("Expected a duration such as 30s, 5m or 250ms.");
  }
  return ms;
}

/** Returns a time, which is given as a duration from now or as RFC 3339 writes it. */
export function expiryArgument(text: string): Date {
  const ms = parseDuration(text);
  const time = ms === undefined ? new Date(text) : new Date(Date.now() + ms);
  const isWritten = ms !== undefined || /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/.test(text);
  if (isWritten && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError("Expected 12h, 30d or a time such as 2026-12-31T18:00:00Z.");
}

/** Returns a size in bytes. */
export function sizeArgument(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined || bytes === 0) {
    throw new InvalidArgumentError("Expected a size such as 512MiB or 100GiB.");
  }
  return bytes;
}

/** Returns an offset in bytes, which may be 0. */
export function offsetArgument(text: string): number {
  const bytes = parseSize(text);
  if (bytes === undefined) {
    throw new InvalidArgumentError("Expected an offset such as 4096, 64KiB or 1GiB.");
  }
  return bytes;
}

export function portArgument(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) {
    throw new InvalidArgumentError("Expected a port, 0 to 65535.");
  }
  return port;
}

export function countArgument(text: string): number {
  const count = Number(text);
  if (!/^\d{1,9}$/.test(text) || count === 0) {
    throw new InvalidArgumentError("Expected a whole number above 0.");
  }
  return count;
}
