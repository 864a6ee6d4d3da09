// Encodes and decodes maps, which say where the blocks of a snapshot are. Numbers are
// little-endian.
//
//   offset  0  40  head (object-head.ts), magic "stasisMP"
//          40      sections, one after the other, each cut into parts of at most 1 MiB
//
// The commit object lists the sections, and the length and BLAKE3 of each part as it is stored. Any
// part can therefore be read by itself. For each file there are two sections: `table`, its block
// table (src/files/block-table-codec.ts), and `places`, a place for each of its data blocks in
// order. Then follow `bases` and `packs`, which are all that a collection reads.
//
//   a place  index in `packs`, offset in the pack (4 bytes each), stored bytes (3 bytes), encoding
//            (1 byte), index in `bases`, or 2^32-1 without one (4 bytes)
//   a base   BLAKE3 of the block (32 bytes), its place without the last field (12 bytes), bytes of
//            the block (4 bytes)
//   a pack   id of the push in binary form (16 bytes), attempt, number, bytes of the object (4
//            bytes each), id of its repository key (16 bytes, zeros if it is not encrypted)
//
// In an encrypted map each part is sealed; `mapKey@offset` is its context.
import { digestBytes, digestOf } from "../../files/block-digest.js";
import { asBuffer, isZero } from "../../holes/zero.js";
import { blockEncodings, type BlockEncoding } from "./block-codec.js";
import { ensureValid, remoteDataInvalid } from "./invalid.js";
import { mapKey, maxPackAttempts, maxPacks, type PackName } from "./keys.js";
import { encodeHead, headBytes } from "./object-head.js";
import { decodeRemoteId, encodeRemoteId, remoteIdBytes } from "./remote-id.js";
import type { Seal } from "./seal.js";

const partBytes = 1024 * 1024;
const placeBytes = 16;
const baseBytes = 48;
const packBytes = 44;
const packKeyStart = 28;
const noBase = 0xffff_ffff;

export type SectionKind = "table" | "places" | "bases" | "packs";

interface MapPart {
  /** Bytes of the part as stored. */
  readonly bytes: number;
  /** BLAKE3 of these bytes, in hex. */
  readonly digest: string;
}

export interface MapSection {
  readonly kind: SectionKind;
  /** Name of the file. Empty for the sections that all files share. */
  readonly file: string;
  readonly parts: readonly MapPart[];
}

export interface WrittenMap {
  readonly pieces: readonly Uint8Array[];
  readonly bytes: number;
  readonly sections: readonly MapSection[];
}

interface MapWriter {
  add(kind: SectionKind, file: string, content: Uint8Array): void;
  finish(): WrittenMap;
}

/** Creates a writer that collects a map in memory, with 48 bytes for each block of data. */
export function createMapWriter(id: string, seal: Seal): MapWriter {
  const key = mapKey(id);
  const pieces: Uint8Array[] = [encodeHead("stasisMP", seal.keyId)];
  const sections: MapSection[] = [];
  let position = headBytes;
  return {
    add: (kind, file, content) => {
      const parts: MapPart[] = [];
      for (let start = 0; start < content.length; start += partBytes) {
        const plain = content.subarray(start, start + partBytes);
        const stored = seal.seal(plain, partContext(key, position));
        parts.push({ bytes: stored.length, digest: digestOf("blake3", stored).toString("hex") });
        pieces.push(stored);
        position += stored.length;
      }
      sections.push({ kind, file, parts });
    },
    finish: () => ({ pieces, bytes: position, sections }),
  };
}

function partContext(key: string, offset: number): string {
  return `${key}@${offset}`;
}

/** Returns the offset of the section in the object, and its stored length. */
export function sectionRange(
  sections: readonly MapSection[],
  wanted: MapSection,
): { readonly offset: number; readonly length: number } {
  let offset = headBytes;
  for (const section of sections) {
    const length = section.parts.reduce((sum, { bytes }) => sum + bytes, 0);
    if (section === wanted) return { offset, length };
    offset += length;
  }
  throw new Error(`no section ${wanted.kind} ${wanted.file}`);
}

