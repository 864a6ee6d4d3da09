// Digests of a file's blocks, computed on the thread pool while its bytes pass by.
import { webcrypto } from "node:crypto";
import type { WriteObserver } from "../sparse/sparse-writer.js";
import { isZero } from "../sparse/zero.js";
import { blockBytes, createBlockTableBuilder, type BlockTable } from "./block-table.js";

/** Blocks being hashed at once, each in a copy of its own: as many as Node has threads for it. */
const maxHashesRunning = 4;

/**
 * Fed with pieces at ascending offsets; what is left out between them is a hole. A block's digest
 * is over its logical bytes, holes read as zeros, so it does not depend on how pieces were cut.
 */
export interface BlockHasher extends WriteObserver {
  /** `bytes` may change as soon as this returns. A promise: wait for it before the next call. */
  update(offset: number, bytes: Uint8Array): Promise<void> | undefined;
  /** Ends a file of `sizeBytes`, which is at or after the last byte that was fed. Only once. */
  finish(sizeBytes: number): Promise<BlockTable>;
}

export function createBlockHasher(): BlockHasher {
  const builder = createBlockTableBuilder();
  const running = new Set<Promise<void>>();
  /** The bytes of the current block, where it did not come in one piece. */
  let gathered: Buffer | undefined;
  let position = 0;
  /** Something was written into the current block, if only zeros. */
  let written = false;
  let allZero = true;
  let finished = false;
  let failure: { readonly error: unknown } | undefined;

  /** WebCrypto copies the bytes before `digest` returns. */
  const hash = (bytes: Uint8Array): void => {
    const place = builder.addData();
    const done = webcrypto.subtle
      .digest("SHA-256", bytes)
      .then((digest) => builder.setDigest(place, new Uint8Array(digest)))
      .catch((error: unknown) => void (failure ??= { error }))
      .finally(() => running.delete(done));
    running.add(done);
  };
  /** Closes the current block, whose bytes these are. */
  const closeBlock = (whole: Uint8Array): void => {
    if (allZero) builder.add(written ? "zero" : "hole", 1);
    else hash(whole);
    written = false;
    allZero = true;
  };
  /** Takes bytes that end at the latest with the current block. */
  const pass = (bytes: Uint8Array): void => {
    const inside = position % blockBytes;
    written = true;
    allZero &&= isZero(bytes);
    position += bytes.length;
    if (bytes.length === blockBytes) return void closeBlock(bytes);
    gathered ??= Buffer.allocUnsafeSlow(blockBytes);
    gathered.set(bytes, inside);
    if (position % blockBytes === 0) closeBlock(gathered);
  };
  const skipTo = (target: number): void => {
    while (position < target) {
      const inside = position % blockBytes;
      if (inside === 0 && target - position >= blockBytes) {
        const count = Math.floor((target - position) / blockBytes);
        builder.add("hole", count);
        position += count * blockBytes;
        continue;
      }
      const length = Math.min(blockBytes - inside, target - position);
      gathered ??= Buffer.allocUnsafeSlow(blockBytes);
      gathered.fill(0, inside, inside + length);
      position += length;
      if (position % blockBytes === 0) closeBlock(gathered);
    }
  };
  return {
    update: (offset, bytes) => {
      if (finished || offset < position) {
        throw new Error(`piece at ${offset} after byte ${position} was hashed`);
      }
      skipTo(offset);
      for (let done = 0; done < bytes.length;) {
        const length = Math.min(blockBytes - (position % blockBytes), bytes.length - done);
        pass(bytes.subarray(done, done + length));
        done += length;
      }
      return running.size < maxHashesRunning ? undefined : Promise.race(running);
    },
    finish: async (sizeBytes) => {
      if (finished || sizeBytes < position) {
        throw new Error(`size ${sizeBytes} after byte ${position} was hashed`);
      }
      finished = true;
      skipTo(sizeBytes);
      const rest = position % blockBytes;
      if (rest > 0 && gathered !== undefined) closeBlock(gathered.subarray(0, rest));
      await Promise.all(running);
      if (failure !== undefined) throw failure.error;
      return builder.build(sizeBytes);
    },
  };
}
