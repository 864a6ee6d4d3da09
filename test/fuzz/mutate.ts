// Makes new inputs from existing ones.
import type { Random } from "../support/random.js";

const maxInputBytes = 64 * 1024;
const maxSteps = 8;
const blockBytes = 512;
/** Parsers tend to fail at the limits of these numbers. */
const numbers = [
  ...["0", "1", "-1", "7", "8", "9", "255", "256", "511", "512", "513", "4095", "4096", "65535"],
  ...["2147483647", "2147483648", "4294967295", "4294967296", "9007199254740991"],
  ...["9007199254740992", "18446744073709551615", "1e309", "1e3", "0x10", "NaN", "00", "1.5"],
];

export interface Material {
  readonly random: Random;
  /** The words that the parser knows. */
  readonly words: readonly Uint8Array[];
  /** Returns another input, from which parts are taken. */
  other(): Uint8Array;
}

export function mutate(input: Uint8Array, material: Material): Buffer {
  const { random } = material;
  let bytes: Buffer = Buffer.from(input);
  for (let step = 1 + random.below(maxSteps); step > 0; step--) {
    bytes = random.pick(steps)(bytes, material);
  }
  return bytes.subarray(0, maxInputBytes);
}

type Step = (bytes: Buffer, material: Material) => Buffer;

const steps: readonly Step[] = [
  (bytes, { random }) => changed(bytes, random, (byte) => byte ^ (1 << random.below(8))),
  (bytes, { random }) => changed(bytes, random, () => random.below(256)),
  (bytes, { random }) => changed(bytes, random, (byte) => byte + random.pick([-1, 1])),
  (bytes, { random }) => changed(bytes, random, () => random.pick([0, 1, 0x20, 0x7f, 0x80, 0xff])),
  // This mutation replaces a digit with another digit.
  (bytes, { random }) =>
    changed(bytes, random, (byte) => (isDigit(byte) ? 0x30 + random.below(10) : byte)),
  (bytes, { random }) => {
    const [start, end] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
  },
  (bytes, { random }) => {
    const [start, end] = range(bytes, random);
    return inserted(bytes, random.below(bytes.length + 1), bytes.subarray(start, end));
  },
  (bytes, { random, words }) =>
    words.length === 0 ? bytes : placed(bytes, random, random.pick(words)),
  (bytes, { random }) => placed(bytes, random, Buffer.from(random.pick(numbers))),
  (bytes, { random }) => {
    const number = numberAt(bytes, random.below(bytes.length + 1));
    if (number === undefined) return bytes;
    const [start, end] = number;
    const value = random.chance(0.5)
      ? String(Number(bytes.toString("latin1", start, end)) + random.pick([-512, -1, 1, 512]))
      : random.pick(numbers);
    return Buffer.concat([bytes.subarray(0, start), Buffer.from(value), bytes.subarray(end)]);
  },
  (bytes, { random, other }) => {
    const donor = other();
    const [start, end] = range(donor, random);
    return placed(bytes, random, donor.subarray(start, end));
  },
  (bytes, { random, other }) => {
    const donor = other();
    const head = bytes.subarray(0, random.below(bytes.length + 1));
    return Buffer.concat([head, donor.subarray(random.below(donor.length + 1))]);
  },
  // Archives consist of blocks, after a first byte for the fuzzer.
  (bytes, { random, other }) => {
    const donor = other();
    const from = blockStart(donor, random);
    const blocks = donor.subarray(from, from + blockBytes * (1 + random.below(3)));
    return inserted(bytes, Math.min(bytes.length, blockStart(bytes, random)), blocks);
  },
  (bytes, { random }) => {
    const start = Math.min(bytes.length, blockStart(bytes, random));
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + blockBytes)]);
  },
];

function changed(bytes: Buffer, random: Random, change: (byte: number) => number): Buffer {
  if (bytes.length === 0) return bytes;
  const at = random.below(bytes.length);
  bytes[at] = change(bytes[at] ?? 0) & 0xff;
  return bytes;
}

function range(bytes: Uint8Array, random: Random): [start: number, end: number] {
  const start = random.below(bytes.length + 1);
  const longest = random.chance(0.8) ? 16 : bytes.length;
  return [start, Math.min(bytes.length, start + 1 + random.below(longest + 1))];
}

function inserted(bytes: Uint8Array, at: number, part: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)]);
}

/** Inserts the part, or writes it over existing bytes. */
function placed(bytes: Buffer, random: Random, part: Uint8Array): Buffer {
  const at = random.below(bytes.length + 1);
  if (random.chance(0.5)) return inserted(bytes, at, part);
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at + part.length)]);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Returns the start and the end of the first decimal number from there on. */
function numberAt(bytes: Buffer, from: number): [start: number, end: number] | undefined {
  const start = bytes.findIndex((byte, index) => index >= from && isDigit(byte));
  if (start === -1) return undefined;
  let end = start;
  while (end < bytes.length && isDigit(bytes[end] ?? 0)) end++;
  return [start, end];
}

function blockStart(bytes: Uint8Array, random: Random): number {
  return 1 + blockBytes * random.below(1 + Math.floor(bytes.length / blockBytes));
}
