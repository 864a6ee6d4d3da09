// Memory that goes with its bytes, and memory that is given back at once. Who gets bytes may usually look at them only
// until the next are asked for; those of a message that was received belong to nobody else, so that a thread can
// take them over without a copy.

/** Memory that was given away, and where the last of its bytes ends. */
const given = new WeakMap<ArrayBufferLike, number>();

/**
 * Says that the receiver of the last of these bytes owns the memory under them, once it is done with those
 * before: nobody else looks at that memory until then.
 */
export function giveAway(bytes: Uint8Array): void {
  if (!isPool(bytes.buffer)) given.set(bytes.buffer, endOf(bytes));
}

/** The memory under `bytes`, if it was given away and they are its end: it is the caller's alone then. */
export function takeOver(bytes: Uint8Array): ArrayBuffer | undefined {
  const { buffer } = bytes;
  if (!(buffer instanceof ArrayBuffer) || given.get(buffer) !== endOf(bytes)) return undefined;
  given.delete(buffer);
  return buffer;
}

/** Frees the memory under `bytes` if it was given away and they are its end. */
export function freeGiven(bytes: Uint8Array): void {
  const memory = takeOver(bytes);
  if (memory !== undefined) freeMemory(memory);
}

function endOf({ byteOffset, byteLength }: Uint8Array): number {
  return byteOffset + byteLength;
}

/**
 * Node cuts small Buffers from a shared one, which must not be transferred. It has 8 KiB, and 64 KiB
 * from Node 24 on.
 */
export function isPool(memory: ArrayBufferLike): boolean {
  return memory.byteLength === Buffer.poolSize;
}

/** Nobody listens at its other end, so that what is transferred to it is freed at once. */
const nowhere = new MessageChannel().port1;
nowhere.close();

/**
 * Frees memory that nobody will look at again; views of it have no bytes then. Left to the collector, which looks when
 * 32 MB have come together, each buffer is new memory that no cache of the processor has, and with many streams
 * most are old when it looks: a full collection for every 200 MB.
 */
export function freeMemory(memory: ArrayBuffer): void {
  nowhere.postMessage(undefined, [memory]);
}

/** Frees the memory under `bytes` if there is nothing else in it. */
export function freeWhole(bytes: Uint8Array): void {
  const { buffer } = bytes;
  // Small ones are parts of memory that others have too.
  if (buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength) freeMemory(buffer);
}
