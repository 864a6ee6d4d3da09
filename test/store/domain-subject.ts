// Runs the store suite on the domain itself, without any network.
import { lend } from "../../src/wire/chunk.js";
import { createLogger } from "../../src/base/logger.js";
import { emptyConfig } from "../../src/model/config.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { openStore } from "../../src/store/store.js";
import type { SnapshotStore, StoreRequest } from "../../src/store/snapshot-store.js";
import { owned } from "../support/chunks.js";
import {
  watching,
  type CreateHeader,
  type ExportOptions,
  type PlainSnapshot,
  type Reading,
  type StoreCalls,
  type StoreSubject,
  type SubjectOptions,
} from "./subject.js";
import { storeDefaults } from "../support/defaults.js";

export async function openDomainSubject(options: SubjectOptions): Promise<StoreSubject> {
  const { root, clock } = options;
  const open = (): Promise<SnapshotStore> =>
    openStore({
      root,
      clock,
      logger: createLogger("silent"),
      options: { ...storeDefaults, freeSpaceReserveBytes: 0 },
    });
  let store = await open();
  const calls = callsOf(() => store);
  return {
    ...calls,
    root,
    another: () => calls,
    async restart(between = () => Promise.resolve()) {
      await store[Symbol.asyncDispose]();
      await between();
      store = await open();
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/**
 * Returns a signal that never fires. No caller disconnects here, because callers' signals belong to
 * the wire.
 */
function untilDone(): AbortSignal {
  return new AbortController().signal;
}

function callsOf(store: () => SnapshotStore): StoreCalls {
  const read = async (ref: string, envelope: boolean, options: ExportOptions): Promise<Reading> => {
    const { compression = "none", sparseFormat = "cocoon", verify = false, files = [] } = options;
    const what = { force: false, verify, files, envelope, compression, sparseFormat };
    const download = await store().download(ref, what, untilDone());
    return {
      snapshot: plain(download.snapshot),
      dataBytes: download.dataBytes,
      bytes: lend(download.bytes),
      [Symbol.asyncDispose]: () => download[Symbol.asyncDispose](),
    };
  };
  return {
    create: async (tar, header = {}) =>
      plain(await store().create(requestOf(header), owned(tar), untilDone())),
    createFromDirectory: async (directory, header = {}) =>
      plain(await store().createFromDirectory(requestOf(header), { path: directory }, untilDone())),
    import: async (archive, header = {}) =>
      plain(await store().import(requestOf(header), owned(archive), untilDone())),
    importFromDirectory: async (directory, header = {}) =>
      plain(await store().importFromDirectory(requestOf(header), { path: directory }, untilDone())),
    list: async ({ pageSize = 50, ...rest } = {}) => {
      const page = store().list({ pageSize, ...rest });
      return { ...page, snapshots: page.snapshots.map(plain) };
    },
    inspect: async (ref) => plain(store().inspect(ref)),
    update: async (ref, changes) => plain(await store().update({ ref, ...changes })),
    delete: (refs, { allowMissing = false } = {}) => store().delete({ refs, allowMissing }),
    restore: (ref, options = {}) => read(ref, false, options),
    export: (ref, options = {}) => read(ref, true, options),
    readFile: async (options) => {
      const defaults = { ref: "", digest: "", ranges: [], verify: true, force: false };
      await using reading = await store().readFile({ ...defaults, ...options }, untilDone());
      const { snapshotId, file, dataBytes } = reading;
      const chunks: { offset: number; bytes: Buffer }[] = [];
      for await (const { offset, chunk } of reading.pieces()) {
        chunks.push({ offset, bytes: Buffer.from(chunk.bytes) });
      }
      return { snapshotId, file, dataBytes, holes: [...reading.holes()], chunks };
    },
    exportToDirectory: async (ref, directory) => {
      const target = { path: directory };
      const done = await store().exportToDirectory(ref, target, { force: false }, untilDone());
      return plain(done.snapshot);
    },
    watch: ({ resumeToken = "", filter = {} } = {}) =>
      watching(
        (signal) => store().watch({ resumeToken, filter }, signal),
        (event) => {
          const snapshot = "snapshot" in event ? plain(event.snapshot) : undefined;
          const { previousName = "", replacedBy = "" } = "snapshot" in event ? event : {};
          const { id = "", name = "" } = snapshot ?? {};
          const { occurredAt, resumeToken } = event;
          const isTaken = event.type === "taken";
          const type = isTaken ? "deleted" : event.type;
          const removalReason = isTaken ? "taken" : "";
          const names = { type, id, name, previousName, replacedBy, removalReason };
          return { ...names, snapshot, occurredAt, resumeToken };
        },
      ),
    takeToDirectory: async (ref, directory, { maxCopyBytes = 2 ** 30, requestId = "" } = {}) => {
      const request = { ref, maxCopyBytes, requestId };
      const taken = await store().takeToDirectory(request, { path: directory }, untilDone());
      return { ...taken, snapshot: plain(taken.snapshot) };
    },
    openDataDirectory: async (ref) => {
      const held = await store().openDataDirectory(ref, { force: false }, untilDone());
      return {
        directory: held.directory,
        snapshot: plain(held.snapshot),
        [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
      };
    },
  };
}

function requestOf(header: CreateHeader): StoreRequest {
  const { requestId = "", protected: isProtected = false, ...rest } = header;
  const { replace = false, takeName = false, expireTime, keepExpireTime = false, ...config } = rest;
  return {
    expireTime,
    keepExpireTime,
    config: { ...emptyConfig(), ...config },
    requestId,
    onNameConflict: takeName ? "take-name" : replace ? "replace" : "fail",
    protected: isProtected,
  };
}

function plain({ config, ...snapshot }: Snapshot): PlainSnapshot {
  const { id, name, description, image, imageBlobIds, labels } = config;
  const { createdAt, lastAccessedAt, sizeBytes, allocatedBytes, digest, corrupt } = snapshot;
  const times = { createdAt, lastAccessedAt };
  const sizes = { sizeBytes, allocatedBytes };
  return {
    ...{ id, name, description, image, imageBlobIds, labels, ...times, ...sizes, digest, corrupt },
    protected: snapshot.protected,
    expireTime: snapshot.expireTime,
    files: snapshot.files,
  };
}
