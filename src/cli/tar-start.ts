// Distinguishes a tar from a disk image by its first block, before anything is uploaded. Passing a
// disk image to `create` is a common mistake.
import { basename, dirname, resolve } from "node:path";
import type { ByteStream } from "../base/async.js";
import { CliError } from "./exit-codes.js";

const blockBytes = 512;
const checksumAt = 148;
const checksumBytes = 8;
/**
 * The size to which a tar without entries is padded. A longer file that begins with zeros is a
 * disk.
 */
const emptyTarBytes = 10_240;

/** The source of the bytes: the path of a file, or undefined for stdin. */
export interface TarSource {
  readonly path: string | undefined;
  readonly sizeBytes: number | undefined;
}

/**
 * Yields the same bytes. Throws before it yields the first byte if the bytes are neither a tar nor
 * compressed.
 */
export async function* requireTar(
  bytes: ByteStream,
  source: TarSource,
): AsyncGenerator<Uint8Array, void, undefined> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const piece of bytes) {
    if (start === undefined) {
      yield piece;
      continue;
    }
    // The first piece from a pipe may be shorter than a block.
    const joined: Uint8Array = start.length === 0 ? piece : Buffer.concat([start, piece]);
    if (joined.length < blockBytes) {
      start = Buffer.from(joined);
      continue;
    }
    if (!canBeTar(joined.subarray(0, blockBytes), source.sizeBytes)) throw noTarError(source);
    start = undefined;
    yield joined;
  }
  // The input is too short for a tar. The daemon reports what is missing.
  if (start !== undefined && start.length > 0) yield start;
}

function canBeTar(block: Uint8Array, sizeBytes: number | undefined): boolean {
  const isGzip = block[0] === 0x1f && block[1] === 0x8b;
  const isZstd = Buffer.from(block.subarray(0, 4)).readUInt32LE() === 0xfd2fb528;
  // This recognizes a skippable frame of zstd, as pzstd writes them.
  const isSkippable = block[1] === 0x2a && block[2] === 0x4d && block[3] === 0x18;
  if (isGzip || isZstd || isSkippable) return true;
  if (block.every((byte) => byte === 0)) return (sizeBytes ?? 0) <= emptyTarBytes;
  return hasChecksum(block);
}

/**
 * Returns whether a block has a valid checksum of POSIX.1-1988 ustar: the sum of the header's
 * bytes, with spaces in place of the checksum's own field.
 */
function hasChecksum(block: Uint8Array): boolean {
  const field = block.subarray(checksumAt, checksumAt + checksumBytes);
  const stored = /^[ 0]*([0-7]+)[ \0]*$/.exec(Buffer.from(field).toString("latin1"))?.[1];
  if (stored === undefined) return false;
  let [unsigned, signed] = [0, 0];
  for (const [index, byte] of block.entries()) {
    const inField = index >= checksumAt && index < checksumAt + checksumBytes;
    unsigned += inField ? 0x20 : byte;
    signed += inField ? 0x20 : (byte << 24) >> 24;
  }
  const sum = Number.parseInt(stored, 8);
  return sum === unsigned || sum === signed;
}

function noTarError({ path }: TarSource): CliError {
  if (path === undefined) {
    const hint = "Pipe a tar of the files in: tar -C DIR -cS FILE... | stasis create -";
    return new CliError("INVALID_ARGUMENT", "INPUT_INVALID", "stdin is not a tar", hint);
  }
  const absolute = resolve(path);
  const [folder, file] = [quoted(dirname(absolute)), quoted(basename(absolute))];
  return new CliError(
    "INVALID_ARGUMENT",
    "INPUT_INVALID",
    `${path} is not a tar, it may be a disk image`,
    "A snapshot is a directory of files, or a tar of them. For this file alone, type: " +
      `tar -C ${folder} -cS ${file} | stasis create -`,
  );
}

/** Quotes a word for a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
