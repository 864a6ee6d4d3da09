// Create: a tar of data files, or a directory that is taken over by rename.
import type { ByteStream } from "../../base/async.js";
import { StoreError } from "../../base/errors.js";
import { checkPlausible } from "../../archive/plausible-sizes.js";
import { uncompressedOnly } from "../../archive/compression.js";
import { limitBytes } from "../../archive/limits.js";
import { readTar } from "../../archive/tar-reader.js";
import type { CallerPath } from "../../model/caller-path.js";
import { fileBytes } from "../../model/charge.js";
import { envelopeFileName } from "../../model/name.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { StoreContext } from "../parts/context.js";
import { backfillDigest } from "./digest-backfill.js";
import { takeIn, type Filled, type Intake, type IntakeRequest } from "./intake.js";
import { stageEntry } from "./stage-entry.js";

/** Stores the data files in `tar`, which ends without error only if the caller has committed. */
export async function create(
  context: StoreContext,
  request: IntakeRequest,
  tar: ByteStream,
  signal: AbortSignal,
): Promise<Snapshot> {
  const fill = async (intake: Intake): Promise<Filled> => {
    const { id } = intake;
    const bounded = limitBytes(tar, context.options.maxUploadBytes);
    const files = [];
    for await (const entry of readTar(uncompressedOnly(bounded), { signal })) {
      if (entry.name === envelopeFileName) {
        throw new StoreError(
          "ARCHIVE_INVALID",
          `the tar has an entry ${envelopeFileName}, which Create does not take`,
          { hint: "Use Import for archives that were exported", metadata: { entry: entry.name } },
        );
      }
      files.push(await stageEntry(intake, entry, signal));
    }
    requireFiles(files.length, "the tar");
    const config = { ...request.config, id };
    checkPlausible(config, files);
    return { config, files };
  };
  return takeIn(context, request, fill, signal);
}

/** Takes over `directory` by rename; on any error it stays, or is put back, where it was. */
export async function createFromDirectory(
  context: StoreContext,
  request: IntakeRequest,
  directory: CallerPath,
  signal: AbortSignal,
): Promise<Snapshot> {
  const fill = async ({ id, staging, allowance }: Intake): Promise<Filled> => {
    const files = await staging.adoptDirectory(directory);
    const bytes = files.reduce((sum, file) => sum + fileBytes + file.allocatedBytes, 0);
    await allowance.wait(bytes);
    allowance.take(bytes);
    requireFiles(files.length, `the directory ${directory.path}`);
    const config = { ...request.config, id };
    checkPlausible(config, files);
    return { config, files };
  };
  const snapshot = await takeIn(context, { ...request, source: directory.path }, fill, signal);
  backfillDigest(context, snapshot.config.id);
  return snapshot;
}

function requireFiles(count: number, where: string): void {
  if (count > 0) return;
  throw new StoreError("ARCHIVE_INVALID", `${where} holds no data file`, {
    hint: "A snapshot has at least one file",
  });
}
