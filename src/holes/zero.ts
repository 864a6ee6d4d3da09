// Distinguishes zeros from data at the speed of memory.
import type { Extent } from "../model/extent.js";

/** Smallest hole that we make: the block size of every common filesystem. */
export const zeroBlockBytes = 4096;

const compareBytes = 64 * 1024;
const zeros = Buffer.alloc(compareBytes);

export function isZero(bytes: Uint8Array): boolean {
  const buffer = asBuffer(bytes);
  for (let start = 0; start < buffer.length; start += compareBytes) {
    if (!isZeroRange(buffer, start, Math.min(start + compareBytes, buffer.length))) return false;
  }
  return true;
}

/**
 * Returns the runs of blocks that contain data, as offsets in the file. `fileOffset` is the offset
 * of `bytes`. Blocks are aligned to the file, so the first and the last block may be checked in
 * part.
 */
export function dataRuns(bytes: Uint8Array, fileOffset: number): readonly Extent[] {
  const buffer = asBuffer(bytes);
  const runs: Extent[] = [];
  let runStart = -1;
  let start = 0;
  let end = Math.min(zeroBlockBytes - (fileOffset % zeroBlockBytes), buffer.length);
  while (start < buffer.length) {
    if (isZeroRange(buffer, start, end)) {
      if (runStart >= 0) runs.push({ offset: fileOffset + runStart, length: start - runStart });
      runStart = -1;
    } else if (runStart < 0) {
      runStart = start;
    }
    start = end;
    end = Math.min(end + zeroBlockBytes, buffer.length);
  }
  if (runStart >= 0) runs.push({ offset: fileOffset + runStart, length: start - runStart });
  return runs;
}

/**
 * Returns whether a range of at most `compareBytes` bytes is zero. Most data differs from zero in
 * its first or last byte, which saves the call.
 */
function isZeroRange(buffer: Buffer, start: number, end: number): boolean {
  if (buffer[start] !== 0 || buffer[end - 1] !== 0) return false;
  return buffer.compare(zeros, 0, end - start, start, end) === 0;
}

/** Returns a view of the same memory, for calls that require a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
