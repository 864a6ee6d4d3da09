// Defines units of sizes, and formats sizes as text for people.
import prettyBytes from "pretty-bytes";

export const kib = 1024;
export const mib = 1024 * kib;

/** Returns a text such as `1.5 GiB`. */
export function formatBytes(bytes: number | bigint): string {
  return prettyBytes(Number(bytes), { binary: true });
}

/**
 * Returns a text such as `1.5 GiB (1610612736 bytes)`, for messages in which the exact number
 * matters.
 */
export function formatBytesExactly(bytes: number | bigint): string {
  return bytes < 1024 ? formatBytes(bytes) : `${formatBytes(bytes)} (${bytes} bytes)`;
}

/**
 * Returns two different sizes as texts. The texts are exact if they would otherwise be the same.
 */
export function formatBytesApart(a: number, b: number): readonly [string, string] {
  const short = [formatBytes(a), formatBytes(b)] as const;
  return short[0] === short[1] ? [formatBytesExactly(a), formatBytesExactly(b)] : short;
}
