// Encodes and decodes packs. A pack has blocks of one push in the order of its files, up to 16 MiB
// together. Numbers are little-endian.
//
//   offset  0  40  head (object-head.ts), magic "stasisPK"
//          40      entries, one after the other
//                  footer: a record for each entry, see below
//        -64   32  BLAKE3 of the footer as it is stored
//        -32    4  bytes of the footer as it is stored
//        -28    4  number of records
//        -24   16  zeros
//         -8    8  magic "stasisPT"
//
// A record has the BLAKE3 of the block (32 bytes), offset in the pack, stored bytes, bytes of the
// block (4 bytes each), encoding (1 byte), 3 zeros. In an encrypted pack each entry and the footer
// are sealed; `push-number@offset` is their context.
import { digestOf, digestBytes } from "../../files/block-digest.js";
import { asBuffer } from "../../holes/zero.js";
import { blockEncodings, type BlockEncoding, type EncodedBlock } from "./block-codec.js";
import { ensureValid, remoteDataInvalid } from "./invalid.js";
import { packKey, type PackName } from "./keys.js";
import { encodeHead, headBytes } from "./object-head.js";
import type { Seal } from "./seal.js";

/** A pack is complete when its entries have this size. */
const fullPackBytes = 16 * 1024 * 1024;
export const tailBytes = 64;
const tailMagic = "stasisPT";
/** Bytes of one entry in the footer, before the footer is sealed. */
export const footerRecordBytes = 48;
/**
 * Maximum number of entries. More entries are never useful, even if every block is a patch of a few
 * bytes.
 */
const maxPackEntries = 65_536;
/** The largest footer that a reader accepts, including the bytes of its seal. */
const maxFooterBytes = maxPackEntries * footerRecordBytes + 64;

export interface PackEntry {
  /** BLAKE3 of the block. */
  readonly digest: Uint8Array;
  /** Offset of the entry in the pack. */
  readonly offset: number;
  /** Bytes of the entry as stored. */
  readonly bytes: number;
  /** Bytes of the block. */
  readonly blockBytes: number;
  readonly encoding: BlockEncoding;
}

/** Collects the entries of one pack in memory. */
export interface PackBuilder {
  readonly entries: number;
  readonly isFull: boolean;
  add(block: EncodedBlock, digest: Uint8Array, blockBytes: number): PackEntry;
  /** Returns the object in pieces. Call it once, with at least one entry. */
  finish(): { readonly pieces: readonly Uint8Array[]; readonly bytes: number };
}

export function createPackBuilder(name: Omit<PackName, "attempt">, seal: Seal): PackBuilder {
  const pieces: Uint8Array[] = [encodeHead("stasisPK", seal.keyId)];
  const entries: PackEntry[] = [];
  let position = headBytes;
  return {
    get entries() {
      return entries.length;
    },
    get isFull() {
      return position >= headBytes + fullPackBytes || entries.length === maxPackEntries;
    },
    add: ({ encoding, bytes }, digest, blockBytes) => {
      const stored = seal.seal(bytes, entryContext(name, position));
      const entry = { digest, offset: position, bytes: stored.length, blockBytes, encoding };
      pieces.push(stored);
      entries.push(entry);
      position += stored.length;
      return entry;
    },
    finish: () => {
      const footer = seal.seal(encodeFooter(entries), entryContext(name, position));
      pieces.push(footer, encodeTail(footer, entries.length));
      return { pieces, bytes: position + footer.length + tailBytes };
    },
  };
}

/**
 * Returns the context in which an entry is sealed. The context does not contain `attempt`, so a
 * sealed entry can be stored again unchanged under another key of the pack.
 */
function entryContext({ push, sequence }: Omit<PackName, "attempt">, offset: number): string {
  return `${push}-${sequence}@${offset}`;
}

/**
 * Returns the encoded block of an entry. Throws REMOTE_DATA_INVALID if the entry was not sealed for
 * this offset.
 */
export function openEntry(
  name: PackName,
  seal: Seal,
  offset: number,
  stored: Uint8Array,
): Uint8Array {
  const key = packKey(name);
  const bytes = seal.open(stored, entryContext(name, offset));
  if (bytes === undefined) throw remoteDataInvalid(key, "the entry cannot be decrypted", offset);
  return bytes;
}

