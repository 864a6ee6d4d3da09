// SHA-256 of two blocks at once. A processor with instructions for it spends half of its time waiting
// for one block's last step; two that are independent fill the gaps, at twice the rate.
import { createHash } from "node:crypto";
import { sha256Four } from "../sparse/native.js";

/** Bytes of a block of SHA-256 itself. */
const innerBytes = 64;
/** Words of a state, and states that are fed at once: `sha256Four` has no narrower form. */
const words = 8;
const lanes = 8;

/** FIPS 180-4, 5.3.3. */
const initial = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/** The digests of two blocks of the same length, a multiple of 64. */
export function sha256Pair(first: Uint8Array, second: Uint8Array): readonly [Buffer, Buffer] {
  pairsWork ??= agrees();
  return (pairsWork ? together(first, second) : undefined) ?? [sha256(first), sha256(second)];
}

let pairsWork: boolean | undefined;

/** What is no part of OpenSSL's interface is used only where it gives what the interface gives. */
function agrees(): boolean {
  const first = Buffer.alloc(5 * innerBytes, "first");
  const second = Buffer.alloc(5 * innerBytes, "second");
  const [a, b] = together(first, second) ?? [];
  return a?.equals(sha256(first)) === true && b?.equals(sha256(second)) === true;
}

function together(first: Uint8Array, second: Uint8Array): [Buffer, Buffer] | undefined {
  const states = new Uint32Array(words * lanes);
  for (const [word, value] of initial.entries()) {
    states.fill(value, word * lanes, word * lanes + 2);
  }
  const padding = paddingAfter(first.length);
  if (!feed(states, first, second) || !feed(states, padding, padding)) return undefined;
  return [digestOf(states, 0), digestOf(states, 1)];
}

function feed(states: Uint32Array, first: Uint8Array, second: Uint8Array): boolean {
  const idle = { bytes: first, blocks: 0 };
  const blocks = first.length / innerBytes;
  return sha256Four(states, [{ bytes: first, blocks }, { bytes: second, blocks }, idle, idle]);
}

/** A one bit, zeros, the length in bits (FIPS 180-4, 5.1.1): a block of its own after whole ones. */
function paddingAfter(lengthBytes: number): Buffer {
  const padding = Buffer.alloc(innerBytes);
  padding[0] = 0x80;
  padding.writeBigUInt64BE(BigInt(lengthBytes) * 8n, innerBytes - 8);
  return padding;
}

function digestOf(states: Uint32Array, lane: number): Buffer {
  const digest = Buffer.alloc(words * 4);
  for (let word = 0; word < words; word += 1) {
    digest.writeUInt32BE(states[word * lanes + lane] ?? 0, word * 4);
  }
  return digest;
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}
