// Fuzzes the splitting of zstd streams into parts. No byte is lost, and the end is the same for any
// piece size.
import assert from "node:assert/strict";
import { createZstdFrameSplitter } from "../../../src/archive/zstd-frames.js";
import { parsed } from "../only-store-errors.js";

export function fuzz(data: Buffer): void {
  const whole = split(data, data.length + 1);
  const cut = split(data, 1 + ((data[0] ?? 0) % 64));
  assert.equal(cut, whole, "the outcome depends on how the bytes come");
}

/** Returns true if the stream was accepted. */
function split(data: Buffer, chunkBytes: number): boolean {
  const taken = parsed(["ARCHIVE_INVALID"], () => {
    const splitter = createZstdFrameSplitter();
    let bytes = 0;
    for (let start = 0; start < data.length; start += chunkBytes) {
      for (const part of splitter.split(data.subarray(start, start + chunkBytes))) {
        assert.ok(part.length > 0, "an empty part");
        bytes += part.length;
      }
    }
    splitter.end();
    return bytes;
  });
  if (taken !== undefined) assert.equal(taken, data.length, "bytes got lost");
  return taken !== undefined;
}
