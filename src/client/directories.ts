// Stores, restores, imports and exports whole directories of this machine.
import { create } from "@bufbuild/protobuf";
import { lstat } from "node:fs/promises";
import { decodeEnvelope, type Envelope } from "../archive/envelope.js";
import { checkClaimedSize } from "../archive/file-claims.js";
import { StoreError, fieldInvalid, isStoreError, type ErrorReason } from "../base/errors.js";
import {
  ExportToDirectoryResponseSchema,
  type CreateResponse,
  type DownloadHeader,
  type ExportToDirectoryResponse,
  type ImportResponse,
} from "../../gen/ts/stasis/v1/snapshot_service_pb.js";
import type { CallOptions } from "./channel.js";
import type {
  Client,
  CreateHeaderInit,
  DeltaHeaderInit,
  ExportInit,
  ImportHeaderInit,
  RefOr,
  RestoreInit,
} from "./client.js";
import { openCompared, type Download } from "./download.js";
import { openLocalSource, type LocalSource } from "./local-source.js";
import { openLocalTarget } from "./local-target.js";
import { countProgress, type ProgressListener } from "./progress.js";
import { unpackInto } from "./unpack.js";

export interface DirectoryOptions extends CallOptions {
  readonly onProgress?: ProgressListener;
}

export interface ImportDirectoryOptions extends DirectoryOptions {
  /** Text of a `snapshot.json` that replaces the directory's own, if there is one. */
  readonly envelope?: Uint8Array;
}

export interface WriteDirectoryOptions extends DirectoryOptions {
  /**
   * If true, all files are durable when the promise resolves. Default: true for an export, false
   * for a restore, which can be repeated.
   */
  readonly sync?: boolean;
}

export interface ExportDirectoryOptions extends WriteDirectoryOptions {
  /**
   * With `auto`, the default, a daemon that runs on this machine as this user writes the directory
   * itself, by reflink where possible. The archive comes through the stream if there is no such
   * daemon, if the daemon refuses, or if the request sets `verify` or selects files. With `stream`,
   * the archive always comes through the stream.
   */
  readonly via?: "auto" | "stream";
}

/**
 * Stores the data files of a directory, which must not contain a `snapshot.json`. Holes are
 * preserved.
 */
export async function createFromLocalDirectory(
  client: Client,
  directory: string,
  header: CreateHeaderInit,
  options: DirectoryOptions = {},
): Promise<CreateResponse> {
  const source = await openLocalSource(directory);
  requireNoEnvelope(source, directory);
  return client.create(header, source.pack(options), callOptions(options));
}

function requireNoEnvelope({ envelope }: LocalSource, directory: string): void {
  if (envelope === undefined) return;
  throw new StoreError("FIELD_INVALID", `${directory} holds a snapshot.json: it is an export`, {
    hint: "Import it, or remove snapshot.json to store the data files alone",
  });
}

/**
 * Stores what has changed since the parent. A hole in a file of `deltaFiles` means that the range
 * is as in the parent. Throws FIELD_INVALID if the directory's filesystem does not report holes of
 * 4 KiB.
 */
export async function createDeltaFromLocalDirectory(
  client: Client,
  directory: string,
  header: DeltaHeaderInit,
  options: DirectoryOptions = {},
): Promise<CreateResponse> {
  const source = await openLocalSource(directory, { deltaFiles: header.deltaFiles ?? [] });
  requireNoEnvelope(source, directory);
  return client.createDelta(header, source.pack(options), callOptions(options));
}

/** Imports a directory that an export wrote: data files and `snapshot.json`. */
export async function importLocalDirectory(
  client: Client,
  directory: string,
  header: ImportHeaderInit = {},
  options: ImportDirectoryOptions = {},
): Promise<ImportResponse> {
  const source = await openLocalSource(directory, { envelope: options.envelope });
  if (source.envelope === undefined) {
    throw new StoreError("ENVELOPE_MISSING", `${directory} holds no snapshot.json`, {
      hint: "To store plain data files, create a snapshot from them",
    });
  }
  checkEnvelope(source.envelope, source.files, directory);
  return client.import(header, source.pack(options), callOptions(options));
}

/**
 * Checks the sizes as the daemon does, before gigabytes are sent. The daemon decides whether the
 * envelope is well-formed. Throws ENVELOPE_VERSION_UNSUPPORTED for a delta, because the files of a
 * directory do not show what was a hole in the archive.
 */
function checkEnvelope(bytes: Uint8Array, files: LocalSource["files"], directory: string): void {
  let envelope: Envelope;
  try {
    envelope = decodeEnvelope(bytes, { deltas: true });
  } catch {
    return;
  }
  if (envelope.delta !== undefined) {
    const problem = `${directory} was unpacked from a delta archive`;
    const hint = "Import the archive file itself";
    throw new StoreError("ENVELOPE_VERSION_UNSUPPORTED", problem, { hint });
  }
  for (const file of files) checkClaimedSize(envelope.claims, file);
}

