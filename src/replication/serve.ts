// Implements the sender's side: serves a snapshot's tables under a lease, and its blocks.
import { StoreError, fieldInvalid, isStoreError } from "../base/errors.js";
import { formatBytes } from "../base/sizes.js";
import { hasBytes, noBlocks, readBlock, type BlockIndex } from "../files/block-access.js";
import { blockCount } from "../files/block-table.js";
import { encodeBlockTable, tableVersions } from "../files/block-table-codec.js";
import type { Snapshot } from "../model/snapshot.js";
import type { FileHashes } from "../store/read/block-hashes.js";
import { readTableBytes } from "../files/table-file.js";
import { tableCursor, windowBlocks, type TableShape } from "../files/table-source.js";
import type { OpenBlocks, OpenTable } from "../store/read/blocks.js";
import type { FileHandle } from "node:fs/promises";
import { digestPattern } from "../model/digest.js";
import { maxBases, openBestBase } from "./base-choice.js";
import { encodeDelta, encodeNonzeroPages, type PageSet } from "./page-delta.js";
import type { PeerReads } from "./ports.js";

const tablePartBytes = 256 * 1024;
export const maxRanges = 4096;
export const maxBlocks = 16_384;

type ManifestPart =
  | {
      readonly kind: "snapshot";
      readonly snapshot: Snapshot;
      readonly baseDigest: string;
      readonly hashes: FileHashes;
    }
  | { readonly kind: "summary"; readonly file: string; readonly lengthBytes: number }
  | {
      readonly kind: "table";
      readonly file: string;
      readonly bytes: Uint8Array;
      readonly last: boolean;
    };

/**
 * Sends the manifest, and keeps the lease until the caller ends the stream. Until then the
 * snapshot's bytes stay.
 */
export async function* serveManifest(
  store: PeerReads,
  request: {
    readonly ref: string;
    /** Digest of the snapshot, in place of `ref`. Empty means that `ref` is used. */
    readonly digest: string;
    readonly baseDigests: readonly string[];
    readonly snapshotOnly: boolean;
    /** Versions of block tables that the caller reads. Empty means all versions. */
    readonly acceptTableVersions: readonly number[];
    /** Whether the caller reads large tables with ReadTable. */
    readonly tablesByRange: boolean;
  },
  signal: AbortSignal,
): AsyncGenerator<ManifestPart, void, undefined> {
  const { baseDigests } = request;
  if (baseDigests.length > maxBases) {
    throw fieldInvalid("baseDigests", `at most ${maxBases}`, baseDigests.length);
  }
  for (const digest of baseDigests) checkDigest(digest, "baseDigests");
  const ref = request.digest === "" ? request.ref : idOfDigest(store, request);
  await using open = await store.openBlocks(ref, signal);
  const { snapshot } = open;
  const hashes = await store.blockHashes(snapshot);
  checkVersions(snapshot, hashes, request.acceptTableVersions);
  if (request.snapshotOnly) {
    yield { kind: "snapshot", snapshot, baseDigest: "", hashes };
    return;
  }
  const tables = new Map<string, OpenTable>();
  for (const [index, { name }] of open.stored.files.entries()) {
    tables.set(name, await open.source(index, { check: true }));
    if (!request.tablesByRange) requireSmall(snapshot, [...tables.values()]);
  }
  const baseDigest = await commonBase(store, baseDigests, tables, signal);
  yield { kind: "snapshot", snapshot, baseDigest, hashes };
  yield* tableParts(tables, request.tablesByRange);
  tables.clear();
  await fired(signal);
}

async function* tableParts(
  tables: ReadonlyMap<string, OpenTable>,
  byRange: boolean,
): AsyncGenerator<ManifestPart, void, undefined> {
  for (const [file, source] of tables) {
    if (byRange && source.handle !== undefined) {
      yield { kind: "summary", file, lengthBytes: source.lengthBytes };
      continue;
    }
    const bytes = encodeBlockTable(await source.whole());
    for (let start = 0; start < bytes.length; start += tablePartBytes) {
      const end = Math.min(start + tablePartBytes, bytes.length);
      yield { kind: "table", file, bytes: bytes.subarray(start, end), last: end === bytes.length };
    }
  }
}

/** A node without ReadTable reads at most this many bytes of tables per snapshot. */
export const maxTableBytes = 64 * 1024 * 1024;

function requireSmall({ config }: Snapshot, tables: readonly OpenTable[]): void {
  const bytes = tables.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  if (bytes <= maxTableBytes) return;
  throw new StoreError(
    "LIMIT_EXCEEDED",
    `the block tables of snapshot ${config.id} have ${formatBytes(bytes)}, the pulling node reads ` +
      `at most ${formatBytes(maxTableBytes)}`,
    {
      hint: "Upgrade the pulling node first",
      resource: { type: "snapshot", name: config.id },
      metadata: { snapshot_id: config.id, limit: "peer_table_bytes", upgrade: "receiver" },
    },
  );
}

