// Stores image blobs as files of one directory, each named by the SHA-256 of its bytes. A
// collection first condemns a blob, which only moves it aside and can be undone. Later it deletes
// the blob.
//
//   DIR/blobs/<id>               the content of images
//   DIR/condemned/<epoch>/<id>   moved aside by the collection of that epoch
//   DIR/incoming/                partly written
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

export class BlobDirectory {
  readonly #blobs: string;
  readonly #condemned: string;
  readonly #incoming: string;

  private constructor(readonly path: string) {
    this.#blobs = join(path, "blobs");
    this.#condemned = join(path, "condemned");
    this.#incoming = join(path, "incoming");
  }

  static async open(path: string): Promise<BlobDirectory> {
    const store = new BlobDirectory(path);
    for (const each of [store.#blobs, store.#condemned, store.#incoming]) {
      await mkdir(each, { recursive: true });
    }
    return store;
  }

  /** Stores bytes and returns their id. Existing bytes are not written again. */
  async put(bytes: Uint8Array): Promise<string> {
    const id = `sha256-${createHash("sha256").update(bytes).digest("hex")}`;
    if (await this.has(id)) return id;
    const temporary = join(this.#incoming, randomUUID());
    await writeFile(temporary, bytes, { flush: true });
    await rename(temporary, join(this.#blobs, id));
    await syncDirectory(this.#blobs);
    return id;
  }

  /**
   * Returns whether the blob exists and is not condemned. Only then may a new snapshot rely on it.
   */
  async has(id: string): Promise<boolean> {
    return await exists(join(this.#blobs, id));
  }

  async ids(): Promise<string[]> {
    return (await readdir(this.#blobs)).sort();
  }

  /**
   * Moves a blob aside. Returns false if it is gone, or a newer collection has begun (see
   * `putBackAll`).
   */
  async condemn(id: string, epoch: bigint): Promise<boolean> {
    return await renamed(join(this.#blobs, id), join(this.#condemned, String(epoch), id));
  }

  /**
   * Makes the directory for condemned blobs. Call this before the first `condemn` of a collection.
   */
  async beginCondemning(epoch: bigint): Promise<void> {
    await mkdir(join(this.#condemned, String(epoch)), { recursive: true });
  }

  /**
   * Deletes the blobs that this collection has condemned. Returns the ids that it deleted itself.
   */
  async deleteCondemned(epoch: bigint): Promise<string[]> {
    const directory = join(this.#condemned, String(epoch));
    const deleted: string[] = [];
    for (const id of await namesIn(directory)) {
      if (await unlinked(join(directory, id))) deleted.push(id);
    }
    await removeEmpty(directory);
    return deleted;
  }

  /** Restores the blobs that this collection has condemned. */
  async putBack(epoch: bigint): Promise<void> {
    const directory = join(this.#condemned, String(epoch));
    for (const id of await namesIn(directory)) {
      await renamed(join(directory, id), join(this.#blobs, id));
    }
    await removeEmpty(directory);
  }

  /**
   * Restores the blobs that unfinished collections have condemned. Such a collection belongs to a
   * killed program, or to a running one that does not yet know that its session is over. The latter
   * can condemn nothing more, because its directory is gone.
   */
  async putBackAll(): Promise<void> {
    for (const epoch of await namesIn(this.#condemned)) await this.putBack(BigInt(epoch));
    for (const name of await namesIn(this.#incoming)) await this.#removeOld(name);
  }

  /** Deletes a file that was partly written a day ago or earlier, because it belongs to nobody. */
  async #removeOld(name: string): Promise<void> {
    const path = join(this.#incoming, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > 86_400_000) await rm(path);
  }
}

async function exists(path: string): Promise<boolean> {
  return await orFalse(stat(path));
}

async function renamed(from: string, to: string): Promise<boolean> {
  return await orFalse(rename(from, to));
}

async function unlinked(path: string): Promise<boolean> {
  return await orFalse(unlink(path));
}

/** Returns false if a part of the path does not exist. Throws on other failures. */
async function orFalse(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isCode(error, "ENOENT")) return false;
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** Two collections may clear the same directory at once. */
async function removeEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!isCode(error, "ENOENT") && !isCode(error, "ENOTEMPTY")) throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path);
  await handle.sync();
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
