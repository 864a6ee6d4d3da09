// Reads the block tables of a peer, and checks each table before it is used. Small tables are in
// the manifest and are read into memory. Large ones come from ReadTable and are written to a file
// of the transfer.
import type { FileHandle } from "node:fs/promises";
import { StoreError, describeValue, isStoreError } from "../base/errors.js";
import { digestBytes } from "../files/block-digest.js";
import { blockBytes, blockCount, rootDigest, zerosFinder } from "../files/block-table.js";
import { decodeBlockTable, recordBytes, tableHeaderBytes } from "../files/block-table-codec.js";
import { openTablePart, type TablePart } from "../files/table-part.js";
import { readTableBytes, type TableFile } from "../files/table-file.js";
import { tableInMemory, type TableSource } from "../files/table-source.js";
import type { FileBlocks } from "../client/index.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { ensure, peerInvalid } from "./peer-invalid.js";
import type { PeerClient } from "./peer-client.js";
import { guardSilence } from "./silence.js";

const minTablePartBytes = 4096;
/** Bytes of one step when a local table is copied. */
const copyBytes = 1024 * 1024;

/** Provides the paths of large tables, and counts their bytes. */
export interface TablePlace {
  /** Returns the path for the table of the file at `index`. */
  pathOf(index: number): Promise<string>;
  /**
   * Called first with the number of bytes that an earlier attempt has left, and then before each
   * write with the number of bytes of that write. May throw.
   */
  onData(bytes: number): void;
  /** Counts bytes that have arrived, and waits as the limits of the transfer require. */
  received(bytes: number): Promise<void>;
}

/** Returns the next part of the manifest. */
type NextPart = () => Promise<FileBlocks>;

/** Reads the table of one file from the manifest. The caller has read the first part. */
export async function readInlineTable(
  first: FileBlocks,
  next: NextPart,
  file: SnapshotFile,
  allowedBytes: number,
): Promise<{ readonly table: TableSource; readonly length: number }> {
  const what = nameOf(file);
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let part = first; ; part = await next()) {
    ensure(part.file === file.name, `${what} under another name`);
    ensure(part.table.length > 0, `${what} with an empty part`);
    length += part.table.length;
    ensure(length <= Math.min(allowedBytes, tableBound(file)), `${what} that is too long`);
    // Without this check, a table in millions of parts would cost many times its bytes.
    ensure(
      part.last || part.table.length >= minTablePartBytes,
      `${what} in parts of less than ${minTablePartBytes} bytes`,
    );
    // The part is copied, because it is a view of a larger message.
    parts.push(Uint8Array.from(part.table));
    if (part.last) break;
  }
  const bytes = Buffer.concat(parts);
  const table = await ofPeer(what, () => decodeBlockTable(bytes, "of the peer"));
  checkFacts(file, table, rootDigest(table), zerosFinder(table)(table.digests));
  return { table: tableInMemory(table), length };
}

interface LargeTable {
  readonly snapshotId: string;
  readonly file: SnapshotFile;
  /** Position of the file in the snapshot. */
  readonly index: number;
  readonly lengthBytes: number;
}

/**
 * Fetches a table into its file. The fetch continues where an earlier attempt ended, and needs
 * bounded memory for a table of any length.
 */
export async function fetchLargeTable(
  client: PeerClient,
  large: LargeTable,
  place: TablePlace,
  limits: { readonly idleMs: number; readonly signal: AbortSignal },
): Promise<TableFile> {
  const { file, lengthBytes } = large;
  const what = nameOf(file);
  ensure(lengthBytes > 0 && lengthBytes <= tableBound(file), `${what} of ${lengthBytes} bytes`);
  await using part = await openTablePart(await place.pathOf(large.index), lengthBytes);
  place.onData(part.lengthBytes);
  const complete = async (): Promise<TableFile> => {
    await receive(client, large, part, place, limits);
    const checked = await ofPeer(what, () => part.check(limits.signal));
    checkFacts(file, checked.shape, checked.rootDigest, checked.callsZerosData);
    return await part.open(checked);
  };
  if (part.lengthBytes === 0) return await complete();
  try {
    return await complete();
  } catch (error) {
    if (!isStoreError(error, "PEER_DATA_INVALID")) throw error;
    // The disk may have lost bytes of the earlier attempt. Or they came from another peer, whose
    // table lists other holes.
    await part.restart();
    return await complete();
  }
}

/**
 * Copies a large table of a local snapshot. The caller has compared the table with the digest of
 * its file.
 */
export async function copyLargeTable(
  from: FileHandle,
  lengthBytes: number,
  index: number,
  place: TablePlace,
  signal: AbortSignal,
): Promise<TableFile> {
  const path = await place.pathOf(index);
  await using part = await openTablePart(path, 0);
  for (let start = 0; start < lengthBytes; start += copyBytes) {
    signal.throwIfAborted();
    const length = Math.min(copyBytes, lengthBytes - start);
    place.onData(length);
    await part.append(await readTableBytes(from, path, start, length));
  }
  return await part.open(await part.check(signal));
}

async function receive(
  client: PeerClient,
  { snapshotId, file, lengthBytes }: LargeTable,
  part: TablePart,
  place: TablePlace,
  { idleMs, signal }: { readonly idleMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const offset = part.lengthBytes;
  if (offset === lengthBytes) return;
  const what = nameOf(file);
  using guard = guardSilence(idleMs, signal);
  const request = { snapshotId, file: file.name, offset: BigInt(offset) };
  try {
    for await (const { data } of client.readTable(request, { signal: guard.signal })) {
      guard.pause();
      const left = lengthBytes - part.lengthBytes;
      ensure(data.length > 0, `${what} with an empty part`);
      ensure(data.length <= left, `${what} that is too long`);
      ensure(
        data.length === left || data.length >= minTablePartBytes,
        `${what} in parts of less than ${minTablePartBytes} bytes`,
      );
      place.onData(data.length);
      await place.received(data.length);
      await part.append(data);
      guard.heard();
    }
  } catch (error) {
    throw guard.explain(error);
  }
  ensure(part.lengthBytes === lengthBytes, `${what} that was truncated`);
}

function nameOf(file: SnapshotFile): string {
  return `a block table of ${describeValue(file.name)}`;
}

function checkFacts(
  file: SnapshotFile,
  { blockSizeBytes, sizeBytes }: TableSource["shape"],
  root: string,
  listsZeros: boolean,
): void {
  const what = nameOf(file);
  ensure(blockSizeBytes === blockBytes, `${what} with blocks of ${blockSizeBytes}`);
  ensure(sizeBytes === file.sizeBytes, `${what} for ${sizeBytes} bytes`);
  ensure(root === file.digest, `${what} that does not match its digest`);
  // The data would match such a table. But a table that this node makes lists zeros as empty, so it
  // would have another digest.
  ensure(!listsZeros, `${what} that lists zeros as data`);
}

/** Returns the maximum size of a table, which has at most one run and one digest per block. */
function tableBound(file: SnapshotFile): number {
  const perBlock = recordBytes + digestBytes;
  return tableHeaderBytes + digestBytes + blockCount(file.sizeBytes) * perBlock;
}

/** Makes errors name the peer, because the table came from the peer and not from this store. */
async function ofPeer<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isStoreError(error, "FORMAT_UNSUPPORTED")) {
      const { message, metadata } = error;
      throw new StoreError("FORMAT_UNSUPPORTED", `the peer sent ${what}: ${message}`, {
        hint: "Upgrade this node to the version of the peer first",
        metadata,
      });
    }
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    throw peerInvalid(`${what} that is malformed: ${error.message}`);
  }
}