/** Returns the content of a section that is stored from `offset` of the map on. */
export function openSection(
  id: string,
  section: MapSection,
  offset: number,
  stored: Uint8Array,
  seal: Seal,
): Buffer {
  const key = mapKey(id);
  const pieces: Uint8Array[] = [];
  let position = 0;
  for (const { bytes, digest } of section.parts) {
    const part = stored.subarray(position, position + bytes);
    const at = offset + position;
    const right = part.length === bytes && digestOf("blake3", part).toString("hex") === digest;
    ensureValid(right, key, "a part does not match the digest in the snapshot's object", at);
    const plain = seal.open(part, partContext(key, at));
    ensureValid(plain !== undefined, key, "a part cannot be decrypted", at);
    pieces.push(plain);
    position += bytes;
  }
  return Buffer.concat(pieces);
}

/** Where the entry of a block is. */
export interface BlockPlace {
  /** Index in the map's packs. */
  readonly pack: number;
  readonly offset: number;
  /** Bytes of the entry as stored. */
  readonly bytes: number;
  readonly encoding: BlockEncoding;
  /** Index in the map's bases. Undefined unless the entry is a patch. */
  readonly base: number | undefined;
}

export interface BaseBlock extends Omit<BlockPlace, "base"> {
  readonly digest: Uint8Array;
  readonly blockBytes: number;
}

export interface PackRecord extends PackName {
  /** Bytes of the object. */
  readonly bytes: number;
  /** Id of the pack's repository key. Undefined if the pack is not encrypted. */
  readonly keyId: string | undefined;
}

/** Collects places in the order of the blocks. */
interface PlaceWriter {
  add(place: BlockPlace): void;
  finish(): Uint8Array;
}

export function createPlaceWriter(blocks: number): PlaceWriter {
  const bytes = Buffer.alloc(blocks * placeBytes);
  let position = 0;
  return {
    add: (place) => {
      writePlace(bytes, position, place);
      bytes.writeUInt32LE(place.base ?? noBase, position + 12);
      position += placeBytes;
    },
    finish: () => bytes,
  };
}

function writePlace(bytes: Buffer, at: number, place: Omit<BlockPlace, "base">): void {
  bytes.writeUInt32LE(place.pack, at);
  bytes.writeUInt32LE(place.offset, at + 4);
  bytes.writeUIntLE(place.bytes, at + 8, 3);
  bytes.writeUInt8(blockEncodings.indexOf(place.encoding), at + 11);
}

export function encodeBases(bases: readonly BaseBlock[]): Uint8Array {
  const bytes = Buffer.alloc(bases.length * baseBytes);
  for (const [index, base] of bases.entries()) {
    const start = index * baseBytes;
    bytes.set(base.digest, start);
    writePlace(bytes, start + digestBytes, base);
    bytes.writeUInt32LE(base.blockBytes, start + digestBytes + 12);
  }
  return bytes;
}

export function encodePacks(packs: readonly PackRecord[]): Uint8Array {
  const bytes = Buffer.alloc(packs.length * packBytes);
  for (const [index, pack] of packs.entries()) {
    const start = index * packBytes;
    encodeRemoteId(pack.push).copy(bytes, start);
    bytes.writeUInt32LE(pack.attempt, start + remoteIdBytes);
    bytes.writeUInt32LE(pack.sequence, start + remoteIdBytes + 4);
    bytes.writeUInt32LE(pack.bytes, start + remoteIdBytes + 8);
    if (pack.keyId !== undefined) encodeRemoteId(pack.keyId).copy(bytes, start + packKeyStart);
  }
  return bytes;
}

