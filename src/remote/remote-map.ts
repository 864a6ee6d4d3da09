// Reads a snapshot's commit object and its map.
import { mib } from "../base/sizes.js";
import { indexBlocks, type WholeIndex } from "../files/block-access.js";
import { decodeBlockTable } from "../files/block-table-codec.js";
import { rootDigest } from "../files/block-table.js";
import { digestBytes } from "../files/block-digest.js";
import type { Extent } from "../model/extent.js";
import { isStoreError } from "../base/errors.js";
import { maxJsonBytes } from "./format/checked-json.js";
import { decodeCommit, type DecodedCommit } from "./format/commit.js";
import { ensureValid, remoteDataInvalid } from "./format/invalid.js";
import { mapKey, snapshotKey } from "./format/keys.js";
import {
  decodeBases,
  decodePacks,
  decodePlaces,
  openSection,
  sectionRange,
  type BaseBlock,
  type MapSection,
  type PackRecord,
  type Places,
  type SectionKind,
} from "./format/map.js";
import type { Repository } from "./repository.js";
import type { Bucket } from "./s3/bucket.js";

/** The bucket and the repository of a remote, which reading the remote needs. */
export interface RemoteReader {
  readonly bucket: Bucket;
  readonly repository: Repository;
}

export interface RemoteFile {
  readonly index: WholeIndex;
  /** The places of the data blocks of the file. */
  readonly places: Places;
}

/** The map of a snapshot. In memory it takes 48 bytes for each block with data. */
export interface RemoteMap {
  readonly packs: readonly PackRecord[];
  readonly bases: readonly BaseBlock[];
  /** The files by name. */
  readonly files: ReadonlyMap<string, RemoteFile>;
}

/** A map up to this size is read with one request. */
const wholeMapBytes = 8 * mib;

/** Reads the commit object. Throws REMOTE_COPY_MISSING if there is no such snapshot. */
export async function readCommit(
  { bucket, repository }: RemoteReader,
  id: string,
  signal: AbortSignal,
): Promise<DecodedCommit> {
  const key = snapshotKey(id);
  const bytes = await bucket.get(key, { maxBytes: maxJsonBytes, signal });
  return decodeCommit(id, bytes, (keyId) => repository.sealOf(key, keyId));
}

export async function readMap(
  { bucket, repository }: RemoteReader,
  commit: DecodedCommit,
  signal: AbortSignal,
): Promise<RemoteMap> {
  const { id, map, keyId } = commit;
  const key = mapKey(id);
  const seal = repository.sealOf(id, keyId);
  const whole =
    map.bytes <= wholeMapBytes
      ? await bucket.get(key, {
          range: { offset: 0, length: map.bytes },
          maxBytes: map.bytes,
          signal,
        })
      : undefined;
  const read = async (kind: SectionKind, file = ""): Promise<Buffer> => {
    const section = sectionOf(map.sections, kind, file);
    const range = sectionRange(map.sections, section);
    const stored =
      whole?.subarray(range.offset, range.offset + range.length) ??
      (await readRange(bucket, key, range, signal));
    return openSection(id, section, range.offset, stored, seal);
  };
  const packs = decodePacks(await read("packs"), key);
  const bases = decodeBases(await read("bases"), packs, key);
  const files = new Map<string, RemoteFile>();
  for (const { name, sizeBytes, digest } of commit.manifest.files) {
    const table = tableOf(key, await read("table", name));
    const places = decodePlaces(await read("places", name), packs, bases, key);
    const right = table.sizeBytes === sizeBytes && rootDigest(table) === digest;
    ensureValid(right, key, `the table of ${name} does not match the file's digest`);
    const blocks = table.digests.length / digestBytes;
    ensureValid(places.count === blocks, key, `it has ${places.count} places of ${name}`);
    files.set(name, { index: indexBlocks(table), places });
  }
  return { packs, bases, files };
}

/** Returns the packs that the map names, which is all that a collection needs of the map. */
export async function readPacks(
  { bucket, repository }: RemoteReader,
  { id, map, keyId }: DecodedCommit,
  signal: AbortSignal,
): Promise<PackRecord[]> {
  const key = mapKey(id);
  const section = sectionOf(map.sections, "packs", "");
  const range = sectionRange(map.sections, section);
  const stored = await readRange(bucket, key, range, signal);
  return decodePacks(
    openSection(id, section, range.offset, stored, repository.sealOf(id, keyId)),
    key,
  );
}

function sectionOf(sections: readonly MapSection[], kind: SectionKind, file: string): MapSection {
  const section = sections.find((each) => each.kind === kind && each.file === file);
  if (section === undefined) throw new Error(`no section ${kind} ${file}`);
  return section;
}

async function readRange(
  bucket: Bucket,
  key: string,
  range: Extent,
  signal: AbortSignal,
): Promise<Buffer> {
  if (range.length === 0) return Buffer.alloc(0);
  const pieces: Buffer[] = [];
  for await (const piece of bucket.getPieces(key, { range, signal })) pieces.push(piece);
  return Buffer.concat(pieces);
}

function tableOf(key: string, bytes: Uint8Array) {
  try {
    return decodeBlockTable(bytes, key);
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    throw remoteDataInvalid(key, error.message);
  }
}
