// Makes a snapshot in a directory that no caller sees. One rename turns it into a stored snapshot.
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../base/errors.js";
import type { CallerPath } from "../model/caller-path.js";
import { checkDataFileName } from "../model/name.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { withIoError } from "../holes/errno.js";
import { copySparse } from "../holes/sparse-copy.js";
import { dropErrors } from "../base/quietly.js";
import { takeOver, type TakeOverOptions } from "./adoption.js";
import type { DigestAlgorithm } from "./block-digest.js";
import { rootDigest, type BlockTable } from "./block-table.js";
import { ensureDirectory, exists, renameOnly } from "./durable.js";
import { entryInvalid } from "./directory-source.js";
import { hashFile, type HashOptions } from "./hash-file.js";
import { blocksDirectoryName, filesDirectoryName, type Layout } from "./layout.js";
import type { Manifest } from "./manifest.js";
import { forgetOrigin } from "./origin.js";
import { publishStaged, syncRecord, type StagedRecord, type TableInFile } from "./publish.js";
import { discardDirectory, discardPublished } from "./removal.js";
import { createStagedFile, type StagedFile, type StagedFileOptions } from "./staged-file.js";
import { giveToGroup, storedFileMode } from "./stored-modes.js";
import type { WriteWorkers } from "./write-workers.js";
import { disk } from "../holes/file-operations.js";

interface MoveInOptions {
  readonly mode: number;
  /** `publish` moves a table that is in a file. The caller has compared its digest. */
  readonly table: BlockTable | (TableInFile & { readonly digest: string });
}

interface CopyFromOptions {
  readonly mode: number;
  /** User id that must own the file. Default: any owner. */
  readonly owner?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One snapshot being made. Disposing of it before it was published *and* recorded deletes all its
 * files, and returns a directory that was taken over to its old place. Disposing never throws:
 * recovery completes what disposing could not.
 */
export interface Staging extends AsyncDisposable {
  readonly id: string;
  createFile(name: string, options: StagedFileOptions): Promise<StagedFile>;
  /**
   * Takes the directory over by rename. Its files have no digest yet; see `hashFiles` and
   * `hashStored`. Files with other hard links are copied. Throws CROSS_FILESYSTEM, and leaves the
   * source untouched, if the source is on another filesystem.
   */
  adoptDirectory(source: CallerPath, options?: TakeOverOptions): Promise<readonly SnapshotFile[]>;
  /** Copies a caller's file, by reflink where possible, and hashes the copy. */
  copyFileFrom(path: string, name: string, options: CopyFromOptions): Promise<SnapshotFile>;
  /**
   * Takes over a complete file of this filesystem by rename. Each of its blocks has been compared
   * with `table`, and nobody else may write to it any more.
   */
  moveIn(path: string, name: string, options: MoveInOptions): Promise<SnapshotFile>;
  /**
   * Reads a finished file again and returns its digest with `algorithm`, which may differ from that
   * of the stored digest.
   */
  digestWith(file: SnapshotFile, algorithm: DigestAlgorithm, signal?: AbortSignal): Promise<string>;
  /** Computes the missing digests and returns all files. */
  hashFiles(signal?: AbortSignal): Promise<readonly SnapshotFile[]>;
  /**
   * Turns the staging area into a stored snapshot that survives a power cut. Call this at most
   * once, whatever the outcome.
   */
  publish(manifest: Manifest): Promise<void>;
  /**
   * Call this when the catalog has recorded the snapshot. Disposing then no longer deletes its
   * files.
   */
  recorded(): void;
  /**
   * Leaves the files for recovery, which decides at the next start. Disposing then changes nothing.
   * Call this when it is unknown whether the catalog has recorded the snapshot.
   */
  leaveToRecovery(): void;
}

/**
 * Maximum finished files whose descriptors stay open until `publish`. Beyond it, the oldest is
 * synced and closed.
 */
const maxOpenFiles = 32;

/** Makes the staging directory of a new id. Without workers, this thread hashes everything. */
export async function openStaging(
  layout: Layout,
  id: string,
  workers?: WriteWorkers,
): Promise<Staging> {
  const directory = layout.stagingDirectory(id);
  await withIoError({ what: "make the staging directory", path: directory }, async () => {
    await disk.mkdir(directory, { mode: 0o700 });
    await disk.mkdir(join(directory, blocksDirectoryName), { mode: 0o700 });
  });
  return new StagingArea(layout, id, workers);
}

class StagingArea implements Staging {
  readonly id: string;
  readonly #layout: Layout;
  readonly #workers: WriteWorkers | undefined;
  readonly #directory: string;
  readonly #filesDirectory: string;
  /** All names that were ever claimed, including names of discarded files. */
  readonly #names = new Set<string>();
  readonly #uploads: StagedFile[] = [];
  /** Finished files by name. */
  readonly #records = new Map<string, StagedRecord>();
  #state: "filling" | "publishing" | "published" | "recorded" | "left" | "disposed" = "filling";
  #adopted = false;

  constructor(layout: Layout, id: string, workers: WriteWorkers | undefined) {
    this.id = id;
    this.#layout = layout;
    this.#workers = workers;
    this.#directory = layout.stagingDirectory(id);
    this.#filesDirectory = join(this.#directory, filesDirectoryName);
  }

