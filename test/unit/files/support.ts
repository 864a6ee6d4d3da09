// Provides helpers for the tests of src/files: a store in a temporary directory, and a snapshot.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { openLayout, type Layout } from "../../../src/files/layout.js";
import { manifestVersion, snapshotDigest, type Manifest } from "../../../src/files/manifest.js";
import { openStaging } from "../../../src/files/staging.js";
import { emptyConfig } from "../../../src/model/config.js";
import { newSnapshotId } from "../../../src/model/name.js";
import type { SnapshotFile } from "../../../src/model/snapshot.js";
import { chunkOf } from "../../support/chunks.js";
import { patternBytes, withScratchDir } from "../../support/scratch.js";

export async function withStore<T>(
  body: (layout: Layout, directory: string) => Promise<T>,
): Promise<T> {
  return withScratchDir(async (directory) =>
    body(await openLayout(join(directory, "root")), directory),
  );
}

export function manifestOf(id: string, files: readonly SnapshotFile[]): Manifest {
  return {
    version: manifestVersion,
    id,
    revision: 1,
    config: { ...emptyConfig(), id, name: `name-${id}` },
    createdAt: new Date("2026-01-02T03:04:05.678Z"),
    protected: false,
    files,
    digest: snapshotDigest(files),
    parentDigest: "",
  };
}

export const memoryBytes = 3 * 1024 ** 2 + 77;

/** Stores a snapshot with two files: `memory`, which has holes, and `config.json`. */
export async function storeSnapshot(
  layout: Layout,
  id = newSnapshotId(),
): Promise<{ id: string; files: readonly SnapshotFile[] }> {
  await using staging = await openStaging(layout, id);
  const memory = await uploadMemory(staging);
  const config = await upload(staging, "config.json", Buffer.from("{}\n"));
  await staging.publish(manifestOf(id, [memory, config]));
  staging.recorded();
  // Like in a catalog, the files are in the order of their names.
  return { id, files: [config, memory] };
}

type Staging = Awaited<ReturnType<typeof openStaging>>;

async function uploadMemory(staging: Staging): Promise<SnapshotFile> {
  const options = { mode: 0o640, sizeBytes: memoryBytes, detectZeros: false };
  await using file = await staging.createFile("memory", options);
  await file.write(64 * 1024, chunkOf(patternBytes(300_000, 1)));
  await file.write(2 * 1024 ** 2, chunkOf(patternBytes(64 * 1024, 2)));
  return await file.finish();
}

export async function upload(
  staging: Staging,
  name: string,
  bytes: Uint8Array,
): Promise<SnapshotFile> {
  const options = { mode: 0o644, sizeBytes: bytes.length, detectZeros: true };
  await using file = await staging.createFile(name, options);
  await file.write(0, chunkOf(bytes));
  return await file.finish();
}

/** Returns every path below a directory, sorted. */
export async function treeOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true });
  return entries.sort();
}
