// Formats values for people.
import { timestampDate, type Timestamp } from "@bufbuild/protobuf/wkt";

export { count } from "../base/count.js";
export { formatBytes, formatBytesExactly } from "../base/sizes.js";

const steps: readonly (readonly [seconds: number, unit: string])[] = [
  [60, "second"],
  [60, "minute"],
  [24, "hour"],
  [30, "day"],
  [12, "month"],
  [Number.POSITIVE_INFINITY, "year"],
];

/**
 * Formats a time as `5 minutes ago`. A time less than 5 seconds ago, or in the future by this
 * machine's clock, becomes `just now`.
 */
export function formatAge(time: Timestamp | undefined, now: Date = new Date()): string {
  if (time === undefined) return "-";
  let amount = Math.floor((now.getTime() - timestampDate(time).getTime()) / 1000);
  if (amount < 5) return "just now";
  for (const [size, unit] of steps) {
    if (amount < size) return `${amount} ${unit}${amount === 1 ? "" : "s"} ago`;
    amount = Math.floor(amount / size);
  }
  return "-";
}

/** Formats a time as `2026-01-31T12:00:00.000Z (5 minutes ago)`. */
export function formatTime(time: Timestamp | undefined, now: Date = new Date()): string {
  if (time === undefined) return "-";
  return `${timestampDate(time).toISOString()} (${formatAge(time, now)})`;
}

/**
 * Formats a time as `2026-01-31T12:00:00.000Z (in 3 days)`. Returns an empty string without a time.
 */
export function formatExpiry(time: Timestamp | undefined, now: Date = new Date()): string {
  if (time === undefined) return "";
  const date = timestampDate(time);
  const seconds = (date.getTime() - now.getTime()) / 1000;
  const left = seconds > 0 ? `in ${formatSeconds(seconds)}` : "it has expired";
  return `${date.toISOString()} (${left})`;
}

/** Formats a duration as `3 days`, `1 h 05 min`, `2 min 05 s` or `7 s`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (value: number): string => String(value).padStart(2, "0");
  if (whole >= 48 * 3600) return `${Math.floor(whole / (24 * 3600))} days`;
  if (whole >= 3600) return `${Math.floor(whole / 3600)} h ${pad(Math.floor(whole / 60) % 60)} min`;
  if (whole >= 60) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${whole} s`;
}

/** Escapes control characters, so that the text cannot move the cursor or change the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
