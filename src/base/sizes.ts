// Formats sizes for people.
import prettyBytes from "pretty-bytes";

/** `1.5 GiB`. */
export function formatBytes(bytes: number | bigint): string {
  return prettyBytes(Number(bytes), { binary: true });
}

/** `1.5 GiB (1610612736 bytes)`, where the exact number matters. */
export function formatBytesExactly(bytes: number | bigint): string {
  return bytes < 1024 ? formatBytes(bytes) : `${formatBytes(bytes)} (${bytes} bytes)`;
}
