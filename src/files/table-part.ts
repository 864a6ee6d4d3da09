// Receives a block table in parts, over several attempts. A caller may trust the table only after
// `check` has read it from its start to its end.
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { closeQuietly } from "../base/quietly.js";
import { writeFully } from "../base/whole-io.js";
import { withIoError } from "../holes/errno.js";
import { disk } from "../holes/file-operations.js";
import { checkTable, openTable, type CheckedTable, type TableFile } from "./table-file.js";

/**
 * A block table that is received in parts. Disposing of it closes the file, unless `open` took the
 * file over. The file stays on the disk.
 */
export interface TablePart extends AsyncDisposable {
  /** Bytes that the file has. */
  readonly lengthBytes: number;
  append(bytes: Uint8Array): Promise<void>;
  /** Discards all bytes of the file. */
  restart(): Promise<void>;
  check(signal: AbortSignal): Promise<CheckedTable>;
  /** Transfers ownership of the file to the result. `checked` is the result of `check`. */
  open(checked: CheckedTable): Promise<TableFile>;
}

/**
 * Opens the file that an earlier attempt left at `path`, or creates it. A file of more than
 * `maxBytes` is emptied.
 */
export async function openTablePart(path: string, maxBytes: number): Promise<TablePart> {
  const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
  const handle = await withIoError({ what: "open the block table", path }, () =>
    disk.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600),
  );
  try {
    const { size } = await withIoError({ what: "look at the block table", path }, () =>
      handle.stat(),
    );
    const part = new DiskTablePart(path, handle, size);
    if (size > maxBytes) await part.restart();
    return part;
  } catch (error) {
    await closeQuietly(handle);
    throw error;
  }
}

class DiskTablePart implements TablePart {
  readonly #path: string;
  readonly #handle: FileHandle;
  #lengthBytes: number;
  #owned = true;

  constructor(path: string, handle: FileHandle, lengthBytes: number) {
    this.#path = path;
    this.#handle = handle;
    this.#lengthBytes = lengthBytes;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  async append(bytes: Uint8Array): Promise<void> {
    await withIoError({ what: "write the block table", path: this.#path }, () =>
      writeFully(this.#handle, bytes, this.#lengthBytes),
    );
    this.#lengthBytes += bytes.length;
  }

  async restart(): Promise<void> {
    await withIoError({ what: "empty the block table", path: this.#path }, () =>
      this.#handle.truncate(0),
    );
    this.#lengthBytes = 0;
  }

  check(signal: AbortSignal): Promise<CheckedTable> {
    return checkTable(this.#handle, this.#path, signal);
  }

  async open(checked: CheckedTable): Promise<TableFile> {
    const table = await openTable(this.#handle, this.#path, checked);
    this.#owned = false;
    return table;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#owned) await closeQuietly(this.#handle);
  }
}
