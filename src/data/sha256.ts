// SHA-256 (FIPS 180-4) of two streams of bytes at once. A processor with instructions for it spends half of its
// time waiting for one stream's last step; a second one that is independent fills the gaps, at twice the rate.
import { createHash } from "node:crypto";
import { sha256Four } from "../sparse/native.js";

export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Ends it. Only once. */
  digest(): Buffer;
}

export function createSha256(): Sha256 {
  pairsWork ??= agrees();
  return pairsWork ? new PairedSha256() : createHash("sha256");
}

/** Updates both with bytes of their own; fastest where these are about equally many. */
export function updateBoth(
  first: Sha256,
  firstBytes: Uint8Array,
  second: Sha256,
  secondBytes: Uint8Array,
): void {
  if (first instanceof PairedSha256 && second instanceof PairedSha256) {
    first.updateWith(firstBytes, second, secondBytes);
  } else {
    first.update(firstBytes);
    second.update(secondBytes);
  }
}

/** Bytes of a block of SHA-256 itself. */
const innerBytes = 64;
/** Words of a state, and states that are fed at once: `sha256Four` has no narrower form. */
const words = 8;
const lanes = 8;
/** FIPS 180-4, 5.1.1: after the bytes come a one bit, zeros, and their length in bits in eight bytes. */
const lengthBytes = 8;

/** FIPS 180-4, 5.3.3. */
const initial = Uint32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a],
  ...[0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
);
const nothing = new Uint8Array(0);

class PairedSha256 implements Sha256 {
  readonly #state = Uint32Array.from(initial);
  /** The bytes behind the last whole inner block. */
  readonly #rest = Buffer.alloc(innerBytes);
  #restBytes = 0;
  #totalBytes = 0;

  update(bytes: Uint8Array): void {
    this.updateWith(bytes);
  }

  updateWith(bytes: Uint8Array, other?: PairedSha256, otherBytes: Uint8Array = nothing): void {
    const own = this.#fill(bytes);
    if (other === undefined) {
      feed(this.#state, wholeBlocks(own));
    } else {
      const others = other.#fill(otherBytes);
      feed(this.#state, wholeBlocks(own), other.#state, wholeBlocks(others));
      other.#keep(others);
    }
    this.#keep(own);
  }

  digest(): Buffer {
    const bits = BigInt(this.#totalBytes) * 8n;
    const restBytes = this.#restBytes;
    const padding = Buffer.alloc((restBytes < innerBytes - lengthBytes ? 1 : 2) * innerBytes);
    this.#rest.copy(padding, 0, 0, restBytes);
    padding[restBytes] = 0x80;
    padding.writeBigUInt64BE(bits, padding.length - lengthBytes);
    feed(this.#state, padding);
    const digest = Buffer.alloc(words * 4);
    for (const [index, word] of this.#state.entries()) digest.writeUInt32BE(word, index * 4);
    return digest;
  }

  /** Completes the inner block that was begun; returns the bytes after it. */
  #fill(bytes: Uint8Array): Uint8Array {
    this.#totalBytes += bytes.length;
    if (this.#restBytes === 0) return bytes;
    const taken = bytes.subarray(0, innerBytes - this.#restBytes);
    this.#rest.set(taken, this.#restBytes);
    this.#restBytes += taken.length;
    if (this.#restBytes === innerBytes) {
      feed(this.#state, this.#rest);
      this.#restBytes = 0;
    }
    return bytes.subarray(taken.length);
  }

  #keep(bytes: Uint8Array): void {
    const rest = bytes.subarray(wholeBlocks(bytes).length);
    this.#rest.set(rest, this.#restBytes);
    this.#restBytes += rest.length;
  }
}

function wholeBlocks(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.length - (bytes.length % innerBytes));
}

/** Where both states stand while they are fed, word i of state j at 8i + j. */
const states = new Uint32Array(words * lanes);

/** Feeds whole inner blocks; false where this Node can't. */
function feed(
  first: Uint32Array,
  firstBytes: Uint8Array,
  second?: Uint32Array,
  secondBytes: Uint8Array = nothing,
): boolean {
  if (firstBytes.length === 0 && secondBytes.length === 0) return true;
  for (let word = 0; word < words; word += 1) {
    states[word * lanes] = first[word] ?? 0;
    states[word * lanes + 1] = second?.[word] ?? 0;
  }
  const idle = { bytes: firstBytes, blocks: 0 };
  const blocksOf = (bytes: Uint8Array): { bytes: Uint8Array; blocks: number } => ({
    bytes,
    blocks: bytes.length / innerBytes,
  });
  const inputs = [blocksOf(firstBytes), blocksOf(secondBytes), idle, idle];
  if (!sha256Four(states, inputs)) return false;
  for (let word = 0; word < words; word += 1) {
    first[word] = states[word * lanes] ?? 0;
    if (second !== undefined) second[word] = states[word * lanes + 1] ?? 0;
  }
  return true;
}

let pairsWork: boolean | undefined;

/** What is no part of OpenSSL's interface is used only where it gives what the interface gives. */
function agrees(): boolean {
  if (!feed(Uint32Array.from(initial), Buffer.alloc(innerBytes))) return false;
  const contents = [Buffer.alloc(5 * innerBytes + 7, "first"), Buffer.alloc(9 * innerBytes, "2nd")];
  const [first = nothing, second = nothing] = contents;
  const [one, two] = [new PairedSha256(), new PairedSha256()];
  one.updateWith(first, two, second);
  return [one, two].every((hash, index) => {
    const expected = createHash("sha256").update(contents[index] ?? nothing);
    return hash.digest().equals(expected.digest());
  });
}