function encodeFooter(entries: readonly PackEntry[]): Buffer {
  const footer = Buffer.alloc(entries.length * footerRecordBytes);
  for (const [index, entry] of entries.entries()) {
    const start = index * footerRecordBytes;
    footer.set(entry.digest, start);
    footer.writeUInt32LE(entry.offset, start + digestBytes);
    footer.writeUInt32LE(entry.bytes, start + digestBytes + 4);
    footer.writeUInt32LE(entry.blockBytes, start + digestBytes + 8);
    footer.writeUInt8(blockEncodings.indexOf(entry.encoding), start + digestBytes + 12);
  }
  return footer;
}

function encodeTail(footer: Uint8Array, entries: number): Buffer {
  const tail = Buffer.alloc(tailBytes);
  digestOf("blake3", footer).copy(tail);
  tail.writeUInt32LE(footer.length, digestBytes);
  tail.writeUInt32LE(entries, digestBytes + 4);
  tail.write(tailMagic, tailBytes - tailMagic.length, "latin1");
  return tail;
}

export interface PackTail {
  readonly footerOffset: number;
  readonly footerBytes: number;
  readonly entries: number;
  readonly footerDigest: Uint8Array;
}

/** Decodes the tail. `input` is the last 64 bytes of a pack of `packBytes`. */
export function decodePackTail(input: Uint8Array, packBytes: number, key: string): PackTail {
  const tail = asBuffer(input);
  const start = packBytes - tailBytes;
  ensureValid(
    tail.length === tailBytes && start > headBytes,
    key,
    `it has only ${packBytes} bytes`,
  );
  const footerBytes = tail.readUInt32LE(digestBytes);
  const entries = tail.readUInt32LE(digestBytes + 4);
  const footerDigest = tail.subarray(0, digestBytes);
  const rest = Buffer.alloc(tailBytes - digestBytes - 8);
  rest.write(tailMagic, rest.length - tailMagic.length, "latin1");
  ensureValid(tail.subarray(digestBytes + 8).equals(rest), key, "its tail is malformed", start);
  const footerOffset = start - footerBytes;
  const fits = footerOffset > headBytes && footerBytes <= maxFooterBytes;
  ensureValid(fits && entries > 0, key, `its footer cannot have ${footerBytes} bytes`, start);
  return { footerOffset, footerBytes, entries, footerDigest };
}

/** Returns the entries in order. They fill the pack between its head and its footer. */
export function decodePackFooter(
  stored: Uint8Array,
  tail: PackTail,
  name: PackName,
  seal: Seal,
): PackEntry[] {
  const key = packKey(name);
  const at = tail.footerOffset;
  const found = digestOf("blake3", stored);
  ensureValid(found.equals(tail.footerDigest), key, "its footer does not match its digest", at);
  const opened = seal.open(stored, entryContext(name, at));
  ensureValid(opened !== undefined, key, "its footer cannot be decrypted", at);
  const footer = asBuffer(opened);
  const expected = tail.entries * footerRecordBytes;
  ensureValid(footer.length === expected, key, `its footer has ${footer.length} bytes`, at);
  const entries: PackEntry[] = [];
  let position = headBytes;
  for (let start = 0; start < footer.length; start += footerRecordBytes) {
    const entry = decodeRecord(footer.subarray(start, start + footerRecordBytes));
    const follows = entry?.offset === position && entry.bytes > 0 && entry.blockBytes > 0;
    ensureValid(follows, key, `its record ${entries.length} is malformed`, at);
    position += entry.bytes;
    entries.push(entry);
  }
  ensureValid(position === at, key, "its entries do not end where its footer begins", at);
  return entries;
}

/** Returns the entry. Undefined if its encoding is unknown or its padding is not zero. */
function decodeRecord(record: Buffer): PackEntry | undefined {
  // The number includes the padding in its upper bytes, so the encoding is unknown unless the
  // padding is zero.
  const encoding = blockEncodings[record.readUInt32LE(digestBytes + 12)];
  if (encoding === undefined) return undefined;
  return {
    digest: record.subarray(0, digestBytes),
    offset: record.readUInt32LE(digestBytes),
    bytes: record.readUInt32LE(digestBytes + 4),
    blockBytes: record.readUInt32LE(digestBytes + 8),
    encoding,
  };
}
