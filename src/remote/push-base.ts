// Finds the blocks in the base of a push. The base is a snapshot at the remote. The new snapshot
// may share blocks of the base, or store patches of them. A block is compared with the block at the
// same position of the same file.
import type { FileHandle } from "node:fs/promises";
import type { ZstdBlockCodec } from "../archive/zstd-block.js";
import { hasBytes, readBlock, type WholeIndex } from "../files/block-access.js";
import { digestOf } from "../files/block-digest.js";
import { decodeBlock } from "./format/block-codec.js";
import type { BaseBlock, BlockPlace, PackRecord } from "./format/map.js";
import { entryKey, type EntryPlace } from "./entries.js";
import type { RemoteFile, RemoteMap } from "./remote-map.js";

/** A file of the base, at the remote and on this node. */
export interface RemoteBaseFile {
  readonly map: RemoteMap;
  readonly remote: RemoteFile;
  /**
   * The file on this node. Undefined if this node does not have its bytes, so that there are no
   * patches.
   */
  readonly local: { readonly handle: FileHandle; readonly index: WholeIndex } | undefined;
}

/**
 * Returns the pack of a place. The index is valid, because the reader of the map has checked it.
 */
export function packOf(map: RemoteMap, { pack }: Pick<BlockPlace, "pack">): PackRecord {
  const record = map.packs[pack];
  if (record === undefined) throw new Error(`no pack ${pack} of ${map.packs.length}`);
  return record;
}

/**
 * Returns where the block of the base is at the remote. Undefined if the base has no data there.
 */
export function placeInBase({ remote }: RemoteBaseFile, block: number): BlockPlace | undefined {
  const position = remote.index.positionOf(block);
  return position === undefined ? undefined : remote.places.at(position);
}

/**
 * Returns the entry that `originalOf` needs besides the local bytes. Only a block that is itself
 * stored as a patch needs one.
 */
export function patchInBase(base: RemoteBaseFile, place: BlockPlace): EntryPlace | undefined {
  if (place.encoding !== "patch") return undefined;
  return { pack: packOf(base.map, place), offset: place.offset, bytes: place.bytes };
}

/**
 * Returns the block of which the base's block at this place is made: the block itself, or the block
 * of which it is a patch. Undefined if the map does not name that block.
 */
export function sourceOf(
  { map, remote }: RemoteBaseFile,
  block: number,
  place: BlockPlace,
): BaseBlock | undefined {
  if (place.encoding === "patch")
    return place.base === undefined ? undefined : map.bases[place.base];
  const digest = remote.index.digestOf(block) ?? new Uint8Array();
  return { ...place, digest, blockBytes: remote.index.lengthOf(block) };
}

/** A block from which a patch can be computed, with its bytes and its place at the remote. */
interface Original {
  readonly bytes: Uint8Array;
  readonly block: BaseBlock;
}

/**
 * Returns the block of the base. If that block is stored as a patch, returns the block of which it
 * is a patch: an XOR with the patch reverses the patch. Undefined if this node's copy is missing or
 * damaged.
 */
export async function originalOf(
  base: RemoteBaseFile,
  block: number,
  place: BlockPlace,
  tools: { readonly codec: ZstdBlockCodec; readonly entries: ReadonlyMap<string, Uint8Array> },
): Promise<Original | undefined> {
  const bytes = await localBlock(base, block);
  if (bytes === undefined) return undefined;
  const known = sourceOf(base, block, place);
  if (known !== undefined && place.encoding !== "patch") return { bytes, block: known };
  const entry = patchInBase(base, place);
  const patch = entry === undefined ? undefined : tools.entries.get(entryKey(entry));
  if (known === undefined || patch === undefined) return undefined;
  const encoded = { encoding: "patch", bytes: patch } as const;
  const original = await decodeBlock(tools.codec, encoded, bytes.length, bytes);
  if (original === undefined || !digestOf("blake3", original).equals(known.digest))
    return undefined;
  return { bytes: original, block: known };
}

async function localBlock({ local, remote }: RemoteBaseFile, block: number) {
  if (local === undefined) return undefined;
  const digest = remote.index.digestOf(block);
  const own = local.index.digestOf(block);
  const same = digest !== undefined && own !== undefined && Buffer.compare(digest, own) === 0;
  if (!same) return undefined;
  const bytes = await readBlock(local.handle, local.index, block, "base");
  return (await hasBytes(local.index, block, bytes)) ? bytes : undefined;
}