  async createFile(name: string, options: StagedFileOptions): Promise<StagedFile> {
    const path = await this.#claim(name);
    const keep = (record: StagedRecord): Promise<void> => this.#keep(record);
    const file = await createStagedFile(path, name, options, this.#workers, keep);
    this.#uploads.push(file);
    return file;
  }

  async adoptDirectory(
    source: CallerPath,
    options?: TakeOverOptions,
  ): Promise<readonly SnapshotFile[]> {
    this.#expect("filling");
    if (this.#names.size > 0) throw new Error(`staging area ${this.id} already has files`);
    this.#adopted = true;
    for (const taken of await takeOver(this.#layout, this.#directory, source, options)) {
      const { name, sizeBytes, allocatedBytes, mode } = taken;
      const file = { name, sizeBytes, allocatedBytes, mode, digest: "" };
      this.#names.add(name);
      this.#records.set(name, { file, table: undefined, writer: undefined, synced: false });
    }
    return this.#files();
  }

  async copyFileFrom(
    path: string,
    name: string,
    { mode, owner, signal }: CopyFromOptions,
  ): Promise<SnapshotFile> {
    const target = await this.#claim(name);
    const options = { sync: true, sourceOwner: "caller", sourceUid: owner, signal } as const;
    const copied = await copySparse(path, target, { ...options, mode: storedFileMode });
    const { sizeBytes, allocatedBytes } = copied;
    const file = { name, sizeBytes, allocatedBytes, mode: mode & 0o777, digest: "" };
    const record = { file, table: undefined, writer: undefined, synced: true };
    const hashed = await this.#hash(record, signal);
    await this.#keep(hashed);
    return hashed.file;
  }

  async moveIn(path: string, name: string, { mode, table }: MoveInOptions): Promise<SnapshotFile> {
    const target = await this.#claim(name);
    const { size, blocks } = await withIoError({ what: `move to ${target}`, path }, async () => {
      await renameOnly(path, target);
      await disk.chmod(target, storedFileMode);
      return stat(target);
    });
    const shown = { name, sizeBytes: size, allocatedBytes: blocks * 512, mode: mode & 0o777 };
    const file = { ...shown, digest: "path" in table ? table.digest : rootDigest(table) };
    await this.#keep({ file, table, writer: undefined, synced: false });
    return file;
  }

  async digestWith(
    { name, sizeBytes }: SnapshotFile,
    algorithm: DigestAlgorithm,
    signal?: AbortSignal,
  ): Promise<string> {
    const path = join(this.#filesDirectory, name);
    return rootDigest(await hashPath(path, name, sizeBytes, { algorithm, signal }));
  }

  async hashFiles(signal?: AbortSignal): Promise<readonly SnapshotFile[]> {
    this.#expect("filling");
    for (const [name, record] of this.#records) {
      if (record.table === undefined) this.#records.set(name, await this.#hash(record, signal));
    }
    return this.#files();
  }

  async publish(manifest: Manifest): Promise<void> {
    this.#expect("filling");
    if (manifest.id !== this.id) throw new StoreError("INTERNAL", `manifest is not of ${this.id}`);
    this.#state = "publishing";
    await publishStaged(this.#layout, [...this.#records.values()], manifest);
    this.#state = "published";
  }

  recorded(): void {
    this.#expect("published");
    this.#state = "recorded";
  }

  leaveToRecovery(): void {
    this.#state = "left";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const last = this.#state;
    this.#state = "disposed";
    if (last === "disposed" || last === "left") return;
    for (const file of this.#uploads) await dropErrors(file[Symbol.asyncDispose]());
    for (const { writer } of this.#records.values()) {
      if (writer !== undefined) await dropErrors(writer.discard());
    }
    await dropErrors(leave(this.#layout, this.id, last === "recorded", this.#adopted));
  }

  #expect(state: "filling" | "published"): void {
    if (this.#state !== state) throw new Error(`staging area ${this.id} is ${this.#state}`);
  }

  #files(): readonly SnapshotFile[] {
    return [...this.#records.values()].map(({ file }) => file);
  }

  /** Returns the path for a new file. Each name can be claimed only once. */
  async #claim(name: string): Promise<string> {
    this.#expect("filling");
    checkDataFileName(name, "file");
    if (this.#names.has(name)) throw entryInvalid(name, "the name comes twice");
    // The staging area begins without this directory, because a directory that is taken over is
    // renamed to this path.
    const path = this.#filesDirectory;
    await ensureDirectory(path, "make the directory");
    this.#names.add(name);
    return join(path, name);
  }

  async #keep(record: StagedRecord): Promise<void> {
    const { dataGroup } = this.#layout;
    if (dataGroup !== undefined) {
      await giveToGroup(join(this.#filesDirectory, record.file.name), dataGroup);
    }
    this.#records.set(record.file.name, record);
    const unsynced = [...this.#records.values()].filter(({ writer }) => writer !== undefined);
    const oldest = unsynced[0];
    if (unsynced.length <= maxOpenFiles || oldest === undefined) return;
    await syncRecord(this.#directory, oldest);
  }

  async #hash(record: StagedRecord, signal: AbortSignal | undefined): Promise<StagedRecord> {
    const { name, sizeBytes } = record.file;
    const table = await hashPath(join(this.#filesDirectory, name), name, sizeBytes, { signal });
    return { ...record, file: { ...record.file, digest: rootDigest(table) }, table };
  }
}

async function leave(
  layout: Layout,
  id: string,
  recorded: boolean,
  adopted: boolean,
): Promise<void> {
  if (recorded) {
    if (adopted) await forgetOrigin(layout.dataDirectory(id));
    return;
  }
  // If the files are still in staging, a directory with this id in `data/` belongs to somebody
  // else.
  const staging = layout.stagingDirectory(id);
  if (await exists(staging)) await discardDirectory(layout, staging);
  else await discardPublished(layout, id);
}

async function hashPath(
  path: string,
  name: string,
  sizeBytes: number,
  options: Pick<HashOptions, "algorithm" | "signal">,
): Promise<Awaited<ReturnType<typeof hashFile>>> {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  return withIoError({ what: "read the file", path }, async () => {
    await using handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    return await hashFile(handle, sizeBytes, { what: name, ...options });
  });
}