/** Yields the bytes of a table from `offset` on. The sender does not check them: the peer does. */
export async function* serveTable(
  store: PeerReads,
  request: {
    readonly snapshotId: string;
    readonly file: string;
    readonly offset: number;
    /** Number of bytes. 0 means all bytes up to the end of the table. */
    readonly lengthBytes: number;
  },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using open = await store.openBlocks(request.snapshotId, signal);
  const { offset } = request;
  const position = open.stored.files.findIndex(({ name }) => name === request.file);
  if (position < 0) throw fieldInvalid("file", "a file of the snapshot", request.file);
  const source = await open.source(position, { check: false });
  if (offset > source.lengthBytes) {
    throw fieldInvalid("offset", `at most ${source.lengthBytes}`, offset);
  }
  const left = source.lengthBytes - offset;
  const end = offset + Math.min(request.lengthBytes || left, left);
  const { handle } = source;
  const small = handle === undefined ? encodeBlockTable(await source.whole()) : undefined;
  for (let start = offset; start < end; start += tablePartBytes) {
    signal.throwIfAborted();
    const length = Math.min(tablePartBytes, end - start);
    if (small !== undefined) yield small.subarray(start, start + length);
    else if (handle !== undefined) yield await readTableBytes(handle, request.file, start, length);
  }
}

/**
 * Throws unless the caller reads the versions of the tables. The sender cannot convert a table: its
 * digests, and so those of the files, belong to its version.
 */
function checkVersions(
  { config }: Snapshot,
  hashes: FileHashes,
  accepted: readonly number[],
): void {
  if (accepted.length === 0) return;
  for (const [file, algorithm] of hashes) {
    const version = tableVersions[algorithm];
    if (accepted.includes(version)) continue;
    throw new StoreError(
      "FORMAT_UNSUPPORTED",
      `the block table of ${file} has version ${version}, the pulling node reads ${accepted.join(", ")}`,
      {
        hint: "Upgrade the pulling node first",
        resource: { type: "snapshot", name: config.id },
        metadata: { snapshot_id: config.id, file, version: String(version), upgrade: "receiver" },
      },
    );
  }
}

function idOfDigest(
  store: PeerReads,
  { ref, digest }: { readonly ref: string; readonly digest: string },
): string {
  if (ref !== "") throw fieldInvalid("ref", "an empty value, because digest is set", ref);
  checkDigest(digest, "digest");
  const [first] = store.withDigest(digest);
  if (first !== undefined) return first.config.id;
  throw new StoreError("SNAPSHOT_NOT_FOUND", `no undamaged snapshot has the digest ${digest}`, {
    resource: { type: "snapshot", name: digest },
  });
}

