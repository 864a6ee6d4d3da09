// Opens the parent of a delta. A read lease keeps the parent while the delta is stored. Nothing
// depends on the parent afterwards.
import { formatBytesExactly } from "../../base/sizes.js";
import { fieldInvalid, isStoreError } from "../../base/errors.js";
import type { StagedBase } from "../../files/staged-file.js";
import { readStoredTable } from "../../files/stored.js";
import { requireRoot } from "../../files/verified-read.js";
import type { DeltaRequest } from "../../model/delta.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { noteDamage } from "../parts/damage.js";
import { openRead, type OpenRead, type ReadPorts } from "../parts/open-read.js";
import { requireNames } from "../parts/select.js";

export interface DeltaParent extends AsyncDisposable {
  readonly snapshot: Snapshot;
  /** The files of the parent by name. */
  readonly files: ReadonlyMap<string, SnapshotFile>;
  /** Returns whether this file of the upload holds changes only. */
  isDelta(name: string): boolean;
  /** Throws FIELD_INVALID unless a delta file has the size of the parent's file. */
  requireSize(file: Pick<SnapshotFile, "name" | "sizeBytes">): void;
  /** Throws FIELD_INVALID if a delta file is not among `names`. */
  requireAll(names: ReadonlySet<string>): void;
  /**
   * Runs `work` over a file of the parent. If `work` finds that the parent is damaged, this method
   * marks the parent as corrupt.
   */
  over<T>(name: string, work: (base: StagedBase) => Promise<T>): Promise<T>;
}

/**
 * Opens the parent, which acquires the read lease. Throws the errors of `openRead`, and
 * FIELD_INVALID if the ref is empty or `deltaFiles` has a name twice or a name that the parent does
 * not have.
 */
export async function openParent(
  ports: ReadPorts,
  { parent: ref, deltaFiles }: Pick<DeltaRequest, "parent" | "deltaFiles">,
  user: string,
  signal: AbortSignal,
): Promise<DeltaParent> {
  if (ref === "") throw fieldInvalid("parent", "an id, a name or a unique id prefix", ref);
  const how = { force: false, findHoles: false, user };
  const read = await openRead(ports, ref, how, "stream", signal);
  const places = new Map<string, number>();
  for (const [index, name] of deltaFiles.entries()) {
    if (!places.has(name)) places.set(name, index);
  }
  try {
    checkNames(read.snapshot, deltaFiles, places);
  } catch (error) {
    await read[Symbol.asyncDispose]();
    throw error;
  }
  const files = new Map(read.snapshot.files.map((file) => [file.name, file]));
  return {
    snapshot: read.snapshot,
    files,
    isDelta: (name) => places.has(name),
    requireSize: ({ name, sizeBytes }) => {
      const expected = files.get(name)?.sizeBytes;
      if (expected === undefined || expected === sizeBytes) return;
      const field = `deltaFiles[${places.get(name) ?? 0}]`;
      const hint = "A file that has grown or shrunk must be sent whole";
      const size = formatBytesExactly(expected);
      throw fieldInvalid(field, `${name} with ${size}, as in the parent`, sizeBytes, hint);
    },
    requireAll: (names) => {
      for (const [name, index] of places) {
        if (names.has(name)) continue;
        throw fieldInvalid(`deltaFiles[${index}]`, "the name of a file of the upload", name);
      }
    },
    over: (name, work) => over(ports, read, name, work),
    [Symbol.asyncDispose]: () => read[Symbol.asyncDispose](),
  };
}

function checkNames(
  parent: Snapshot,
  names: readonly string[],
  places: ReadonlyMap<string, number>,
): void {
  for (const [index, name] of names.entries()) {
    const field = `deltaFiles[${index}]`;
    if (places.get(name) !== index) throw fieldInvalid(field, "a name that occurs once", name);
    requireNames(parent, [name], field);
  }
}

async function over<T>(
  ports: ReadPorts,
  { snapshot, stored }: OpenRead,
  name: string,
  work: (base: StagedBase) => Promise<T>,
): Promise<T> {
  const snapshotId = stored.id;
  const index = snapshot.files.findIndex((file) => file.name === name);
  const file = stored.files[index];
  if (file === undefined) throw new Error(`snapshot ${snapshotId} has no file ${name}`);
  const { digest, allocatedBytes } = file;
  const noted = <R>(isOurs: (error: unknown) => boolean, step: () => Promise<R>): Promise<R> =>
    step().catch((error: unknown) => {
      if (isOurs(error)) noteDamage(ports, snapshotId, error);
      throw error;
    });
  const table = await noted(
    () => true,
    async () => {
      if (digest === "") return undefined;
      const found = await readStoredTable(stored, index);
      requireRoot(found, snapshotId, file);
      return found;
    },
  );
  await using handle = await noted(
    () => true,
    () => stored.open(name),
  );
  // `work` reads other files too. Damage of those files says nothing about the parent.
  const isParents = (error: unknown): boolean =>
    isStoreError(error) && error.resource?.name === snapshotId;
  return await noted(isParents, () => work({ handle, name, snapshotId, allocatedBytes, table }));
}
