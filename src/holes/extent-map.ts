// Stores the map of a sparse file in 16 bytes per extent, and bounds the memory of all such maps. A
// guest's memory image often has hundreds of thousands of extents. As objects, each would take
// about 80 bytes.
import { formatBytes } from "../base/sizes.js";
import { StoreError } from "../base/errors.js";
import type { Extent, Extents } from "../model/extent.js";
import { fewerExtents } from "./fewer-extents.js";

const extentBytes = 16;
const extentsPerChunk = 64 * 1024;
const chunkBytes = extentsPerChunk * extentBytes;
/** Initial capacity of the first chunk, in extents. It doubles up to a full chunk. */
const firstExtents = 64;

/** Maximum extents of one map: 64 MiB of memory. */
export const maxMapExtents = 4 * 1024 * 1024;

/**
 * Maximum memory of all maps of this process together, in bytes. The first chunk of a map (1 MiB,
 * 65,536 extents) is exempt, so small maps always have room.
 */
const maxMapsBytes = 256 * 1024 * 1024;

interface MapMemory {
  /** Reserves memory for one more chunk. Returns false if there is no room. */
  take(): boolean;
  give(chunks: number): void;
}

export function createMapMemory(maxBytes: number): MapMemory {
  let takenBytes = 0;
  return {
    take: () => {
      if (takenBytes + chunkBytes > maxBytes) return false;
      takenBytes += chunkBytes;
      return true;
    },
    give: (chunks) => {
      takenBytes -= chunks * chunkBytes;
    },
  };
}

const processMemory = createMapMemory(maxMapsBytes);

interface MapLimits {
  readonly maxExtents?: number;
  readonly memory?: MapMemory;
}

/**
 * A map that grows only at its end. The code that creates a map disposes of it after its last use.
 */
export class ExtentMap implements Extents, Disposable {
  readonly #maxExtents: number;
  readonly #memory: MapMemory;
  readonly #chunks: Float64Array[] = [];
  #length = 0;
  #filledHoles = false;
  #disposed = false;

  constructor({ maxExtents = maxMapExtents, memory = processMemory }: MapLimits = {}) {
    this.#maxExtents = maxExtents;
    this.#memory = memory;
  }

  get length(): number {
    return this.#length;
  }

  /** Returns true if `pushOrMerge` had to count holes as data. */
  get filledHoles(): boolean {
    return this.#filledHoles;
  }

  at(index: number): Extent | undefined {
    if (index < 0 || index >= this.#length) return undefined;
    const chunk = this.#chunks[Math.floor(index / extentsPerChunk)];
    const slot = (index % extentsPerChunk) * 2;
    return { offset: chunk?.[slot] ?? 0, length: chunk?.[slot + 1] ?? 0 };
  }

  *[Symbol.iterator](): Generator<Extent, void, undefined> {
    let left = this.#length;
    for (const chunk of this.#chunks) {
      const end = Math.min(left, extentsPerChunk) * 2;
      for (let slot = 0; slot < end; slot += 2) {
        yield { offset: chunk[slot] ?? 0, length: chunk[slot + 1] ?? 0 };
      }
      left -= extentsPerChunk;
    }
  }

  /**
   * Adds an extent at the end. Throws TOO_MANY_STREAMS if this map, or all maps of the process
   * together, have reached their limit.
   */
  push(offset: number, length: number): void {
    if (this.#tryPush(offset, length)) return;
    throw new StoreError(
      "TOO_MANY_STREAMS",
      `the sparse maps of the files under way take the ${formatBytes(maxMapsBytes)} that they may take together`,
      {
        hint: "Try again when other transfers of fragmented files have ended",
        retryAfterMs: 1000,
        metadata: { limit: "sparse_map_bytes", max: String(maxMapsBytes) },
      },
    );
  }

  /**
   * Adds an extent like `push`, for a file on this disk. If there is no room, the smallest holes of
   * the map so far count as data from now on. Holes read as zeros, so the file's content is
   * unchanged.
   */
  pushOrMerge(offset: number, length: number): void {
    while (!this.#tryPush(offset, length)) {
      this.#filledHoles = true;
      this.#keepHalf();
    }
  }

  /** Releases the map's share of the memory to other maps. The current content stays readable. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#memory.give(Math.max(0, this.#chunks.length - 1));
  }

  #tryPush(offset: number, length: number): boolean {
    if (this.#length >= this.#maxExtents) return false;
    const index = Math.floor(this.#length / extentsPerChunk);
    const slot = (this.#length % extentsPerChunk) * 2;
    let chunk = this.#chunks[index];
    if (chunk === undefined || slot >= chunk.length) {
      chunk = this.#grow(index, chunk);
      if (chunk === undefined) return false;
    }
    chunk[slot] = offset;
    chunk[slot + 1] = length;
    this.#length += 1;
    return true;
  }

  #grow(index: number, full: Float64Array | undefined): Float64Array | undefined {
    if (index > 0 && !this.#memory.take()) return undefined;
    const extents = index > 0 ? extentsPerChunk : (full?.length ?? firstExtents);
    const chunk = new Float64Array(Math.min(extents, extentsPerChunk) * 2);
    if (full !== undefined) chunk.set(full);
    this.#chunks[index] = chunk;
    return chunk;
  }

  /**
   * Halves the number of extents in place. The write position never overtakes the read position.
   */
  #keepHalf(): void {
    let kept = 0;
    for (const { offset, length } of fewerExtents(this, Math.max(1, this.#length >>> 1))) {
      const chunk = this.#chunks[Math.floor(kept / extentsPerChunk)];
      const slot = (kept % extentsPerChunk) * 2;
      if (chunk === undefined) throw new Error("a map grew while it was made smaller");
      chunk[slot] = offset;
      chunk[slot + 1] = length;
      kept += 1;
    }
    this.#length = kept;
    const needed = Math.max(1, Math.ceil(kept / extentsPerChunk));
    this.#memory.give(Math.max(0, this.#chunks.length - needed));
    this.#chunks.length = Math.min(this.#chunks.length, needed);
  }
}
