// Fetches one file as its table describes. Equal blocks come from the base, the others from the
// peer.
import type { FileHandle } from "node:fs/promises";
import { isStoreError } from "../base/errors.js";
import { hasBytes, mayBeSame, readBlock, type BlockIndex } from "../files/block-access.js";
import type { PullBytes } from "../observe/ports.js";
import type { PartFile } from "../files/part-file.js";
import type { TableSource } from "../files/table-source.js";
import { BlockEncoding, type ReadBlocksResponse } from "../client/index.js";
import type { OpenBlocks } from "../store/read/blocks.js";
import { applyDelta, applyNonzeroPages } from "./page-delta.js";
import { pagesFromWire } from "./page-set.js";
import { peerInvalid } from "./peer-invalid.js";
import type { PeerClient } from "./peer-client.js";
import { guardSilence } from "./silence.js";
import { maxBlocks, maxRanges } from "./serve.js";

/** Blocks that are checked and written concurrently. */
const inFlight = 8;

/** The encodings that this version reads. */
export const readEncodings: readonly BlockEncoding[] = [
  BlockEncoding.RAW,
  BlockEncoding.PAGES,
  BlockEncoding.XOR_DEFLATE,
  BlockEncoding.NONZERO_PAGES,
];

/** What this node accepts. The first field is for peers that do not know the others. */
const accepted = {
  acceptsNonzeroPages: true,
  acceptEncodings: [...readEncodings],
  acceptsPageBitmap: true,
};

export interface TransferCounters extends PullBytes {
  totalBytes: number;
  changedBytes: number;
}

export interface FetchContext {
  readonly client: PeerClient;
  readonly snapshotId: string;
  readonly counters: TransferCounters;
  /** Whether files may share blocks instead of copying them. */
  readonly reflink: boolean;
  /** How long a peer may be silent before it counts as gone. */
  readonly idleMs: number;
  /** Waits as long as the limits of the transfer and of the node require. */
  throttle(bytes: number): Promise<void>;
  readonly signal: AbortSignal;
}

export interface BaseFile {
  readonly handle: FileHandle;
  readonly table: TableSource;
  readonly name: string;
  /**
   * Digest of the base. If it is not empty, the peer has the base too, and can send differences.
   */
  readonly digest: string;
  /** Called when a block differs from its digest in `table`. */
  readonly onDamage: () => void;
}

/** One window of the base. */
export interface BaseWindow extends Omit<BaseFile, "table"> {
  readonly index: BlockIndex;
}

/** Opens the file of this name in the base. Undefined if the base has no such file. */
export async function openBaseFile(
  base: OpenBlocks,
  name: string,
  digest: string,
): Promise<BaseFile | undefined> {
  const position = base.stored.files.findIndex((file) => file.name === name);
  if (position < 0) return undefined;
  const table = await base.source(position, { check: true });
  const onDamage = (): void => base.foundDamage();
  return { handle: await base.stored.open(name), table, name, digest, onDamage };
}

/**
 * Fetches a file. When the promise resolves, all blocks are in `part`. Each digest is compared
 * before its block is written.
 */
export async function fetchFile(
  context: FetchContext,
  part: PartFile,
  table: TableSource,
  name: string,
  base: BaseFile | undefined,
): Promise<void> {
  await forEachWindow(part, table, base, (window) => fetchWindow(context, part, name, window));
}

/**
 * Enters each window of the part, calls `work`, and leaves the window. `work` must fill the window.
 */
export async function forEachWindow(
  part: PartFile,
  table: TableSource,
  base: BaseFile | undefined,
  work: (base: BaseWindow | undefined) => Promise<void>,
): Promise<void> {
  for (let number = 0; number < table.windows; number += 1) {
    await part.enter(number, await table.window(number));
    await work(base && (await baseWindow(base, part.index, number)));
    await part.leave();
  }
}

/**
 * Reads a window of the base. Undefined if the base has no such window, or if no block of the
 * window has data.
 */
async function baseWindow(
  { table, ...base }: BaseFile,
  index: BlockIndex,
  number: number,
): Promise<BaseWindow | undefined> {
  if (number >= table.windows || index.dataBlocks().next().done === true) return undefined;
  return { ...base, index: await table.window(number) };
}

async function fetchWindow(
  context: FetchContext,
  part: PartFile,
  name: string,
  base: BaseWindow | undefined,
): Promise<void> {
  const missing = await takeFromBase(context, part, base);
  const differences = base !== undefined && base.digest !== "" ? base : undefined;
  const refused = await fetchBlocks(context, part, name, missing, differences);
  // The refused blocks were differences from another base. Request the whole blocks once.
  const still = await fetchBlocks(context, part, name, refused, undefined);
  if (still.length > 0) throw peerInvalid(`wrong bytes for block ${still[0]} of ${name}`);
}

/** Copies blocks from the base. Returns the blocks that the peer has to send. */
export async function takeFromBase(
  context: Pick<FetchContext, "counters" | "signal" | "reflink">,
  part: PartFile,
  base: BaseWindow | undefined,
): Promise<number[]> {
  const { counters, signal } = context;
  const missing: number[] = [];
  await inParallel(part.index.dataBlocks(), async (block) => {
    signal.throwIfAborted();
    if (part.has(block)) {
      counters.doneBytes += part.index.lengthOf(block);
      return;
    }
    if (base !== undefined && mayBeSame(part.index, base.index, block)) {
      // `readOldBlock` compares the block with its own digest, so that damage in the base does not
      // spread.
      const bytes = await readOldBlock(base, block, signal);
      const length = part.index.lengthOf(block);
      const comparable = part.index.table.algorithm === base.index.table.algorithm;
      const isSame =
        comparable || (bytes !== undefined && (await hasBytes(part.index, block, bytes)));
      if (bytes?.length === length && isSame) {
        await (context.reflink ? part.share(block, bytes, base.handle) : part.put(block, bytes));
        counters.doneBytes += bytes.length;
        counters.reusedBytes += bytes.length;
        return;
      }
    }
    missing.push(block);
  });
  missing.sort((a, b) => a - b);
  for (const block of missing) counters.changedBytes += part.index.lengthOf(block);
  return missing;
}

