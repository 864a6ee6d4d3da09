// Makes a snapshot from a stored snapshot, its parent, and from what has changed since. The result
// is an ordinary snapshot. It shares blocks with the parent where the filesystem can, and nothing
// depends on the parent afterwards.
//
// Invariants:
// - Neither the parent nor the caller's directory changes, so that a refused call can be repeated
//   with the same bytes. The hypervisor cannot tell a second time which pages have changed.
// - A hole of a delta file means "as in the parent", and written zeros are data. So nothing on the
//   way may take zeros for a hole, or a hole for zeros.
// - Bytes of the parent are hashed into a new digest only after they were compared with the
//   parent's digest (files/delta-hash.ts).
import { StoreError } from "../../base/errors.js";
import { checkPlausible } from "../../archive/plausible-sizes.js";
import type { ArchiveEntry } from "../../archive/tar-reader.js";
import { copyDelta } from "../../files/delta-source.js";
import { listDataFiles, type SourceFile } from "../../files/directory-source.js";
import { holdDirectory, type HeldDirectory } from "../../files/held-directory.js";
import type { CallerPath } from "../../model/caller-path.js";
import { fileBytes } from "../../model/charge.js";
import type { DeltaRequest } from "../../model/delta.js";
import { envelopeFileName } from "../../model/name.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { inSpan } from "../../observe/spans.js";
import type { Links } from "../parts/ports.js";
import type { OwnedStream } from "../../wire/chunk.js";
import { hasEnvelope, requireFiles } from "./create.js";
import { backfillDigest } from "./digest-backfill.js";
import { begin, type Intake, type IntakeRequest } from "./intake.js";
import { openParent, type DeltaParent } from "./parent.js";
import type { Publisher } from "./publisher.js";
import { mostBytesOver, stageEntry } from "./stage-entry.js";
import { tarEntries } from "./upload-stages.js";

export interface DeltaIntakeRequest extends IntakeRequest {
  readonly delta: DeltaRequest;
}

/** The ports of a delta. `Links` is needed because every read checks the links of clones. */
export interface DeltaPublisher extends Publisher, Links {
  readonly catalog: Publisher["catalog"] & Links["catalog"];
}

/** The state that the parts of one call share. */
interface Making {
  readonly intake: Intake;
  readonly parent: DeltaParent;
  readonly request: DeltaIntakeRequest;
  readonly signal: AbortSignal;
}

/**
 * Stores a tar as `create` does, over a parent. An entry of `deltaFiles` must be sparse. A hole of
 * such an entry means that the range is as in the parent.
 */
export async function createDelta(
  publisher: DeltaPublisher,
  request: DeltaIntakeRequest,
  tar: OwnedStream,
  signal: AbortSignal,
): Promise<Snapshot> {
  await using intake = await begin(publisher, request, signal);
  if (intake.earlier !== undefined) return intake.earlier;
  await using parent = await openParent(publisher, request.delta, "Create", signal);
  const making: Making = { intake, parent, request, signal };
  const files: SnapshotFile[] = [];
  await inSpan("receive", {}, async () => {
    for await (const entry of tarEntries(tar, publisher.options, signal)) {
      if (entry.name === envelopeFileName) throw hasEnvelope(entry.name);
      files.push(await stageFrom(making, entry));
    }
  });
  return await complete(publisher, making, files, "the tar");
}

async function stageFrom(making: Making, entry: ArchiveEntry): Promise<SnapshotFile> {
  const { intake, parent, signal } = making;
  if (!parent.isDelta(entry.name)) return await stageEntry(intake, entry, signal);
  if (entry.extents === undefined) throw hasNoMap(entry.name, packHint);
  parent.requireSize(entry);
  return await parent.over(entry.name, (base) => stageEntry(intake, entry, signal, { base }));
}

/**
 * Stores a directory of the node, over a parent. The directory is only read. A hole in a file of
 * `deltaFiles` means that the range is as in the parent.
 */
