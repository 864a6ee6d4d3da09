// Implements Import, which stores an archive or a directory that contains an envelope.
// import-delta.ts has what is special about delta archives.
import { formatBytesApart } from "../../base/sizes.js";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { OwnedStream } from "../../wire/chunk.js";
import { createCleanup } from "../../base/cleanup.js";
import { fieldInvalid, StoreError } from "../../base/errors.js";
import {
  checkArchiveAgainstEnvelope,
  decodeEnvelope,
  maxEnvelopeBytes,
  type Envelope,
} from "../../archive/envelope.js";
import { checkClaimedDigest, checkClaimedSize, noClaims } from "../../archive/file-claims.js";
import type { ArchiveEntry } from "../../archive/tar-reader.js";
import { algorithms, currentAlgorithm } from "../../files/block-digest.js";
import { entryInvalid, listDataFiles } from "../../files/directory-source.js";
import { foreignOwner, holdDirectory, type HeldDirectory } from "../../files/held-directory.js";
import type { CallerPath } from "../../model/caller-path.js";
import { fileBytes } from "../../model/charge.js";
import { checkExpireTime } from "../../model/config-rules.js";
import type { SnapshotConfig } from "../../model/config.js";
import { envelopeFileName } from "../../model/name.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { inSpan } from "../../observe/spans.js";
import { ioError, isErrno, shownPath } from "../../holes/errno.js";
import type { DeltaPublisher } from "./delta.js";
import { isDelta, openDeltaImport, type DeltaImport } from "./import-delta.js";
import type { Publisher } from "./publisher.js";
import { begin, type Filled, type Intake, type IntakeRequest } from "./intake.js";
import { stageEntry } from "./stage-entry.js";
import { archiveEntries } from "./upload-stages.js";

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Stores an archive under a new id. `request.config` overrides the envelope. */
export async function importArchive(
  publisher: DeltaPublisher,
  request: IntakeRequest,
  archive: OwnedStream,
  signal: AbortSignal,
): Promise<Snapshot> {
  await using intake = await begin(publisher, request, signal);
  if (intake.earlier !== undefined) return intake.earlier;
  await using cleanup = createCleanup();
  const files: SnapshotFile[] = [];
  const received = await inSpan("receive", {}, async () => {
    let found: Received | undefined;
    for await (const entry of archiveEntries(archive, publisher.options, signal)) {
      if (entry.name === envelopeFileName) {
        found = await openEnvelope(publisher, request, intake, entry, signal);
        const { delta } = found;
        cleanup.defer(async () => await delta?.[Symbol.asyncDispose]());
        if (delta !== undefined && files.length > 0) throw envelopeLate();
      } else {
        // If the envelope comes first, as in all archives that stasis writes, this check runs
        // before the data arrives.
        checkClaimedSize(found?.envelope.claims ?? noClaims, entry);
        files.push(await (found?.delta?.stage(entry) ?? stageEntry(intake, entry, signal)));
      }
    }
    files.push(...((await found?.delta?.inherit()) ?? []));
    return found;
  });
  if (received === undefined) throw envelopeMissing("the archive");
  const { envelope, delta } = received;
  const filled = await checkedImport(intake, request, envelope, files, signal);
  if (delta === undefined) return await intake.commit(filled);
  return await intake.commit({ ...filled, parentDigest: delta.parentDigest });
}

/** The envelope of an archive, and its parent if the archive is a delta. */
interface Received {
  readonly envelope: Envelope;
  readonly delta: DeltaImport | undefined;
}

async function openEnvelope(
  publisher: DeltaPublisher,
  request: IntakeRequest,
  intake: Intake,
  entry: ArchiveEntry,
  signal: AbortSignal,
): Promise<Received> {
  const envelope = decodeEnvelope(await readEnvelopeEntry(entry), { deltas: true });
  await intake.reconfigure(overlay(envelope.config, request.config));
  if (isDelta(envelope)) {
    const delta = await openDeltaImport(publisher, request, intake, envelope, signal);
    return { envelope, delta };
  }
  const { parent = "" } = request;
  if (parent === "") return { envelope, delta: undefined };
  const hint = "Import it without a parent";
  throw fieldInvalid("parent", "an empty value, because the archive is whole", parent, hint);
}

