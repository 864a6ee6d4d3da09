// One uploaded file in staging: written with its holes and hashed on the way.
import type { SnapshotFile } from "../model/snapshot.js";
import { createSparseFile } from "../sparse/sparse-writer.js";
import { createBlockHasher } from "./block-hash.js";
import { rootDigest } from "./block-table.js";
import type { StagedRecord } from "./publish.js";
import type { StagedFile, StagedFileOptions } from "./staging.js";

/** `keep` takes the finished file, its writer still open, over. */
export async function createStagedFile(
  path: string,
  name: string,
  options: StagedFileOptions,
  keep: (record: StagedRecord) => Promise<void>,
): Promise<StagedFile> {
  const { mode, sizeBytes, extents, detectZeros, signal } = options;
  const hasher = createBlockHasher();
  const writer = await createSparseFile(path, {
    mode,
    detectZeros,
    expectedBytes: sizeBytes,
    expectedExtents: extents,
    observer: hasher,
    signal,
  });
  let kept = false;
  let finishing: Promise<SnapshotFile> | undefined;

  const finish = async (): Promise<SnapshotFile> => {
    const { allocatedBytes } = await writer.complete(sizeBytes);
    const table = await hasher.finish(sizeBytes);
    const digest = rootDigest(table);
    const file = { name, sizeBytes, allocatedBytes, mode: mode & 0o777, digest };
    kept = true;
    await keep({ file, table, writer, synced: false });
    return file;
  };
  return {
    write: (offset, bytes) => writer.write(offset, bytes),
    finish: () => (finishing ??= finish()),
    [Symbol.asyncDispose]: async () => {
      // `return file.finish()` disposes while it is still running.
      await finishing?.catch(() => undefined);
      if (!kept) await writer.discard();
    },
  };
}
