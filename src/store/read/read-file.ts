// Implements ReadFile, which returns ranges of one file.
import { join } from "node:path";
import { StoreError, fieldInvalid } from "../../base/errors.js";
import { openRanges, type OpenRanges } from "../../files/read-ranges.js";
import type { FilePiece } from "../../holes/extents.js";
import { digestPattern } from "../../model/digest.js";
import { endOf, type Extent } from "../../model/extent.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { requireUnchanged } from "../parts/linked.js";
import { notHashedYet, openLeased, type ReadOptions, type ReadPorts } from "../parts/open-read.js";
import { findUndamaged, requireNames } from "../parts/select.js";
import { noting } from "./read.js";

const maxRanges = 4096;

export interface ReadFileRequest extends ReadOptions {
  readonly ref: string;
  /** Digest of the snapshot, in place of `ref`. Empty means that `ref` is used. */
  readonly digest: string;
  readonly file: string;
  /** Empty means the whole file. */
  readonly ranges: readonly Extent[];
  readonly verify: boolean;
}

/** Ranges of a file that are open for reading. Disposing of them releases the lease. */
export interface FileReading extends AsyncDisposable {
  readonly snapshotId: string;
  readonly file: SnapshotFile;
  /** Bytes of data in the ranges. */
  readonly dataBytes: number;
  holes(): Iterable<Extent>;
  /** Returns the data and the holes of the ranges. Call it once. */
  pieces(): AsyncIterable<FilePiece>;
}

/**
 * Opens ranges of a file. Throws FIELD_INVALID if a field is invalid, STORED_DATA_CORRUPT if the
 * snapshot is damaged, and OPERATION_IN_PROGRESS if `verify` is set and the file has no digest yet.
 */
export async function readFile(
  reader: ReadPorts,
  request: ReadFileRequest,
  signal: AbortSignal,
): Promise<FileReading> {
  const { force } = request;
  checkRanges(request.ranges);
  const find = finder(reader, request);
  const how = { force, user: "ReadFile", kind: "stream" } as const;
  const { snapshot, opened, ...held } = await openLeased(reader, find, how, (found) =>
    openFile(reader, found, request, signal),
  );
  const { id } = snapshot.config;
  const { file, ranges } = opened;
  return {
    snapshotId: id,
    file,
    dataBytes: ranges.dataBytes,
    holes: () => ranges.holes(),
    pieces: () => noting(reader, id, ranges.pieces()),
    ...held,
  };
}

interface OpenFile extends AsyncDisposable {
  readonly file: SnapshotFile;
  readonly ranges: OpenRanges;
}

async function openFile(
  reader: ReadPorts,
  snapshot: Snapshot,
  { file: name, force, verify, ...request }: ReadFileRequest,
  signal: AbortSignal,
): Promise<OpenFile> {
  const { id } = snapshot.config;
  requireNames(snapshot, [name], "file");
  const position = snapshot.files.findIndex((each) => each.name === name);
  const file = snapshot.files[position] as SnapshotFile;
  if (verify && file.digest === "") throw notHashedYet(id);
  if (!force) {
    const directory = reader.layout.filesDirectory(id);
    requireUnchanged(reader, { id, pathOf: (each) => join(directory, each) });
  }
  const ranges = await openRanges(
    reader.layout,
    id,
    { file, position },
    insideFile(request.ranges, file.sizeBytes),
    { verify, signal },
  );
  return { file, ranges, [Symbol.asyncDispose]: () => ranges[Symbol.asyncDispose]() };
}

function finder({ catalog }: ReadPorts, { ref, digest }: ReadFileRequest): () => Snapshot {
  if (digest === "") return () => catalog.resolveRef(ref);
  if (ref !== "") throw fieldInvalid("ref", "an empty value, because digest is set", ref);
  if (!digestPattern.test(digest)) {
    throw fieldInvalid("digest", "sha256:<64 hex digits>", digest);
  }
  return () => {
    const found = findUndamaged({ catalog }, digest);
    if (found !== undefined) return found;
    throw new StoreError("SNAPSHOT_NOT_FOUND", `no undamaged snapshot has the digest ${digest}`, {
      resource: { type: "snapshot", name: digest },
    });
  };
}

/**
 * Throws FIELD_INVALID if there are too many ranges, if one is empty, or if they do not ascend. In
 * ascending order, each block is read and compared only once.
 */
function checkRanges(ranges: readonly Extent[]): void {
  if (ranges.length > maxRanges) {
    throw fieldInvalid("ranges", `at most ${maxRanges} ranges`, ranges.length);
  }
  let end = 0;
  for (const [index, range] of ranges.entries()) {
    const { offset, length } = range;
    if (length < 1) throw fieldInvalid(`ranges[${index}].length`, "a number above 0", length);
    if (offset < end) {
      const expected = `${end} or more, because ranges ascend and do not overlap`;
      throw fieldInvalid(`ranges[${index}].offset`, expected, offset);
    }
    end = Math.min(endOf(range), Number.MAX_SAFE_INTEGER);
  }
}

/**
 * Returns the ranges, cut at the end of the file. If there are no ranges, returns the whole file.
 */
function insideFile(ranges: readonly Extent[], sizeBytes: number): readonly Extent[] {
  const all = ranges.length === 0 ? [{ offset: 0, length: sizeBytes }] : ranges;
  return all
    .filter(({ offset }) => offset < sizeBytes)
    .map((range) => (endOf(range) <= sizeBytes ? range : cutAt(range, sizeBytes)));
}

function cutAt({ offset }: Extent, end: number): Extent {
  return { offset, length: end - offset };
}
