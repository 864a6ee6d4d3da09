// Stores, restores, imports and exports whole directories of this machine.
import { create } from "@bufbuild/protobuf";
import { lstat } from "node:fs/promises";
import { decodeEnvelope } from "../archive/envelope.js";
import { checkClaimedSize, type FileClaims } from "../archive/file-claims.js";
import { StoreError, isStoreError, type ErrorReason } from "../base/errors.js";
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
   * Makes everything durable before it resolves. Default: true for an export, false for a restore,
   * which can be repeated.
   */
  readonly sync?: boolean;
}

export interface ExportDirectoryOptions extends WriteDirectoryOptions {
  /**
   * `auto` (default): if the daemon runs on this machine as this user, it writes the directory
   * itself, by reflink where it can. Otherwise, or if that fails, the archive comes through the
   * stream. `stream`: always through the stream.
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
  if (source.envelope !== undefined) {
    throw new StoreError("FIELD_INVALID", `${directory} holds a snapshot.json: it is an export`, {
      hint: "Import it, or remove snapshot.json to store the data files alone",
    });
  }
  return client.create(header, source.pack(options), callOptions(options));
}

/** Imports a directory that an export wrote: data files and `snapshot.json`. */
export async function importLocalDirectory(
  client: Client,
  directory: string,
  header: ImportHeaderInit = {},
  options: ImportDirectoryOptions = {},
): Promise<ImportResponse> {
  const source = await openLocalSource(directory, options.envelope);
  if (source.envelope === undefined) {
    throw new StoreError("ENVELOPE_MISSING", `${directory} holds no snapshot.json`, {
      hint: "To store plain data files, create a snapshot from them",
    });
  }
  checkSizes(source.envelope, source.files);
  return client.import(header, source.pack(options), callOptions(options));
}

/**
 * Makes the daemon's checks before gigabytes travel. The daemon decides whether the envelope is
 * well-formed.
 */
function checkSizes(bytes: Uint8Array, files: LocalSource["files"]): void {
  let claims: FileClaims;
  try {
    ({ claims } = decodeEnvelope(bytes));
  } catch {
    return;
  }
  for (const file of files) checkClaimedSize(claims, file);
}

/**
 * Writes the data files of a snapshot, or `files` of them, into an absent or empty directory. It
 * appears with all of them or not at all; LocalTarget describes the case of an existing directory.
 * The daemon compares each block with its digest, unless the request has `verify: false` or
 * `force`; see `openCompared`.
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
 * Like `restoreToLocalDirectory`, with `snapshot.json`. If the daemon writes the directory, it
 * compares the files that it copies with their digests.
 */
export async function exportToLocalDirectory(
  client: Client,
  request: RefOr<ExportInit>,
  directory: string,
  options: ExportDirectoryOptions = {},
): Promise<ExportToDirectoryResponse> {
  const wanted: ExportInit = typeof request === "string" ? { ref: request } : request;
  await using target = await openLocalTarget(directory);
  const sync = options.sync ?? true;
  // ExportToDirectory selects no files, and compares nothing that it reflinks.
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
 * True if the daemon has a local address and its store is a directory of this machine that belongs
 * to this user. Files that the daemon writes then belong to this user too.
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
 * The directory's parent was just made here under a random name. A daemon that does not find it
 * sees another filesystem (a forwarded port, a container), and has written nothing there.
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
    // Nothing was written yet: the daemon refused, or sees another filesystem.
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
