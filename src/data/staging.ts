// Where a snapshot is made: a directory nobody sees, which becomes a stored snapshot by one rename.
import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../base/errors.js";
import type { Extent } from "../model/extent.js";
import { checkDataFileName } from "../model/name.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { withIoError } from "../sparse/errno.js";
import { copySparse } from "../sparse/sparse-copy.js";
import { takeOver } from "./adoption.js";
import { rootDigest } from "./block-table.js";
import { exists } from "./durable.js";
import { entryInvalid } from "./directory-source.js";
import { hashFile } from "./hash-file.js";
import { blocksDirectoryName, filesDirectoryName, type Layout } from "./layout.js";
import type { Manifest } from "./manifest.js";
import { forgetOrigin } from "./origin.js";
import { publishStaged, syncRecord, type StagedRecord } from "./publish.js";
import { discardDirectory, discardPublished } from "./removal.js";
import { createStagedFile } from "./staged-file.js";

export interface StagedFileOptions {
  /** Permission bits; masked to 0777. */
  readonly mode: number;
  /** Logical size. */
  readonly sizeBytes: number;
  /** Where the data will be, if that is known. */
  readonly extents?: readonly Extent[] | undefined;
  /** Makes holes of zero blocks. */
  readonly detectZeros: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A file being uploaded. Disposing it before `finish` removes it. */
export interface StagedFile extends AsyncDisposable {
  /** As `SparseFileWriter.write`: `bytes` must not change before `finish`. */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** The file is whole and hashed; it becomes durable at `publish`. */
  finish(): Promise<SnapshotFile>;
}

/**
 * One snapshot being made. Disposing it removes everything, unless it was published *and* settled;
 * a directory that was taken over then goes back to where it was. Disposing never throws: what
 * cannot be removed is left for recovery, which does the same.
 */
export interface Staging extends AsyncDisposable {
  readonly id: string;
  createFile(name: string, options: StagedFileOptions): Promise<StagedFile>;
  /**
   * Takes the directory over by rename. Its files have no digest yet, see `hashFiles` and
   * `hashStored`. On another filesystem: CROSS_FILESYSTEM, and the source is untouched.
   */
  adoptDirectory(source: string): Promise<readonly SnapshotFile[]>;
  /** Copies a caller's file, by reflink where possible, and hashes the copy. */
  copyFileFrom(
    path: string,
    name: string,
    options: { readonly mode: number; readonly signal?: AbortSignal | undefined },
  ): Promise<SnapshotFile>;
  /** Computes the digests that are missing; returns all files. */
  hashFiles(signal?: AbortSignal): Promise<readonly SnapshotFile[]>;
  /** Makes it a stored snapshot that survives a power cut. Only once, whatever its outcome. */
  publish(manifest: Manifest): Promise<void>;
  /** Called when the catalog has it: disposing no longer takes it back. */
  settle(): void;
  /**
   * Called when nobody can tell whether the catalog has it: disposing then changes nothing, and
   * recovery decides at the next start.
   */
  leaveToRecovery(): void;
}

/** Finished files whose descriptors stay open until `publish`; the oldest is synced before. */
const maxOpenFiles = 32;

/** Makes the staging directory of a new id. */
export async function openStaging(layout: Layout, id: string): Promise<Staging> {
  const directory = layout.stagingDirectory(id);
  await withIoError({ what: "make the staging directory", path: directory }, async () => {
    await mkdir(directory, { mode: 0o700 });
    await mkdir(join(directory, blocksDirectoryName), { mode: 0o700 });
  });
  return createStaging(layout, id, directory);
}

function createStaging(layout: Layout, id: string, directory: string): Staging {
  const filesDirectory = join(directory, filesDirectoryName);
  const records = new Map<string, StagedRecord>();
  const names = new Set<string>();
  const files: StagedFile[] = [];
  let state: "filling" | "publishing" | "published" | "settled" | "left" | "disposed" = "filling";
  let adopted = false;

  const expectFilling = (): void => {
    if (state !== "filling") throw new Error(`staging area ${id} is ${state}`);
  };
  const claim = async (name: string): Promise<string> => {
    expectFilling();
    checkDataFileName(name, "file");
    if (names.has(name)) throw entryInvalid(name, "the name comes twice");
    if (names.size === 0) {
      await withIoError({ what: "make the directory", path: filesDirectory }, () =>
        mkdir(filesDirectory, { recursive: true, mode: 0o700 }),
      );
    }
    names.add(name);
    return join(filesDirectory, name);
  };
  const keep = async (record: StagedRecord): Promise<void> => {
    records.set(record.file.name, record);
    const unsynced = [...records.values()].filter(({ writer }) => writer !== undefined);
    const oldest = unsynced[0];
    if (unsynced.length > maxOpenFiles && oldest !== undefined) {
      await syncRecord(directory, oldest);
    }
  };
  const hashRecord = async (record: StagedRecord, signal?: AbortSignal): Promise<StagedRecord> => {
    const { name, sizeBytes } = record.file;
    const table = await hashPath(join(filesDirectory, name), name, sizeBytes, signal);
    return { ...record, file: { ...record.file, digest: rootDigest(table) }, table };
  };

  return {
    id,
    createFile: async (name, options) => {
      const file = await createStagedFile(await claim(name), name, options, keep);
      files.push(file);
      return file;
    },
    adoptDirectory: async (source) => {
      expectFilling();
      if (names.size > 0 || adopted) throw new Error(`staging area ${id} already has files`);
      adopted = true;
      const taken = await takeOver(layout, directory, source);
      for (const { linkCount: _, ...file } of taken) {
        names.add(file.name);
        const record = { file: { ...file, digest: "" }, table: undefined };
        records.set(file.name, { ...record, writer: undefined, synced: false });
      }
      return [...records.values()].map(({ file }) => file);
    },
    copyFileFrom: async (path, name, { mode, signal }) => {
      const target = await claim(name);
      const sourceOwner = "caller";
      const copied = await copySparse(path, target, { mode, sync: true, sourceOwner, signal });
      const { sizeBytes, allocatedBytes } = copied;
      const file = { name, sizeBytes, allocatedBytes, mode: mode & 0o777, digest: "" };
      const record = { file, table: undefined, writer: undefined, synced: true };
      const hashed = await hashRecord(record, signal);
      await keep(hashed);
      return hashed.file;
    },
    hashFiles: async (signal) => {
      expectFilling();
      for (const [name, record] of records) {
        if (record.table === undefined) records.set(name, await hashRecord(record, signal));
      }
      return [...records.values()].map(({ file }) => file);
    },
    publish: async (manifest) => {
      expectFilling();
      if (manifest.id !== id) throw new StoreError("INTERNAL", `manifest is not of ${id}`);
      state = "publishing";
      await publishStaged(layout, [...records.values()], manifest);
      state = "published";
    },
    settle: () => {
      if (state !== "published") throw new Error(`staging area ${id} is ${state}`);
      state = "settled";
    },
    leaveToRecovery: () => {
      state = "left";
    },
    [Symbol.asyncDispose]: async () => {
      const last = state;
      state = "disposed";
      if (last === "disposed" || last === "left") return;
      for (const file of files) await dropErrors(file[Symbol.asyncDispose]());
      for (const { writer } of records.values()) {
        if (writer !== undefined) await dropErrors(writer.discard());
      }
      await dropErrors(leave(layout, id, last === "settled", adopted));
    },
  };
}

/** While disposing: an error thrown there would hide the one that led to it. */
async function dropErrors(work: PromiseLike<void>): Promise<void> {
  try {
    await work;
  } catch {
    return;
  }
}

async function leave(
  layout: Layout,
  id: string,
  settled: boolean,
  adopted: boolean,
): Promise<void> {
  if (settled) {
    if (adopted) await forgetOrigin(layout.dataDirectory(id));
    return;
  }
  // Still in staging: then what may be in `data/` under this id is not of our making.
  const staging = layout.stagingDirectory(id);
  if (await exists(staging)) await discardDirectory(layout, staging);
  else await discardPublished(layout, id);
}

async function hashPath(
  path: string,
  name: string,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): Promise<Awaited<ReturnType<typeof hashFile>>> {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  await using handle = await withIoError({ what: "read the file", path }, () =>
    open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
  );
  return await hashFile(handle, sizeBytes, { what: name, signal });
}