export async function createDeltaFromDirectory(
  publisher: DeltaPublisher,
  request: DeltaIntakeRequest,
  directory: CallerPath,
  signal: AbortSignal,
): Promise<Snapshot> {
  const named = { ...request, source: directory.path };
  await using intake = await begin(publisher, named, signal);
  if (intake.earlier !== undefined) return intake.earlier;
  const user = "CreateDeltaFromDirectory";
  await using parent = await openParent(publisher, request.delta, user, signal);
  const { owner } = directory;
  await using held = await holdDirectory(publisher.layout, directory);
  const sources = await listDataFiles(held.self, { owner, signal });
  for (const source of sources) {
    if (source.name === envelopeFileName) throw hasEnvelope(source.name);
    if (parent.isDelta(source.name)) parent.requireSize(source);
  }
  const making: Making = { intake, parent, request, signal };
  const files: SnapshotFile[] = [];
  await inSpan("copy", {}, async () => {
    for (const source of sources) {
      files.push(await copyFrom(making, directory, held, source));
    }
  });
  return await complete(publisher, making, files, `the directory ${directory.path}`);
}

async function copyFrom(
  { intake, parent, signal }: Making,
  { path: directory, owner }: CallerPath,
  held: HeldDirectory,
  { name, mode, sizeBytes, allocatedBytes }: SourceFile,
): Promise<SnapshotFile> {
  const { allowance, staging } = intake;
  const path = held.at(name);
  if (!parent.isDelta(name)) {
    await allowance.wait(fileBytes + allocatedBytes);
    allowance.take(fileBytes + allocatedBytes);
    return await staging.copyFileFrom(path, name, { mode, owner, signal });
  }
  return await parent.over(name, async (base) => {
    const bytes = fileBytes + mostBytesOver(base, { sizeBytes }, allocatedBytes);
    await allowance.wait(bytes);
    allowance.take(bytes);
    const options = { mode, sizeBytes, detectZeros: false, base, signal };
    await using file = await staging.createFile(name, options);
    await copyDelta({ path, name, directory, owner }, file);
    return await file.finish();
  });
}

/** Adds the files of the parent that the upload lacks, and publishes. */
async function complete(
  publisher: Publisher,
  { intake, parent, request, signal }: Making,
  uploaded: readonly SnapshotFile[],
  where: string,
): Promise<Snapshot> {
  const names = new Set(uploaded.map(({ name }) => name));
  parent.requireAll(names);
  const files = [...uploaded];
  if (request.delta.inheritFiles) {
    for (const file of parent.files.values()) {
      if (!names.has(file.name)) files.push(await inherit(intake, parent, file, signal));
    }
  }
  requireFiles(files.length, where);
  const config = { ...request.config, id: intake.id };
  checkPlausible(config, files);
  const parentDigest = parent.snapshot.digest;
  const snapshot = await intake.commit({ config, files, parentDigest });
  if (snapshot.digest === "") backfillDigest(publisher, snapshot.config.id);
  return snapshot;
}

/**
 * Stores a file of the parent unchanged. Its digests come from the parent and are not computed
 * again.
 */
export async function inherit(
  { staging, allowance }: Pick<Intake, "staging" | "allowance">,
  parent: DeltaParent,
  { name, mode, sizeBytes }: SnapshotFile,
  signal: AbortSignal,
): Promise<SnapshotFile> {
  return await parent.over(name, async (base) => {
    await allowance.wait(fileBytes + base.allocatedBytes);
    allowance.take(fileBytes + base.allocatedBytes);
    const options = { mode, sizeBytes, detectZeros: false, base, signal };
    await using file = await staging.createFile(name, options);
    return await file.finish();
  });
}

const packHint =
  "Without a map nobody can tell what has changed. Pack it with `stasis create --delta`, or send the file whole, not as a delta file";

export function hasNoMap(entry: string, hint: string): StoreError {
  return new StoreError(
    "ARCHIVE_INVALID",
    `entry "${entry}": a delta file has a sparse map, and this entry has none`,
    { hint, metadata: { entry } },
  );
}
