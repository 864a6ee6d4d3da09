// Import: an archive with its envelope, or a directory with one.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ByteStream } from "../base/async.js";
import { StoreError } from "../base/errors.js";
import { decompress } from "../archive/compression.js";
import {
  checkArchiveAgainstEnvelope,
  decodeEnvelope,
  maxEnvelopeBytes,
  type Envelope,
} from "../archive/envelope.js";
import { limitBytes } from "../archive/limits.js";
import { readTar, type ArchiveEntry } from "../archive/tar-reader.js";
import { listDataFiles } from "../data/directory-source.js";
import type { SnapshotConfig } from "../model/config.js";
import { envelopeFileName } from "../model/name.js";
import type { Snapshot, SnapshotFile } from "../model/snapshot.js";
import { ioError, isErrno } from "../sparse/errno.js";
import type { StoreContext } from "./context.js";
import { takeIn, type Filled, type Intake, type IntakeRequest } from "./intake.js";
import { stageEntry } from "./stage-entry.js";

/** Stores an archive under a new id; what `request.config` sets replaces what the envelope says. */
export async function importArchive(
  context: StoreContext,
  request: IntakeRequest,
  archive: ByteStream,
  signal: AbortSignal,
): Promise<Snapshot> {
  const fill = async (intake: Intake): Promise<Filled> => {
    const files: SnapshotFile[] = [];
    let envelope: Envelope | undefined;
    const { maxUploadBytes, maxRatio } = context.options;
    const unfolded = decompress(limitBytes(archive, maxUploadBytes), { signal, maxRatio });
    for await (const entry of readTar(limitBytes(unfolded, maxUploadBytes), { signal })) {
      if (entry.name === envelopeFileName) {
        envelope = decodeEnvelope(await readEnvelopeEntry(entry));
        await intake.reconfigure(overlay(envelope.config, request.config));
      } else {
        files.push(await stageEntry(intake, entry, signal));
      }
    }
    if (envelope === undefined) throw envelopeMissing("the archive");
    return finishImport(intake, request, envelope, files);
  };
  return takeIn(context, request, fill, signal);
}

/** Stores a copy of a directory; by reflink where the filesystem can. */
export async function importFromDirectory(
  context: StoreContext,
  request: IntakeRequest,
  directory: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  const fill = async (intake: Intake): Promise<Filled> => {
    const sources = await listDataFiles(directory, { ignore: [envelopeFileName] });
    const envelope = decodeEnvelope(await readEnvelopeFile(directory));
    await intake.reconfigure(overlay(envelope.config, request.config));
    const files: SnapshotFile[] = [];
    for (const { name, mode } of sources) {
      files.push(await intake.staging.copyFileFrom(join(directory, name), name, { mode, signal }));
    }
    return finishImport(intake, request, envelope, files);
  };
  return takeIn(context, { ...request, source: directory }, fill, signal);
}

async function finishImport(
  intake: Intake,
  request: IntakeRequest,
  envelope: Envelope,
  files: readonly SnapshotFile[],
): Promise<Filled> {
  checkArchiveAgainstEnvelope(envelope, files);
  if (files.length === 0) {
    throw new StoreError("ARCHIVE_INVALID", "the archive holds an envelope but no data file", {
      hint: "A snapshot has at least one file",
    });
  }
  const config = await intake.reconfigure(overlay(envelope.config, request.config));
  return { config, files };
}

function overlay(base: SnapshotConfig, override: SnapshotConfig): SnapshotConfig {
  return {
    ...base,
    name: override.name === "" ? base.name : override.name,
    description: override.description === "" ? base.description : override.description,
    labels: { ...base.labels, ...override.labels },
  };
}

async function readEnvelopeEntry(entry: ArchiveEntry): Promise<Uint8Array> {
  if (entry.sizeBytes > maxEnvelopeBytes) {
    throw new StoreError(
      "LIMIT_EXCEEDED",
      `${envelopeFileName} has ${entry.sizeBytes} bytes, at most ${maxEnvelopeBytes} are read`,
      { metadata: { limit: "max_envelope_bytes", entry: envelopeFileName } },
    );
  }
  const bytes = Buffer.alloc(entry.sizeBytes);
  for await (const piece of entry.pieces()) bytes.set(piece.bytes, piece.offset);
  return bytes;
}

async function readEnvelopeFile(directory: string): Promise<Uint8Array> {
  const path = join(directory, envelopeFileName);
  try {
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw envelopeMissing(`the directory ${directory}`);
    throw ioError(error, { what: "read the envelope", path });
  }
}

function envelopeMissing(where: string): StoreError {
  return new StoreError("ENVELOPE_MISSING", `${where} has no ${envelopeFileName}`, {
    hint: "Use Create for data files without an envelope",
  });
}
