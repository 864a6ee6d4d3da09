// Exports a delta archive: an archive of what differs between a snapshot and another one, its
// parent. archive/delta-envelope.ts describes the format.
//
// Invariants:
// - Both snapshots have digests and a read lease until the stream ends.
// - No byte is sent or left out on the word of data that differs from its digest.
import type { OwnedStream } from "../../wire/chunk.js";
import { compress } from "../../archive/compression.js";
import { maxDeltaHoles, type DeltaFacts } from "../../archive/delta-envelope.js";
import { encodeEnvelope } from "../../archive/envelope.js";
import type { FileClaim } from "../../archive/file-claims.js";
import { archiveWarnings } from "../../archive/reader-limits.js";
import { writeTar, type ArchiveFile } from "../../archive/tar-writer.js";
import { createCleanup, type Cleanup } from "../../base/cleanup.js";
import { fieldInvalid } from "../../base/errors.js";
import { closeQuietly } from "../../base/quietly.js";
import { indexBlocks } from "../../files/block-access.js";
import {
  compareFiles,
  readChanged,
  type ComparedFile,
  type FileChanges,
} from "../../files/delta-compare.js";
import { readStoredTable, type StoredFile } from "../../files/stored.js";
import { requireRoot } from "../../files/verified-read.js";
import type { FilePiece } from "../../holes/extents.js";
import { totalLength, type Extent, type Extents } from "../../model/extent.js";
import type { Snapshot } from "../../model/snapshot.js";
import { inSpan } from "../../observe/spans.js";
import { noteDamage } from "../parts/damage.js";
import { notHashedYet, openRead, type OpenRead, type ReadPorts } from "../parts/open-read.js";
import type { DownloadStream, DownloadStreamOptions } from "./read.js";

/** A file of the archive. */
interface Sent {
  readonly stored: StoredFile;
  /** The ranges that are sent: all data of a whole file. */
  readonly extents: Extents;
}

/** How the snapshot is made from its parent. */
interface Difference extends Pick<DeltaFacts, "deltaFiles" | "inherited"> {
  readonly sent: readonly Sent[];
  readonly claims: ReadonlyMap<string, FileClaim>;
}

/**
 * Opens the delta archive of a snapshot. It compares both snapshots before it resolves, which takes
 * as long as reading the blocks that differ.
 */
export async function openDeltaStream(
  reader: ReadPorts,
  ref: string,
  options: DownloadStreamOptions & { readonly deltaFrom: string },
  signal: AbortSignal,
): Promise<DownloadStream> {
  checkOptions(options);
  await using cleanup = createCleanup();
  const child = await openHashed(reader, ref, cleanup, signal);
  const parent = await openHashed(reader, options.deltaFrom, cleanup, signal);
  const found = await inSpan("compare", { "stasis.snapshot_id": child.stored.id }, () =>
    compareAll(reader, { child, parent }, cleanup, signal),
  );
  const { sent, claims, deltaFiles, inherited } = found;
  const { config, digest } = parent.snapshot;
  const delta = { parent: { digest, id: config.id, name: config.name }, deltaFiles, inherited };
  const { expireTime } = child.snapshot;
  const envelope = encodeEnvelope(child.snapshot.config, [...claims.keys()], claims, {
    expireTime,
    delta,
  });
  const whole = sent.flatMap(({ stored }) => (deltaFiles.has(stored.name) ? [] : [stored]));
  const release = cleanup.release();
  return {
    snapshot: child.snapshot,
    files: sent.map(({ stored }) => stored.name),
    dataBytes: sent.reduce((sum, { extents }) => sum + totalLength(extents), 0),
    // Programs that refuse long maps refuse the version of the envelope too.
    warnings: archiveWarnings(whole, "gnu").filter(({ kind }) => kind === "holes-filled"),
    parentDigest: digest,
    bytes: deltaBytes(reader, { child, sent, envelope }, options, signal),
    [Symbol.asyncDispose]: release,
  };
}

/** Throws FIELD_INVALID for options that have no meaning for a delta archive. */
function checkOptions({ files = [], force, sparseFormat }: DownloadStreamOptions): void {
  const what = " for a delta archive";
  if (files.length > 0) throw fieldInvalid("files", `no names${what}`, files[0]);
  if (force) {
    const hint = "Nothing can be compared with damaged data: export the snapshot whole";
    throw fieldInvalid("force", `false${what}`, force, hint);
  }
  if (sparseFormat !== "gnu") throw fieldInvalid("sparseFormat", `GNU${what}`, sparseFormat);
}

async function openHashed(
  reader: ReadPorts,
  ref: string,
  cleanup: Cleanup,
  signal: AbortSignal,
): Promise<OpenRead> {
  const read = await openRead(reader, ref, { force: false, user: "Export" }, "stream", signal);
  cleanup.defer(async () => await read[Symbol.asyncDispose]());
  if (read.stored.files.some(({ digest }) => digest === "")) throw notHashedYet(read.stored.id);
  return read;
}

