// Units of sizes, and sizes as text for people.
import prettyBytes from "pretty-bytes";

export const kib = 1024;
export const mib = 1024 * kib;

/** `1.5 GiB`. */
export function formatBytes(bytes: number | bigint): string {
  return prettyBytes(Number(bytes), { binary: true });
}

/** `1.5 GiB (1610612736 bytes)`, where the exact number matters. */
export function formatBytesExactly(bytes: number | bigint): string {
  return bytes < 1024 ? formatBytes(bytes) : `${formatBytes(bytes)} (${bytes} bytes)`;
}

/** Two different sizes, exactly if they would look the same. */
export function formatBytesApart(a: number, b: number): readonly [string, string] {
  const short = [formatBytes(a), formatBytes(b)] as const;
  return short[0] === short[1] ? [formatBytesExactly(a), formatBytesExactly(b)] : short;
}