async function commonBase(
  store: PeerReads,
  digests: readonly string[],
  tables: ReadonlyMap<string, OpenTable>,
  signal: AbortSignal,
): Promise<string> {
  const known = [...new Set(digests)].flatMap((digest) => store.withDigest(digest)[0] ?? []);
  await using base = await openBestBase(store, known, tables, signal);
  return base?.snapshot.digest ?? "";
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

interface BlocksRequest {
  readonly snapshotId: string;
  readonly file: string;
  readonly ranges: readonly { readonly first: bigint; readonly count: bigint }[];
  /** Digest of the base for differences. Empty means that the caller wants whole blocks. */
  readonly baseDigest: string;
  /** The encodings that the caller can decode, besides `raw`. */
  readonly encodings: ReadonlySet<ServedEncoding>;
}

/** The encodings in which a block can be sent. */
export type ServedEncoding = "raw" | "pages" | "xor-deflate" | "nonzero-pages";

interface ServedBlock {
  readonly index: number;
  readonly data: Uint8Array;
  readonly encoding: ServedEncoding;
  /** The pages in `data`. Undefined for `raw`. */
  readonly pages: PageSet | undefined;
  /** Bytes of the block. */
  readonly length: number;
}

/** Blocks that are read or compressed concurrently. */
const ahead = 4;

export async function* serveBlocks(
  store: PeerReads,
  request: BlocksRequest,
  signal: AbortSignal,
): AsyncGenerator<ServedBlock, void, undefined> {
  await using open = await store.openBlocks(request.snapshotId, signal);
  const source = await openFile(open, request.file);
  if (source === undefined) throw fieldInvalid("file", "a file of the snapshot", request.file);
  const blocks = await checkedBlocks(request.ranges, source);
  await using base = await openBase(store, request.baseDigest, signal);
  const against = base === undefined ? undefined : await openFile(base, request.file);
  const queue: Promise<ServedBlock>[] = [];
  try {
    for (const block of blocks) {
      signal.throwIfAborted();
      const place = { source: await source.at(block), base: await against?.at(block) };
      const served = serveBlock(place, block, request.encodings);
      // The consumer handles this error when it reaches the block.
      served.catch(() => undefined);
      queue.push(served);
      const first = queue.length > ahead ? queue.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) yield await next;
  } finally {
    // The descriptors are closed next, so no read may still use their numbers.
    await Promise.allSettled(queue);
  }
}

interface ServedFile {
  readonly shape: TableShape;
  /**
   * Returns the file with the index of the window that has this block. Ask for blocks in ascending
   * order.
   */
  at(block: number): Promise<ServedPlace>;
}

interface ServedPlace {
  readonly open: OpenBlocks;
  readonly name: string;
  readonly handle: FileHandle;
  readonly index: BlockIndex;
}

async function openFile(open: OpenBlocks, name: string): Promise<ServedFile | undefined> {
  const position = open.stored.files.findIndex((file) => file.name === name);
  if (position < 0) return undefined;
  const source = await open.source(position, { check: false });
  const handle = await open.stored.open(name);
  const indexAt = tableCursor(source);
  const at = async (block: number): Promise<ServedPlace> => {
    const beyond = block >= source.windows * windowBlocks;
    return { open, name, handle, index: beyond ? noBlocks(source.shape) : await indexAt(block) };
  };
  return { shape: source.shape, at };
}

/**
 * Opens the snapshot to compare with. Undefined if no digest is given, or the snapshot was deleted
 * since the manifest was sent.
 */
async function openBase(
  store: PeerReads,
  digest: string,
  signal: AbortSignal,
): Promise<OpenBlocks | undefined> {
  if (digest === "") return undefined;
  checkDigest(digest, "baseDigest");
  const [known] = store.withDigest(digest);
  if (known === undefined) return undefined;
  return store.openBlocks(known.config.id, signal).catch(() => undefined);
}

async function serveBlock(
  { source, base }: { readonly source: ServedPlace; readonly base: ServedPlace | undefined },
  index: number,
  encodings: ReadonlySet<ServedEncoding>,
): Promise<ServedBlock> {
  const raw = await readIntact(source, index);
  const { length } = raw;
  const nonzero = encodings.has("nonzero-pages") ? encodeNonzeroPages(raw) : undefined;
  const spared = nonzero?.data ?? raw;
  const forms = { plain: encodings.has("pages"), deflated: encodings.has("xor-deflate") };
  const comparable =
    (forms.plain || forms.deflated) &&
    base?.index.digestOf(index) !== undefined &&
    base.index.lengthOf(index) === length;
  // If the base's block is damaged, the whole block is sent.
  const old =
    base !== undefined && comparable ? await readIntact(base, index).catch(noBlock) : undefined;
  if (old !== undefined) {
    const pages = await encodeDelta(old, raw, forms);
    if (pages !== undefined && pages.data.length <= spared.length) {
      const encoding = pages.deflated ? "xor-deflate" : "pages";
      return { index, data: pages.data, encoding, pages, length };
    }
  }
  return nonzero === undefined
    ? { index, data: raw, encoding: "raw", pages: undefined, length }
    : { index, data: nonzero.data, encoding: "nonzero-pages", pages: nonzero, length };
}

/**
 * Reads a block. If the block differs from the stored digest, marks the snapshot as corrupt and
 * throws, so that the block is not sent.
 */
async function readIntact(file: ServedPlace, block: number): Promise<Buffer> {
  const { open, handle, index, name } = file;
  try {
    const bytes = await readBlock(handle, index, block, name);
    if (await hasBytes(index, block, bytes)) return bytes;
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
  }
  open.foundDamage();
  throw damagedBlock(open.stored.id, name, block);
}

function noBlock(error: unknown): undefined {
  if (!isStoreError(error)) throw error;
}

function damagedBlock(id: string, file: string, block: number): StoreError {
  const text = `snapshot ${id} has damaged data: block ${block} of ${file} does not match its digest`;
  return new StoreError("STORED_DATA_CORRUPT", text, {
    hint: `Run \`stasis verify ${id}\` on its node to list the damaged ranges`,
    resource: { type: "snapshot", name: id },
    metadata: { snapshot_id: id, file, block: String(block) },
  });
}

async function checkedBlocks(
  ranges: BlocksRequest["ranges"],
  { shape, at }: ServedFile,
): Promise<number[]> {
  const { sizeBytes, blockSizeBytes } = shape;
  const end = BigInt(blockCount(sizeBytes, blockSizeBytes));
  if (ranges.length > maxRanges) {
    throw fieldInvalid("ranges", `at most ${maxRanges} ranges`, ranges.length);
  }
  const blocks: number[] = [];
  let next = 0n;
  for (const { first, count } of ranges) {
    if (first < next || count <= 0n || first + count > end) {
      const found = `${first}+${count}`;
      throw fieldInvalid("ranges", `ascending ranges inside ${end} blocks`, found);
    }
    if (blocks.length + Number(count) > maxBlocks) {
      throw fieldInvalid("ranges", `at most ${maxBlocks} blocks`, "more");
    }
    for (next = first; next < first + count; next += 1n) {
      const block = Number(next);
      if ((await at(block)).index.digestOf(block) === undefined) {
        throw fieldInvalid("ranges", "blocks with data", `block ${block}, which is empty`);
      }
      blocks.push(block);
    }
  }
  return blocks;
}

export function checkDigest(digest: string, field: string): void {
  if (!digestPattern.test(digest)) throw fieldInvalid(field, "sha256:<64 hex digits>", digest);
}