export function decodePacks(content: Uint8Array, key: string): PackRecord[] {
  const bytes = wholeRecords(content, packBytes, key, "packs");
  const packs: PackRecord[] = [];
  for (let start = 0; start < bytes.length; start += packBytes) {
    const push = decodeRemoteId(bytes.subarray(start, start + remoteIdBytes));
    const attempt = bytes.readUInt32LE(start + remoteIdBytes);
    const sequence = bytes.readUInt32LE(start + remoteIdBytes + 4);
    const known = attempt < maxPackAttempts && sequence < maxPacks;
    ensureValid(known, key, `its pack ${packs.length} is malformed`);
    const id = bytes.subarray(start + packKeyStart, start + packBytes);
    const keyId = isZero(id) ? undefined : decodeRemoteId(id);
    const size = bytes.readUInt32LE(start + remoteIdBytes + 8);
    packs.push({ push, attempt, sequence, bytes: size, keyId });
  }
  return packs;
}

export function decodeBases(
  content: Uint8Array,
  packs: readonly PackRecord[],
  key: string,
): BaseBlock[] {
  const bytes = wholeRecords(content, baseBytes, key, "bases");
  const bases: BaseBlock[] = [];
  for (let start = 0; start < bytes.length; start += baseBytes) {
    const place = readPlace(bytes, start + digestBytes, packs);
    const blockBytes = bytes.readUInt32LE(start + digestBytes + 12);
    if (place === undefined || place.encoding === "patch" || blockBytes === 0) {
      throw remoteDataInvalid(key, `its base ${bases.length} is malformed`);
    }
    const digest = bytes.subarray(start, start + digestBytes);
    bases.push({ ...place, digest, blockBytes });
  }
  return bases;
}

/** The places of a file's data blocks. Each call of `at` decodes one place. */
export interface Places {
  readonly count: number;
  /** Returns the place of the data block at `index`. `decodePlaces` has already checked it. */
  at(index: number): BlockPlace;
}

export function decodePlaces(
  content: Uint8Array,
  packs: readonly PackRecord[],
  bases: readonly BaseBlock[],
  key: string,
): Places {
  const bytes = wholeRecords(content, placeBytes, key, "places");
  const count = bytes.length / placeBytes;
  const placeAt = (index: number): BlockPlace | undefined => {
    const place = readPlace(bytes, index * placeBytes, packs);
    const number = bytes.readUInt32LE(index * placeBytes + 12);
    const base = number === noBase ? undefined : number;
    const isPatch = place?.encoding === "patch";
    const known = base === undefined ? !isPatch : isPatch && base < bases.length;
    return place !== undefined && known ? { ...place, base } : undefined;
  };
  for (let index = 0; index < count; index += 1) {
    ensureValid(placeAt(index) !== undefined, key, `its place ${index} is malformed`);
  }
  return {
    count,
    at: (index) => {
      const place = placeAt(index);
      if (place === undefined) throw new RangeError(`no place ${index} of ${count}`);
      return place;
    },
  };
}

/**
 * Returns the place. Undefined if its encoding is unknown, or if it does not lie in a pack of the
 * map.
 */
function readPlace(
  bytes: Buffer,
  at: number,
  packs: readonly PackRecord[],
): Omit<BlockPlace, "base"> | undefined {
  const pack = bytes.readUInt32LE(at);
  const offset = bytes.readUInt32LE(at + 4);
  const stored = bytes.readUIntLE(at + 8, 3);
  const encoding = blockEncodings[bytes.readUInt8(at + 11)];
  const end = packs[pack]?.bytes ?? 0;
  if (encoding === undefined || stored === 0 || offset < headBytes) return undefined;
  if (offset + stored > end) return undefined;
  return { pack, offset, bytes: stored, encoding };
}

function wholeRecords(content: Uint8Array, size: number, key: string, what: string): Buffer {
  ensureValid(content.length % size === 0, key, `its section ${what} is cut off`);
  return asBuffer(content);
}