/**
 * Reads a block of the base. Undefined if the block is damaged or unreadable: the peer then sends
 * it.
 */
export async function readOldBlock(
  base: BaseWindow,
  block: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  try {
    const bytes = await readBlock(base.handle, base.index, block, base.name);
    if (await hasBytes(base.index, block, bytes)) return bytes;
    base.onDamage();
  } catch (error) {
    if (signal.aborted || !isStoreError(error)) throw error;
    if (isStoreError(error, "STORED_DATA_CORRUPT")) base.onDamage();
  }
  return undefined;
}

/**
 * Fetches blocks from the peer. Returns the blocks that did not have the expected digest. Without
 * `base`, throws PEER_DATA_INVALID for such a block.
 */
async function fetchBlocks(
  context: FetchContext,
  part: PartFile,
  name: string,
  blocks: readonly number[],
  base: BaseWindow | undefined,
): Promise<number[]> {
  const refused: number[] = [];
  for (const batch of batches(blocks)) {
    const { ranges } = batch;
    const baseDigest = base?.digest ?? "";
    const { snapshotId } = context;
    const request = { snapshotId, file: name, ranges, baseDigest, ...accepted };
    const expected = batch.blocks.values();
    await inParallel(receive(context, request, name, part.index), async (message) => {
      const block = expected.next().value;
      if (block === undefined || message.index !== BigInt(block)) {
        throw peerInvalid(`block ${message.index} of ${name}, which was not requested`);
      }
      const length = part.index.lengthOf(block);
      const bytes = await decodeBlock(message, { block, length }, base, context.signal);
      if (bytes !== undefined && (await hasBytes(part.index, block, bytes))) {
        await part.put(block, bytes);
        context.counters.doneBytes += bytes.length;
      } else if (base === undefined) {
        throw peerInvalid(`wrong bytes for block ${block} of ${name}`);
      } else {
        refused.push(block);
      }
    });
    if (expected.next().done !== true) throw peerInvalid(`too few blocks of ${name}`);
  }
  return refused.sort((a, b) => a - b);
}

interface Batch {
  readonly blocks: readonly number[];
  readonly ranges: { first: bigint; count: bigint }[];
}

function* batches(blocks: readonly number[]): Generator<Batch, void, undefined> {
  let batch: number[] = [];
  let ranges: { first: bigint; count: bigint }[] = [];
  let end = -1;
  for (const block of blocks) {
    const last = block === end ? ranges.at(-1) : undefined;
    if ((last === undefined && ranges.length === maxRanges) || batch.length === maxBlocks) {
      yield { blocks: batch, ranges };
      batch = [];
      ranges = [];
    }
    batch.push(block);
    const open = block === end ? ranges.at(-1) : undefined;
    if (open === undefined) ranges.push({ first: BigInt(block), count: 1n });
    else open.count += 1n;
    end = block + 1;
  }
  if (batch.length > 0) yield { blocks: batch, ranges };
}

/** Yields messages as they arrive, counts and throttles them, and abandons a silent peer. */
async function* receive(
  context: FetchContext,
  request: Parameters<PeerClient["readBlocks"]>[0],
  name: string,
  index: BlockIndex,
): AsyncGenerator<ReadBlocksResponse, void, undefined> {
  const { counters, signal } = context;
  using guard = guardSilence(context.idleMs, signal);
  try {
    for await (const message of context.client.readBlocks(request, { signal: guard.signal })) {
      guard.pause();
      const length = message.data.length;
      if (length > index.table.blockSizeBytes) {
        throw peerInvalid(`${length} bytes for a block of ${name}`);
      }
      counters.sentBytes += length;
      await context.throttle(length);
      yield message;
      guard.heard();
    }
  } catch (error) {
    throw guard.explain(error);
  }
}

/** Decodes a block. Undefined if the bytes cannot be this block. */
async function decodeBlock(
  message: ReadBlocksResponse,
  { block, length }: { readonly block: number; readonly length: number },
  base: BaseWindow | undefined,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const { data, encoding } = message;
  if (encoding === BlockEncoding.RAW) return data.length === length ? data : undefined;
  const pages = pagesFromWire(message, length);
  if (pages === undefined) return undefined;
  if (encoding === BlockEncoding.NONZERO_PAGES) {
    return applyNonzeroPages(length, { ...pages, data });
  }
  const deflated = encoding === BlockEncoding.XOR_DEFLATE;
  if (!deflated && encoding !== BlockEncoding.PAGES) return undefined;
  if (base?.index.digestOf(block) === undefined) return undefined;
  const old = await readOldBlock(base, block, signal);
  if (old?.length !== length) return undefined;
  return applyDelta(old, { ...pages, data, deflated });
}

/**
 * Runs `work` on each item, on a few items concurrently, started in order. After the first error,
 * no more items are started. The error is thrown when the running items have ended.
 */
export async function inParallel<T>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  try {
    for await (const item of items) {
      const task: Promise<void> = work(item)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => running.delete(task));
      running.add(task);
      if (running.size >= inFlight) await Promise.race(running);
      if (failures.length > 0) break;
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
}
