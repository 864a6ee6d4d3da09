// Reads block tables that stay in their files (block-table-codec.ts has the format). It reads the
// runs and the digests of a window when the window is needed.
//
// `checkTable` reads a table once from its start to its end and makes the same checks as
// `decodeBlockTable`. A caller that uses a table without this check must compare the data with
// another table.
import { closeQuietly } from "../base/quietly.js";
import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { readFully } from "../base/whole-io.js";
import { withIoError } from "../holes/errno.js";
import { digestBytes } from "./block-digest.js";
import { indexRuns, type BlockIndex, type DataRun } from "./block-access.js";
import {
  corruptTable,
  decodeBlockTable,
  decodeTableHeader,
  decodeRecord,
  recordBytes,
  tableHeaderBytes,
  type TableHeader,
} from "./block-table-codec.js";
import { blockCount, rootHead, rootRecord, zerosFinder, type BlockRun } from "./block-table.js";
import { windowBlocks, windowCount, type TableShape, type TableSource } from "./table-source.js";

/** Bytes of a read while a whole table is checked. */
const pieceBytes = 256 * 1024;

/** A table in its file. Disposing of it closes the file. */
export interface TableFile extends TableSource, AsyncDisposable {
  readonly path: string;
}

/** The result of a check that found no damage. */
export interface CheckedTable {
  readonly shape: TableShape;
  readonly rootDigest: string;
  readonly dataBytes: number;
  /** True if the table has a digest for a block of zeros, as if the block were data. */
  readonly callsZerosData: boolean;
}

/**
 * Opens a table. Throws STORED_DATA_CORRUPT if the header is malformed or states another length
 * than the file has, and FORMAT_UNSUPPORTED for a newer version. `path` is used in messages only.
 */
export async function openTable(
  handle: FileHandle,
  path: string,
  checked?: Pick<CheckedTable, "dataBytes">,
): Promise<TableFile> {
  const header = await readHeader(handle, path);
  const reader = new WindowReader(handle, path, header);
  const { sizeBytes, blockSizeBytes, algorithm } = header;
  const shape = { sizeBytes, blockSizeBytes, algorithm };
  return {
    path,
    shape,
    dataBytes: checked?.dataBytes ?? 0,
    windows: windowCount(shape),
    window: (number) => reader.window(number),
    whole: async () =>
      decodeBlockTable(await readTableBytes(handle, path, 0, header.lengthBytes), path),
    // The descriptor is only read from, so an error of close(2) means nothing.
    [Symbol.asyncDispose]: () => closeQuietly(handle),
  };
}

/** Checks a table. Throws STORED_DATA_CORRUPT and FORMAT_UNSUPPORTED as `decodeBlockTable` does. */
export async function checkTable(
  handle: FileHandle,
  path: string,
  signal: AbortSignal,
): Promise<CheckedTable> {
  const header = await readHeader(handle, path);
  await checkSum(handle, path, header, signal);
  const pass = new CheckingPass(handle, path, header);
  return await pass.run(signal);
}

async function readHeader(handle: FileHandle, path: string): Promise<TableHeader> {
  const { size } = await withIoError({ what: "look at the block table", path }, () =>
    handle.stat(),
  );
  const bytes = await readTableBytes(handle, path, 0, Math.min(size, tableHeaderBytes));
  return decodeTableHeader(bytes, size, path);
}

/** Reads a part of the file. Throws STORED_DATA_CORRUPT if the file ends before the part does. */
export async function readTableBytes(
  handle: FileHandle,
  path: string,
  position: number,
  length: number,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  const context = { what: "read the block table", path };
  const done = await withIoError(context, () => readFully(handle, bytes, position));
  if (done < length) throw corruptTable(path, `it ends at byte ${position + done}`);
  return bytes;
}

async function checkSum(
  handle: FileHandle,
  path: string,
  { lengthBytes }: TableHeader,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash("sha256");
  const bodyBytes = lengthBytes - digestBytes;
  for (let position = 0; position < bodyBytes; position += pieceBytes) {
    signal.throwIfAborted();
    hash.update(
      await readTableBytes(handle, path, position, Math.min(pieceBytes, bodyBytes - position)),
    );
  }
  const expected = await readTableBytes(handle, path, bodyBytes, digestBytes);
  if (!hash.digest().equals(expected)) throw corruptTable(path, "its checksum does not match");
}

