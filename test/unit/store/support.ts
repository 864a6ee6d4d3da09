// Provides a store in a temporary root, which tests fill without a daemon.
import { pack } from "tar-stream";
import { systemClock, type Clock } from "../../../src/base/clock.js";
import { createLogger } from "../../../src/base/logger.js";
import { emptyConfig } from "../../../src/model/config.js";
import type { Snapshot } from "../../../src/model/snapshot.js";
import type { StoreOptions } from "../../../src/store/parts/options.js";
import type { DownloadStreamOptions } from "../../../src/store/read/read.js";
import { openStore } from "../../../src/store/store.js";
import type { SnapshotStore, StoreRequest } from "../../../src/store/snapshot-store.js";
import { OwnedChunk, type OwnedStream } from "../../../src/wire/chunk.js";
import { collect } from "../../support/chunks.js";
import { storeDefaults } from "../../support/defaults.js";

export function openTestStore(
  root: string,
  options: Partial<StoreOptions> = {},
  clock: Clock = systemClock,
): Promise<SnapshotStore> {
  return openStore({
    root,
    clock,
    logger: createLogger("silent"),
    options: { ...storeDefaults, freeSpaceReserveBytes: 0, ...options },
  });
}

export function requestFor(name: string, change: Partial<StoreRequest> = {}): StoreRequest {
  return {
    config: { ...emptyConfig(), name },
    requestId: "",
    onNameConflict: "fail",
    protected: false,
    ...change,
  };
}

export const never: AbortSignal = new AbortController().signal;

export async function* tarOf(files: Readonly<Record<string, Buffer>>): OwnedStream {
  const archive = pack();
  for (const [name, bytes] of Object.entries(files)) archive.entry({ name, mode: 0o640 }, bytes);
  archive.finalize();
  for await (const chunk of archive) yield OwnedChunk.constant(chunk as Uint8Array);
}

export function createFrom(
  store: SnapshotStore,
  name: string,
  files: Readonly<Record<string, Buffer>>,
): Promise<Snapshot> {
  return store.create(requestFor(name), tarOf(files), never);
}

export const plainRestore: DownloadStreamOptions = {
  force: false,
  verify: false,
  envelope: false,
  compression: "none",
  sparseFormat: "cocoon",
};

/** Reads a whole download. */
export async function download(
  store: SnapshotStore,
  ref: string,
  options: Partial<DownloadStreamOptions> = {},
): Promise<Buffer> {
  await using source = await store.download(ref, { ...plainRestore, ...options }, never);
  return await collect(source.bytes);
}
