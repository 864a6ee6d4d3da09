// Computes the CRC-32 (ISO-HDLC, as in gzip) of bulk data. Both ends compute it over each byte of a
// transfer, so it comes from a library that uses the processor's carry-less multiplication. This
// library is three times as fast as zlib.
export { crc32 } from "@node-rs/crc32";

/** Returns the checksum as messages show it: eight hexadecimal digits. */
export function crcText(checksum: number): string {
  return checksum.toString(16).padStart(8, "0");
}