/** Reads the runs and the digests in the order in which the root digest covers them. */
class CheckingPass {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #header: TableHeader;
  readonly #root: Hash = createHash("sha256");
  readonly #hasZeros: (digests: Uint8Array) => boolean;
  #digestsRead = 0;
  #blocks = 0;
  /** Number of blocks of holes and zeros since the last data. */
  #empty = 0;
  #callsZerosData = false;
  /** Digests that were read ahead, so that many short runs do not cost one read each. */
  #ahead: Buffer = Buffer.alloc(0);

  constructor(handle: FileHandle, path: string, header: TableHeader) {
    this.#handle = handle;
    this.#path = path;
    this.#header = header;
    this.#hasZeros = zerosFinder(header);
    this.#root.update(rootHead(header));
  }

  async run(signal: AbortSignal): Promise<CheckedTable> {
    const { recordCount, digestCount, sizeBytes, blockSizeBytes } = this.#header;
    let last: BlockRun | undefined;
    let dataEnd = 0;
    const perPiece = pieceBytes / recordBytes;
    for (let first = 0; first < recordCount; first += perPiece) {
      const count = Math.min(perPiece, recordCount - first);
      const start = tableHeaderBytes + first * recordBytes;
      const bytes = await readTableBytes(this.#handle, this.#path, start, count * recordBytes);
      for (let index = 0; index < count; index += 1) {
        const before = last;
        last = decodeRecord(bytes, index * recordBytes, before, this.#path);
        // Two records of one kind follow each other only in the table of a file of more than 1 PiB.
        if (before?.kind === last.kind) throw corruptTable(this.#path, "it has too many blocks");
        if (last.kind === "data") {
          await this.#data(last.count, signal);
          dataEnd = this.#blocks;
        } else {
          this.#empty += last.count;
          this.#blocks += last.count;
        }
      }
    }
    this.#endEmpty();
    const wanted = blockCount(sizeBytes, blockSizeBytes);
    if (this.#blocks !== wanted) {
      throw corruptTable(this.#path, `its runs cover ${this.#blocks} blocks, expected ${wanted}`);
    }
    if (this.#digestsRead !== digestCount) {
      throw corruptTable(
        this.#path,
        `it has ${digestCount} digests, expected ${this.#digestsRead}`,
      );
    }
    // The last block of the file may be shorter.
    const missing = dataEnd === wanted ? wanted * blockSizeBytes - sizeBytes : 0;
    const dataBytes = digestCount * blockSizeBytes - (digestCount > 0 ? missing : 0);
    const rootDigest = `sha256:${this.#root.digest("hex")}`;
    const { algorithm } = this.#header;
    const shape = { sizeBytes, blockSizeBytes, algorithm };
    return { shape, rootDigest, dataBytes, callsZerosData: this.#callsZerosData };
  }

  #endEmpty(): void {
    if (this.#empty > 0) this.#root.update(rootRecord({ kind: "hole", count: this.#empty }));
    this.#empty = 0;
  }

  async #data(count: number, signal: AbortSignal): Promise<void> {
    const { digestCount, recordCount } = this.#header;
    if (count > digestCount - this.#digestsRead) {
      throw corruptTable(this.#path, `it has only ${digestCount} digests`);
    }
    this.#endEmpty();
    this.#root.update(rootRecord({ kind: "data", count }));
    const start = tableHeaderBytes + recordCount * recordBytes;
    const perPiece = pieceBytes / digestBytes;
    for (let done = 0; done < count; done += perPiece) {
      signal.throwIfAborted();
      const many = Math.min(perPiece, count - done);
      const bytes = await this.#digests(start, many);
      this.#root.update(bytes);
      this.#callsZerosData ||= this.#hasZeros(bytes);
    }
    this.#blocks += count;
  }

  async #digests(start: number, count: number): Promise<Buffer> {
    const wanted = count * digestBytes;
    if (this.#ahead.length < wanted) {
      const left = this.#header.digestCount - this.#digestsRead;
      const length = Math.min(Math.max(wanted, pieceBytes), left * digestBytes);
      const position = start + this.#digestsRead * digestBytes;
      this.#ahead = await readTableBytes(this.#handle, this.#path, position, length);
    }
    const bytes = this.#ahead.subarray(0, wanted);
    this.#ahead = this.#ahead.subarray(wanted);
    this.#digestsRead += count;
    return bytes;
  }
}

/** The place in a table where a window begins. */
interface Mark {
  /** Number of the record that has the window's first block. */
  readonly record: number;
  /** Number of that record's first block. */
  readonly block: number;
  /** Number of digests before that record. */
  readonly digest: number;
}

/**
 * The number of records in one read. This suffices for any window, which has at most one record per
 * block.
 */
const recordsPerRead = windowBlocks + 1;

class WindowReader {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #header: TableHeader;
  /** Marks of the windows that were passed. There is one mark per 4 GiB of the file. */
  readonly #marks: Mark[] = [{ record: 0, block: 0, digest: 0 }];

  constructor(handle: FileHandle, path: string, header: TableHeader) {
    this.#handle = handle;
    this.#path = path;
    this.#header = header;
  }

  async window(number: number): Promise<BlockIndex> {
    const first = number * windowBlocks;
    const { sizeBytes, blockSizeBytes, algorithm, recordCount } = this.#header;
    const end = Math.min(first + windowBlocks, blockCount(sizeBytes, blockSizeBytes));
    const runs: DataRun[] = [];
    let { block, digest, record } = await this.#markOf(number);
    let firstDigest: number | undefined;
    let digests = 0;
    const records = await this.#records(record);
    for (let at = 0; block < end && record < recordCount; record += 1, at += recordBytes) {
      const { kind, count } = decodeRecord(records, at, undefined, this.#path);
      const from = Math.max(block, first);
      const inside = Math.min(block + count, end) - from;
      if (kind === "data" && inside > 0) {
        firstDigest ??= digest + from - block;
        runs.push({ firstBlock: from, count: inside, firstDigest: digests });
        digests += inside;
      }
      block += count;
      if (kind === "data") digest += count;
    }
    if (block < end) throw corruptTable(this.#path, `its runs end at block ${block}`);
    const bytes = await this.#digests(firstDigest ?? 0, digests);
    return indexRuns({ sizeBytes, blockSizeBytes, algorithm }, runs, bytes);
  }

  /** Returns the mark of a window. If it is unknown, continues to read from the last known mark. */
  async #markOf(number: number): Promise<Mark> {
    while (this.#marks.length <= number) {
      const last = this.#marks.at(-1);
      if (last === undefined) throw new Error("no first mark");
      await this.#pass(last);
    }
    const mark = this.#marks[number];
    if (mark === undefined) throw corruptTable(this.#path, `it has no window ${number}`);
    return mark;
  }

  /** Adds the marks of the windows that begin in the next records. */
  async #pass({ record: from, block: atBlock, digest: atDigest }: Mark): Promise<void> {
    const records = await this.#records(from);
    let [block, digest] = [atBlock, atDigest];
    const before = this.#marks.length;
    for (let at = 0; at < records.length; at += recordBytes) {
      const { kind, count } = decodeRecord(records, at, undefined, this.#path);
      while (this.#marks.length * windowBlocks < block + count) {
        this.#marks.push({ record: from + at / recordBytes, block, digest });
      }
      block += count;
      if (kind === "data") digest += count;
    }
    if (this.#marks.length === before) {
      throw corruptTable(this.#path, `its runs end at block ${block}`);
    }
  }

  #records(first: number): Promise<Buffer> {
    const count = Math.min(recordsPerRead, this.#header.recordCount - first);
    const start = tableHeaderBytes + first * recordBytes;
    return readTableBytes(this.#handle, this.#path, start, Math.max(0, count) * recordBytes);
  }

  #digests(first: number, count: number): Promise<Buffer> {
    const { recordCount, digestCount } = this.#header;
    if (first + count > digestCount) {
      throw corruptTable(this.#path, `it has only ${digestCount} digests`);
    }
    const start = tableHeaderBytes + recordCount * recordBytes + first * digestBytes;
    return readTableBytes(this.#handle, this.#path, start, count * digestBytes);
  }
}
