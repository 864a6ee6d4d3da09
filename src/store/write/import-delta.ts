// Imports a delta archive: one that holds only what differs from a snapshot of this store, its
// parent. The envelope identifies the parent by its digest, so the result has the same bytes
// wherever it is imported.
//
// Everything that the envelope says about the parent is compared with the parent before a byte is
// stored, and the digest of each file is compared with that of the export at the end.
import { archiveInvalid } from "../../archive/archive-invalid.js";
import type { DeltaFacts } from "../../archive/delta-envelope.js";
import type { Envelope } from "../../archive/envelope.js";
import type { ArchiveEntry } from "../../archive/tar-reader.js";
import { describeValue, fieldInvalid, StoreError } from "../../base/errors.js";
import { createIntersection, type Extent } from "../../model/extent.js";
import { envelopeFileName } from "../../model/name.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { notHashedYet } from "../parts/open-read.js";
import { findUndamaged } from "../parts/select.js";
import { hasNoMap, inherit, type DeltaPublisher } from "./delta.js";
import type { Intake, IntakeRequest } from "./intake.js";
import { openParent, type DeltaParent } from "./parent.js";
import { stageEntry } from "./stage-entry.js";

/** A delta archive whose parent is open. Disposing of it releases the lease on the parent. */
export interface DeltaImport extends AsyncDisposable {
  readonly parentDigest: string;
  /** Stages an entry. */
  stage(entry: ArchiveEntry): Promise<SnapshotFile>;
  /** Stages the inherited files. */
  inherit(): Promise<readonly SnapshotFile[]>;
}

/** The envelope of a delta archive. */
type DeltaEnvelope = Envelope & { readonly delta: DeltaFacts };

export function isDelta(envelope: Envelope): envelope is DeltaEnvelope {
  return envelope.delta !== undefined;
}

/**
 * Opens the parent. Throws SNAPSHOT_NOT_FOUND if the caller sees no undamaged snapshot with its
 * digest, FIELD_INVALID if the snapshot that the request names has another digest, and
 * ARCHIVE_INVALID if the envelope contradicts the parent.
 */
export async function openDeltaImport(
  publisher: DeltaPublisher,
  { parent: ref = "" }: Pick<IntakeRequest, "parent">,
  intake: Pick<Intake, "staging" | "allowance">,
  envelope: DeltaEnvelope,
  signal: AbortSignal,
): Promise<DeltaImport> {
  const { deltaFiles, inherited } = envelope.delta;
  const found = findParent(publisher, ref, envelope.delta);
  requireSame(found, envelope);
  const request = { parent: found.config.id, deltaFiles: [...deltaFiles.keys()] };
  const parent = await openParent(publisher, request, "Import", signal);
  const stored = new Set(inherited);
  return {
    parentDigest: envelope.delta.parent.digest,
    stage: async (entry) => {
      if (stored.has(entry.name) || !envelope.claims.has(entry.name)) {
        const what = stored.has(entry.name) ? "an inherited file" : "not a file";
        throw entryInvalid(entry.name, `it is ${what} of the snapshot in ${envelopeFileName}`);
      }
      const holes = deltaFiles.get(entry.name);
      if (holes === undefined) return await stageEntry(intake, entry, signal);
      return await stageOver({ intake, parent, signal }, entry, holes);
    },
    inherit: async () => {
      const files: SnapshotFile[] = [];
      for (const file of parent.files.values()) {
        if (stored.has(file.name)) files.push(await inherit(intake, parent, file, signal));
      }
      return files;
    },
    [Symbol.asyncDispose]: () => parent[Symbol.asyncDispose](),
  };
}

interface DeltaStaging {
  readonly intake: Pick<Intake, "staging" | "allowance">;
  readonly parent: DeltaParent;
  readonly signal: AbortSignal;
}

async function stageOver(
  { intake, parent, signal }: DeltaStaging,
  entry: ArchiveEntry,
  holes: readonly Extent[],
): Promise<SnapshotFile> {
  if (entry.extents === undefined) throw hasNoMap(entry.name, changedHint);
  const written = createIntersection(entry.extents);
  for (const hole of holes) {
    const both = written(hole).next();
    if (both.done === true) continue;
    const what = `its bytes at offset ${both.value.offset} are a hole in ${envelopeFileName}`;
    throw entryInvalid(entry.name, what);
  }
  return await parent.over(entry.name, (base) =>
    stageEntry(intake, entry, signal, { base, holes }),
  );
}

/** Returns the parent, which has the digest of the envelope. */
function findParent(
  publisher: DeltaPublisher,
  ref: string,
  { parent: { digest, id, name } }: DeltaFacts,
): Snapshot {
  if (ref === "") {
    const found = findUndamaged(publisher, digest);
    if (found !== undefined) return found;
    const shown = name === "" ? describeValue(id) : `${describeValue(name)} (${describeValue(id)})`;
    throw new StoreError(
      "SNAPSHOT_NOT_FOUND",
      `no undamaged snapshot has the digest ${digest}, and the archive holds only what differs from it`,
      {
        hint: `Pull or import that snapshot first; it was ${shown} where the archive was exported. Or export again without a parent`,
        resource: { type: "snapshot", name: digest },
      },
    );
  }
  const found = publisher.catalog.resolveRef(ref);
  if (found.digest === "") throw notHashedYet(found.config.id);
  if (found.digest === digest) return found;
  const hint =
    "Leave parent out to find it by its digest, or import the archive's own parent first";
  const actual = `snapshot ${found.config.id} with digest ${found.digest}`;
  throw fieldInvalid("parent", `the snapshot with the digest ${digest}`, actual, hint);
}

/** Throws ARCHIVE_INVALID unless the parent has the files that the envelope says it has. */
function requireSame(parent: Snapshot, { delta, claims }: DeltaEnvelope): void {
  const files = new Map(parent.files.map((file) => [file.name, file]));
  for (const name of [...delta.deltaFiles.keys(), ...delta.inherited]) {
    const [file, claim] = [files.get(name), claims.get(name)];
    const isSame =
      file?.sizeBytes === claim?.sizeBytes &&
      (delta.deltaFiles.has(name) || file?.digest === claim?.digest);
    if (isSame) continue;
    const { id } = parent.config;
    throw archiveInvalid(
      `${envelopeFileName}: ${describeValue(name)} contradicts the parent, snapshot ${id}`,
      { hint: changedHint, entry: name },
    );
  }
}

const changedHint = "The archive was changed after the export: export again";

function entryInvalid(entry: string, problem: string): StoreError {
  return archiveInvalid(`entry ${describeValue(entry)}: ${problem}`, { hint: changedHint, entry });
}