/**
 * Writes the data files of a snapshot, or `files` of them, into an absent or empty directory. The
 * directory appears with all files or not at all; LocalTarget describes the case of an existing
 * directory. The daemon compares each block with its digest, unless the request has `verify: false`
 * or `force`; see `openCompared`.
 */
export async function restoreToLocalDirectory(
  client: Client,
  request: RefOr<RestoreInit>,
  directory: string,
  options: WriteDirectoryOptions = {},
): Promise<DownloadHeader> {
  await using target = await openLocalTarget(directory);
  const wanted: RestoreInit = typeof request === "string" ? { ref: request } : request;
  const open = (asked: RestoreInit) => client.restore(asked, callOptions(options));
  await using download = await openCompared(open, wanted);
  const sync = options.sync ?? false;
  await target.fill((files) => receive(download, files, { ...options, sync }));
  await target.commit({ sync });
  return download.header;
}

/**
 * Exports a snapshot like `restoreToLocalDirectory`, with `snapshot.json`. If the daemon writes the
 * directory, it compares the files that it copies with their digests.
 */
export async function exportToLocalDirectory(
  client: Client,
  request: RefOr<ExportInit>,
  directory: string,
  options: ExportDirectoryOptions = {},
): Promise<ExportToDirectoryResponse> {
  const wanted: ExportInit = typeof request === "string" ? { ref: request } : request;
  if ((wanted.deltaFrom ?? "") !== "") {
    const expected = "an empty value, because a directory has all files";
    throw fieldInvalid("deltaFrom", expected, wanted.deltaFrom, "Export a delta as an archive");
  }
  await using target = await openLocalTarget(directory);
  const sync = options.sync ?? true;
  // ExportToDirectory cannot select files, and does not compare files that it reflinks.
  const asked = wanted.verify === true || (wanted.files ?? []).length > 0;
  if (options.via !== "stream" && !asked && (await runsAsUs(client, options))) {
    const response = await target.fill((files) => exportByDaemon(client, wanted, files, options));
    if (response !== undefined) {
      await target.commit({ sync });
      return response;
    }
  }
  const open = (asked: ExportInit) => client.export(asked, callOptions(options));
  await using download = await openCompared(open, wanted);
  await target.fill((files) => receive(download, files, { ...options, sync }));
  await target.commit({ sync });
  const { snapshot } = download.header;
  return create(ExportToDirectoryResponseSchema, snapshot === undefined ? {} : { snapshot });
}

async function receive(
  download: Download,
  directory: string,
  options: DirectoryOptions & { readonly sync: boolean },
): Promise<void> {
  const { sync, signal, onProgress } = options;
  const progress = countProgress(Number(download.header.dataBytes), onProgress);
  try {
    await unpackInto(directory, download.chunks, { sync, progress, signal });
  } catch (error) {
    if (signal?.aborted !== true || error instanceof StoreError) throw error;
    throw new StoreError("CALL_CANCELLED", "the transfer was cancelled", { cause: error });
  }
}

/**
 * Returns true if the daemon has a local address, offers exports to directories, and has its store
 * in a directory of this machine that belongs to this user. Files that the daemon writes then
 * belong to this user too.
 */
async function runsAsUs(client: Client, options: CallOptions): Promise<boolean> {
  if (!client.address.local) return false;
  const info = await client.getInfo(callOptions(options));
  if (info.features?.directoryExport !== true) return false;
  const owner = await lstat(info.root).then(
    (stat) => stat.uid,
    () => undefined,
  );
  return owner !== undefined && owner === process.geteuid?.();
}

const refusals: readonly ErrorReason[] = [
  ...(["DIRECTORY_NOT_FOUND", "NOT_IMPLEMENTED", "FIELD_INVALID"] as const),
  ...(["CREDENTIALS_INVALID", "ROLE_INSUFFICIENT"] as const),
];

/**
 * Lets the daemon write the directory. Returns undefined if the daemon cannot do that. The
 * directory's parent was just made here under a random name. A daemon that does not find the parent
 * sees another filesystem (a forwarded port, a container), and has not written anything there.
 */
async function exportByDaemon(
  client: Client,
  request: ExportInit,
  directory: string,
  options: CallOptions,
): Promise<ExportToDirectoryResponse | undefined> {
  const { ref = "", force = false } = request;
  try {
    return await client.exportToDirectory({ ref, force, directory }, callOptions(options));
  } catch (error) {
    // The daemon has not written anything, because it refused the call or sees another filesystem.
    if (isStoreError(error) && refusals.includes(error.reason)) return undefined;
    throw error;
  }
}

function callOptions({ signal, timeoutMs }: CallOptions): CallOptions {
  return {
    ...(signal === undefined ? {} : { signal }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}