/** Stores a copy of a directory, which shares blocks by reflink if the filesystem can. */
export async function importFromDirectory(
  publisher: Publisher,
  request: IntakeRequest,
  directory: CallerPath,
  signal: AbortSignal,
): Promise<Snapshot> {
  const named = { ...request, source: directory.path };
  await using intake = await begin(publisher, named, signal);
  if (intake.earlier !== undefined) return intake.earlier;
  const { owner } = directory;
  await using held = await holdDirectory(publisher.layout, directory);
  const sources = await listDataFiles(held.self, { ignore: [envelopeFileName], owner, signal });
  const envelope = decodeEnvelope(await readEnvelopeFile(held, owner));
  await intake.reconfigure(overlay(envelope.config, request.config));
  for (const source of sources) checkClaimedSize(envelope.claims, source);
  const files: SnapshotFile[] = [];
  for (const { name, mode, allocatedBytes } of sources) {
    await intake.allowance.wait(fileBytes + allocatedBytes);
    intake.allowance.take(fileBytes + allocatedBytes);
    const options = { mode, owner, signal };
    files.push(await intake.staging.copyFileFrom(held.at(name), name, options));
  }
  return await intake.commit(await checkedImport(intake, request, envelope, files, signal));
}

/** Checks the files against the envelope. Throws ARCHIVE_INVALID unless they match. */
async function checkedImport(
  intake: Intake,
  request: IntakeRequest,
  envelope: Envelope,
  files: readonly SnapshotFile[],
  signal: AbortSignal,
): Promise<Filled> {
  checkArchiveAgainstEnvelope(envelope, files);
  for (const file of files) await checkDigest(intake.staging, envelope, file, signal);
  if (files.length === 0) {
    throw new StoreError("ARCHIVE_INVALID", "the archive holds an envelope but no data file", {
      hint: "A snapshot has at least one file",
    });
  }
  const { expireTime } = envelope;
  if (expireTime !== undefined) checkExpireTime(expireTime, "expireTime");
  const config = await intake.reconfigure(overlay(envelope.config, request.config));
  return { config, files, expireTime };
}

async function checkDigest(
  staging: Intake["staging"],
  { claims, delta }: Envelope,
  file: SnapshotFile,
  signal: AbortSignal,
): Promise<void> {
  const claim = claims.get(file.name);
  if (claim === undefined || claim.digest === "" || claim.digest === file.digest) return;
  // If only newer versions know the algorithm, the claimed digest proves nothing here. The claimed
  // size was compared.
  const algorithm = algorithms.find((each) => each === claim.blocks);
  if (algorithm === undefined) return;
  // A delta file has the algorithm of its parent.
  const digest =
    algorithm === currentAlgorithm && delta === undefined
      ? file.digest
      : await staging.digestWith(file, algorithm, signal);
  checkClaimedDigest(file.name, claim, digest);
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
  checkEnvelopeSize(entry.sizeBytes);
  const bytes = Buffer.alloc(entry.sizeBytes);
  for await (const piece of entry.pieces()) bytes.set(piece.chunk.bytes, piece.offset);
  return bytes;
}

function checkEnvelopeSize(sizeBytes: number): void {
  if (sizeBytes <= maxEnvelopeBytes) return;
  const [size, max] = formatBytesApart(sizeBytes, maxEnvelopeBytes);
  throw new StoreError(
    "LIMIT_EXCEEDED",
    `${envelopeFileName} has ${size}, at most ${max} are read`,
    { metadata: { limit: "max_envelope_bytes", entry: envelopeFileName } },
  );
}

async function readEnvelopeFile(
  directory: HeldDirectory,
  owner: number | undefined,
): Promise<Uint8Array> {
  const path = directory.at(envelopeFileName);
  const context = { what: "read the envelope", path, owner: "caller", access: "read" } as const;
  try {
    // The flags refuse links, and do not wait for the writer of a pipe.
    await using file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) throw entryInvalid(envelopeFileName, "it is not a regular file");
    if (owner !== undefined && stat.uid !== owner) {
      throw foreignOwner(shownPath(path), stat.uid);
    }
    checkEnvelopeSize(stat.size);
    return await file.readFile();
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw envelopeMissing(`the directory ${directory.path}`);
    if (isErrno(error, "ELOOP")) throw entryInvalid(envelopeFileName, "it is a symbolic link");
    throw ioError(error, context);
  }
}

function envelopeLate(): StoreError {
  return new StoreError(
    "ARCHIVE_INVALID",
    `${envelopeFileName} of a delta archive must be its first entry`,
    { hint: "Export again", metadata: { entry: envelopeFileName } },
  );
}

function envelopeMissing(where: string): StoreError {
  return new StoreError("ENVELOPE_MISSING", `${where} has no ${envelopeFileName}`, {
    hint: "Use Create for data files without an envelope",
  });
}