async function compareAll(
  reader: ReadPorts,
  { child, parent }: { readonly child: OpenRead; readonly parent: OpenRead },
  cleanup: Cleanup,
  signal: AbortSignal,
): Promise<Difference> {
  const sent: Sent[] = [];
  const claims = new Map<string, FileClaim>();
  const deltaFiles = new Map<string, readonly Extent[]>();
  const inherited: string[] = [];
  let leftHoles = maxDeltaHoles;
  const bases = new Map(parent.stored.files.map((file) => [file.name, file]));
  for (const stored of child.stored.files) {
    const { name, sizeBytes, digest, mode } = stored;
    await using file = await openCompared(reader, child, stored);
    claims.set(name, { sizeBytes, digest, blocks: file.index.table.algorithm });
    const base = bases.get(name);
    const changes =
      base?.sizeBytes === sizeBytes
        ? await compareWith(reader, { file, parent, base }, leftHoles, signal)
        : undefined;
    if (changes === undefined) {
      const all = sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
      sent.push({ stored, extents: stored.extents ?? all });
      continue;
    }
    const { changed, holes } = changes;
    cleanup.defer(() => {
      changed[Symbol.dispose]();
    });
    if (changed.length === 0 && holes.length === 0 && base?.mode === mode) {
      inherited.push(name);
      continue;
    }
    leftHoles -= holes.length;
    deltaFiles.set(name, holes);
    sent.push({ stored, extents: changed });
  }
  return { sent, claims, deltaFiles, inherited };
}

/** Compares a file with that of the parent. Returns undefined if the file must be sent whole. */
async function compareWith(
  reader: ReadPorts,
  compared: {
    readonly file: OpenComparedFile;
    readonly parent: OpenRead;
    readonly base: StoredFile;
  },
  maxHoles: number,
  signal: AbortSignal,
): Promise<FileChanges | undefined> {
  const { file, parent } = compared;
  await using base = await openCompared(reader, parent, compared.base);
  if (!isComparable(file, base)) return undefined;
  return await compareFiles(file, base, maxHoles, signal);
}

/** Returns whether the digests of both files can be compared, and all their holes are known. */
function isComparable({ index: a, extents }: ComparedFile, { index: b, ...base }: ComparedFile) {
  if (a.table.algorithm !== b.table.algorithm) return false;
  if (a.table.blockSizeBytes !== b.table.blockSizeBytes) return false;
  return [extents, base.extents].every((each) => !("filledHoles" in each && each.filledHoles));
}

type OpenComparedFile = ComparedFile & AsyncDisposable;

/** Opens a file with its block table. */
async function openCompared(
  reader: ReadPorts,
  { snapshot, stored }: OpenRead,
  file: StoredFile,
): Promise<OpenComparedFile> {
  const onDamage = (error: unknown): void => {
    noteDamage(reader, stored.id, error);
  };
  try {
    const table = await readStoredTable(stored, positionOf(snapshot, file.name));
    requireRoot(table, stored.id, file);
    const handle = await stored.open(file.name);
    const { sizeBytes } = file;
    const all = sizeBytes === 0 ? [] : [{ offset: 0, length: sizeBytes }];
    const what = `${file.name} of snapshot ${stored.id}`;
    const compared = { handle, index: indexBlocks(table), extents: file.extents ?? all };
    return { ...compared, what, onDamage, [Symbol.asyncDispose]: () => closeQuietly(handle) };
  } catch (error) {
    onDamage(error);
    throw error;
  }
}

function positionOf({ files }: Snapshot, name: string): number {
  return files.findIndex((file) => file.name === name);
}

function deltaBytes(
  reader: ReadPorts,
  archive: {
    readonly child: OpenRead;
    readonly sent: readonly Sent[];
    readonly envelope: Uint8Array;
  },
  { compression }: DownloadStreamOptions,
  signal: AbortSignal,
): OwnedStream {
  const { child, sent, envelope } = archive;
  const { zstdLevel, gzipLevel } = reader.options;
  const files = sent.map(({ stored, extents }): ArchiveFile => {
    const { name, mode, sizeBytes } = stored;
    // A whole file has a map too, so that its zeros stay data and its holes stay holes.
    const shape = { name, mode, sizeBytes, extents, isDelta: true };
    return { ...shape, pieces: () => piecesOf(reader, child, { stored, extents }, signal) };
  });
  const tar = writeTar(files, { envelope, signal });
  const level = compression === "zstd" ? zstdLevel : gzipLevel;
  return compress(tar, compression, { level, signal });
}

async function* piecesOf(
  reader: ReadPorts,
  child: OpenRead,
  { stored, extents }: Sent,
  signal: AbortSignal,
): AsyncGenerator<FilePiece, void, undefined> {
  await using file = await openCompared(reader, child, stored);
  yield* readChanged(file, extents, { signal });
}
