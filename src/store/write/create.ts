// Implements Create, which stores a tar of data files or takes over a directory by rename.
import type { OwnedStream } from "../../wire/chunk.js";
import { StoreError } from "../../base/errors.js";
import { checkPlausible } from "../../archive/plausible-sizes.js";
import type { CallerPath } from "../../model/caller-path.js";
import { fileBytes } from "../../model/charge.js";
import { envelopeFileName } from "../../model/name.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { inSpan } from "../../observe/spans.js";
import type { Publisher } from "./publisher.js";
import { backfillDigest } from "./digest-backfill.js";
import { begin, type IntakeRequest } from "./intake.js";
import { stageEntry } from "./stage-entry.js";
import { tarEntries } from "./upload-stages.js";

/** Stores the data files in `tar`. The stream must fail unless the caller has committed. */
export async function create(
  publisher: Publisher,
  request: IntakeRequest,
  tar: OwnedStream,
  signal: AbortSignal,
): Promise<Snapshot> {
  await using intake = await begin(publisher, request, signal);
  if (intake.earlier !== undefined) return intake.earlier;
  const files: SnapshotFile[] = [];
  await inSpan("receive", {}, async () => {
    for await (const entry of tarEntries(tar, publisher.options, signal)) {
      if (entry.name === envelopeFileName) throw hasEnvelope(entry.name);
      files.push(await stageEntry(intake, entry, signal));
    }
  });
  requireFiles(files.length, "the tar");
  const config = { ...request.config, id: intake.id };
  checkPlausible(config, files);
  return await intake.commit({ config, files });
}

/**
 * Takes over `directory` by rename. On any error the directory stays in its place, or returns to
 * its place.
 */
export async function createFromDirectory(
  publisher: Publisher,
  request: IntakeRequest,
  directory: CallerPath,
  signal: AbortSignal,
): Promise<Snapshot> {
  const snapshot = await adopt(publisher, request, directory, signal);
  backfillDigest(publisher, snapshot.config.id);
  return snapshot;
}

async function adopt(
  publisher: Publisher,
  request: IntakeRequest,
  directory: CallerPath,
  signal: AbortSignal,
): Promise<Snapshot> {
  const named = { ...request, source: directory.path };
  await using intake = await begin(publisher, named, signal);
  if (intake.earlier !== undefined) return intake.earlier;
  let reservedBytes = 0;
  const reserve = async (bytes: number): Promise<void> => {
    await intake.allowance.wait(bytes);
    intake.allowance.take(bytes);
    reservedBytes += bytes;
  };
  const files = await inSpan("move", {}, () =>
    intake.staging.adoptDirectory(directory, { reserve, signal }),
  );
  const bytes = files.reduce((sum, file) => sum + fileBytes + file.allocatedBytes, 0);
  await reserve(Math.max(0, bytes - reservedBytes));
  requireFiles(files.length, `the directory ${directory.path}`);
  const config = { ...request.config, id: intake.id };
  checkPlausible(config, files);
  return await intake.commit({ config, files });
}

export function hasEnvelope(entry: string): StoreError {
  return new StoreError(
    "ARCHIVE_INVALID",
    `the tar has an entry ${envelopeFileName}, which Create does not take`,
    { hint: "Use Import for archives that were exported", metadata: { entry } },
  );
}

export function requireFiles(count: number, where: string): void {
  if (count > 0) return;
  throw new StoreError("ARCHIVE_INVALID", `${where} holds no data file`, {
    hint: "A snapshot has at least one file",
  });
}
