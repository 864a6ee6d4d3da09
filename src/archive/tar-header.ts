// Reads and writes one 512-byte tar header. It reads POSIX ustar, GNU and v7, and writes ustar. It
// ignores owners, times and device numbers.
import { archiveInvalid } from "./archive-invalid.js";

export const tarBlockBytes = 512;

/** Field positions as in POSIX.1-2017 pax, "ustar Interchange Format": [first byte, end). */
const nameField = [0, 100] as const;
const modeField = [100, 108] as const;
const uidField = [108, 116] as const;
const gidField = [116, 124] as const;
const sizeField = [124, 136] as const;
const mtimeField = [136, 148] as const;
const checksumField = [148, 156] as const;
const typeOffset = 156;
const magicField = [257, 265] as const;
const deviceFields = [
  [329, 337],
  [337, 345],
] as const;
const prefixField = [345, 500] as const;
/** The checksum counts its own field as eight spaces. This is their sum. */
const checksumSpaces = 8 * 0x20;

type TarFormat = "ustar" | "gnu" | "v7";

export interface TarHeader {
  readonly format: TarFormat;
  /** The unchecked name, including the ustar prefix. */
  readonly name: Uint8Array;
  /** Permission bits, masked to 0777. */
  readonly mode: number;
  /** Bytes of the body that follows. */
  readonly sizeBytes: number;
  /** One character. NUL (v7) is returned as "0". */
  readonly type: string;
}

/** Decodes a header that contains a nonzero byte. Errors name the header by `where`. */
export function decodeTarHeader(block: Uint8Array, where: string): TarHeader {
  const stored = decodeNumber(block, checksumField);
  if (stored !== checksumOf(block)) {
    throw archiveInvalid(`${where} is not a tar header: its checksum does not match`, {
      hint: "Expected a tar, either plain or compressed as a whole with gzip or zstd",
    });
  }
  const sizeBytes = decodeNumber(block, sizeField);
  if (sizeBytes === undefined) {
    throw archiveInvalid(`${where}: the size is not a number from 0 to 2^53 - 1`);
  }
  const mode = decodeNumber(block, modeField);
  if (mode === undefined) throw archiveInvalid(`${where}: the mode is not a number`);
  const format = decodeFormat(block, where);
  const typeByte = block[typeOffset] ?? 0;
  return {
    format,
    name: decodeName(block, format),
    mode: mode % 0o1000,
    sizeBytes,
    type: typeByte === 0 ? "0" : String.fromCharCode(typeByte),
  };
}

function decodeFormat(block: Uint8Array, where: string): TarFormat {
  const magic = Buffer.from(block.subarray(...magicField)).toString("latin1");
  // libarchive and old writers have NULs where POSIX requires the version "00".
  if (magic === "ustar\x0000" || magic === "ustar\0\0\0") return "ustar";
  if (magic === "ustar  \0") return "gnu";
  if (magic === "\0".repeat(8)) return "v7";
  throw archiveInvalid(`${where}: unknown tar format ${JSON.stringify(magic)}`, {
    hint: "POSIX (ustar, pax), GNU and v7 tar are read",
  });
}

function decodeName(block: Uint8Array, format: TarFormat): Uint8Array {
  const name = untilNul(block.subarray(...nameField));
  // GNU and v7 use the prefix field for other data.
  const prefix = format === "ustar" ? untilNul(block.subarray(...prefixField)) : undefined;
  if (prefix === undefined || prefix.byteLength === 0) return Buffer.from(name);
  return Buffer.concat([prefix, Buffer.from("/"), name]);
}

export function untilNul(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0);
  return end === -1 ? field : field.subarray(0, end);
}

/**
 * Decodes octal digits between spaces and NULs, or GNU's base-256. Returns undefined for anything
 * else.
 */
export function decodeNumber(
  block: Uint8Array,
  [start, end]: readonly [number, number],
): number | undefined {
  const first = block[start] ?? 0;
  if (first >= 0x80) return decodeBase256(block.subarray(start, end));
  const text = Buffer.from(block.subarray(start, end)).toString("latin1");
  const digits = /^ *([0-7]+)[ \0]*$/.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const value = Number.parseInt(digits, 8);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Decodes big-endian two's complement below a marker bit. Refuses negative numbers. */
function decodeBase256(field: Uint8Array): number | undefined {
  const first = field[0] ?? 0;
  if ((first & 0x40) !== 0) return undefined;
  let value = first & 0x3f;
  for (const byte of field.subarray(1)) {
    value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) return undefined;
  }
  return value;
}

function checksumOf(block: Uint8Array): number {
  let sum = checksumSpaces;
  for (let i = 0; i < checksumField[0]; i++) sum += block[i] ?? 0;
  for (let i = checksumField[1]; i < tarBlockBytes; i++) sum += block[i] ?? 0;
  return sum;
}

interface TarHeaderFields {
  /** At most 100 bytes of ASCII. Longer names also need a PAX record. */
  readonly name: string;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly modifiedSeconds: number;
  readonly type: "0" | "x";
}

/**
 * Largest size that eleven octal digits can express. A larger size also needs a PAX `size` record.
 */
export const maxOctalSizeBytes = 8 ** 11 - 1;

export function encodeTarHeader(fields: TarHeaderFields): Uint8Array {
  const block = Buffer.alloc(tarBlockBytes);
  block.write(fields.name, nameField[0], nameField[1], "latin1");
  encodeNumber(block, modeField, fields.mode);
  encodeNumber(block, uidField, 0);
  encodeNumber(block, gidField, 0);
  encodeNumber(block, sizeField, fields.sizeBytes);
  encodeNumber(block, mtimeField, fields.modifiedSeconds);
  block.write(fields.type, typeOffset, "latin1");
  block.write("ustar\x0000", magicField[0], "latin1");
  for (const field of deviceFields) encodeNumber(block, field, 0);
  // All writers use this form for the checksum: six digits, NUL, space.
  block.write(checksumOf(block).toString(8).padStart(6, "0"), checksumField[0], "latin1");
  block.write("\0 ", checksumField[0] + 6, "latin1");
  return block;
}

function encodeNumber(block: Buffer, [start, end]: readonly [number, number], value: number): void {
  const digits = end - start - 1;
  const octal = value.toString(8);
  if (octal.length <= digits) {
    block.write(octal.padStart(digits, "0"), start, "latin1");
    return;
  }
  let rest = value;
  for (let i = end - 1; i > start; i--) {
    block[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  block[start] = 0x80;
}
