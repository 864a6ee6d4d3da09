// Runs the store suite on clients of a daemon, over TCP and over a Unix socket.
import { dirname } from "node:path";
import { timestampDate, timestampFromDate, type Timestamp } from "@bufbuild/protobuf/wkt";
import { createLogger } from "../../src/base/logger.js";
import {
  Compression,
  EventType,
  OnNameConflict,
  RemovalReason,
  SparseFormat,
  TakeMode,
  connect,
  type Client,
  type Download,
  type Snapshot,
  type SnapshotFile,
} from "../../src/client/index.js";
import { loadDaemonConfig } from "../../src/config/load.js";
import type { RawValue } from "../../src/config/option.js";
import { changeTokenFile, makeToken } from "../../src/config/token-file.js";
import { startDaemon, type Daemon } from "../../src/daemon/daemon.js";
import { openLoopback } from "../support/daemon.js";
import {
  watching,
  type CreateHeader,
  type ExportOptions,
  type ImportHeader,
  type ListRequest,
  type PlainFile,
  type PlainSnapshot,
  type Reading,
  type StoreCalls,
  type StoreSubject,
  type SubjectOptions,
} from "./subject.js";

/** The limit is sufficient for the test with a hundred concurrent uploads. */
const maxStreams = 200;

export function openTcpSubject(options: SubjectOptions): Promise<StoreSubject> {
  const tokens = `${options.root}.tokens.json`;
  const { token, record } = makeToken(operator, new Date());
  changeTokenFile(tokens, () => [record]);
  // Over TCP, the use of directories needs a credential.
  const flags = { tokens, "allowed-directories": [dirname(options.root)] };
  return openWireSubject(options, flags, ({ addresses: [address] }) => connect(address, { token }));
}

export function openUnixSubject(options: SubjectOptions): Promise<StoreSubject> {
  return openWireSubject(options, {}, ({ addresses: [, address] }) => connect(address));
}

const operator = { name: "test", role: "operator", namePrefix: "", expiresAt: undefined } as const;

async function openWireSubject(
  { root, clock }: SubjectOptions,
  access: Readonly<Record<string, RawValue>>,
  connectTo: (daemon: Daemon) => Client,
): Promise<StoreSubject> {
  const { config } = loadDaemonConfig({
    flags: { root, ...openLoopback(access), ...access, reserve: "0", "max-streams": maxStreams },
  });
  let daemon: Daemon;
  let clients: Client[] = [];
  const start = async (): Promise<void> => {
    daemon = await startDaemon({ config, clock, logger: createLogger("silent") });
    clients = [connectTo(daemon)];
  };
  const stop = async (): Promise<void> => {
    for (const client of clients) client.close();
    await daemon.stop();
  };
  await start();
  return {
    ...callsOf(() => clients[0] as Client),
    root,
    another() {
      const client = connectTo(daemon);
      clients.push(client);
      return callsOf(() => client);
    },
    async restart(between = () => Promise.resolve()) {
      await stop();
      await between();
      await start();
    },
    [Symbol.asyncDispose]: stop,
  };
}

function callsOf(client: () => Client): StoreCalls {
  return {
    create: async (tar, header = {}) =>
      plain((await client().create(createHeader(header), tar)).snapshot),
    createFromDirectory: async (directory, header = {}) => {
      const request = { directory, ...createHeader(header) };
      return plain((await client().createFromDirectory(request)).snapshot);
    },
    import: async (archive, header = {}) =>
      plain((await client().import(importHeader(header), archive)).snapshot),
    importFromDirectory: async (directory, header = {}) => {
      const request = { directory, ...importHeader(header) };
      return plain((await client().importFromDirectory(request)).snapshot);
    },
    list: async (request = {}) => {
      const page = await client().list(listRequest(request));
      const { nextPageToken, totalSize } = page;
      return { snapshots: page.snapshots.map(plain), nextPageToken, totalSize: Number(totalSize) };
    },
    inspect: async (ref) => plain((await client().inspect(ref)).snapshot),
    update: async (ref, { expireTime, ...changes }) => {
      const paths = Object.keys(changes);
      if (expireTime !== undefined) paths.push("expire_time");
      const time = expireTime ? { expireTime: timestampFromDate(expireTime) } : {};
      const request = { ref, ...changes, ...time, updateMask: { paths } };
      return plain((await client().update(request)).snapshot);
    },
    delete: async (refs, { allowMissing = false } = {}) =>
      (await client().delete({ refs: [...refs], allowMissing })).deletedIds,
    restore: async (ref, { files = [], verify = false } = {}) =>
      reading(await client().restore({ ref, files: [...files], verify })),
    export: async (ref, options = {}) =>
      reading(await client().export({ ref, ...exportOptions(options) })),
    readFile: async ({ ref = "", digest = "", ranges = [], verify = true, ...rest }) => {
      const wire = ranges.map(({ offset, length }) => ({
        ...{ offset: BigInt(offset), length: BigInt(length) },
      }));
      const request = { ...rest, ref, digest, ranges: wire, skipVerify: !verify };
      await using reader = await client().readFile(request);
      const { snapshotId, file, dataBytes } = reader.header;
      if (file === undefined) throw new Error("the answer has no file");
      const parts = [];
      for await (const part of reader.parts) parts.push(part);
      const holes = parts.filter(({ bytes }) => bytes === undefined);
      return {
        ...{ snapshotId, file: plainFile(file), dataBytes: Number(dataBytes) },
        holes: holes.map(({ offset, length }) => ({ offset, length })),
        chunks: parts.flatMap(({ offset, bytes }) =>
          bytes === undefined ? [] : [{ offset, bytes: Buffer.from(bytes) }],
        ),
      };
    },
    exportToDirectory: async (ref, directory) =>
      plain((await client().exportToDirectory({ ref, directory })).snapshot),
    takeToDirectory: async (ref, directory, { maxCopyBytes, requestId = "" } = {}) => {
      const most = maxCopyBytes === undefined ? {} : { maxCopyBytes: BigInt(maxCopyBytes) };
      const taken = await client().takeToDirectory({ ref, directory, requestId, ...most });
      const files = taken.files.map(({ name, mode, copiedBytes }) => ({
        ...{ name, mode: TakeMode[mode].toLowerCase(), copiedBytes: Number(copiedBytes) },
      }));
      return { snapshot: plain(taken.snapshot), files };
    },
    watch: ({ resumeToken = "", filter = {} } = {}) =>
      watching(
        (signal) => client().watch({ resumeToken, filter: wireFilter(filter) }, { signal }),
        (event) => {
          const snapshot = event.snapshot === undefined ? undefined : plain(event.snapshot);
          const { id = "", name = "" } = snapshot ?? {};
          const { previousName, replacedBy, resumeToken } = event;
          const type = EventType[event.type].toLowerCase();
          const removalReason = event.removalReason === RemovalReason.TAKEN ? "taken" : "";
          const occurredAt = dateOf(event.occurredAt);
          const names = { type, id, name, previousName, replacedBy, removalReason };
          return { ...names, snapshot, occurredAt, resumeToken };
        },
      ),
    openDataDirectory: async (ref) => {
      const lease = await client().openDataDirectory(ref);
      return {
        directory: lease.directory,
        snapshot: plain(lease.snapshot),
        [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose](),
      };
    },
  };
}

function createHeader(header: CreateHeader) {
  const { requestId = "", protected: isProtected = false, ...rest } = header;
  const { replace, takeName, expireTime, storageBytes = 0, imageBlobIds = [], ...config } = rest;
  return {
    config: { ...config, storage: BigInt(storageBytes), imageBlobIds: [...imageBlobIds] },
    requestId,
    protected: isProtected,
    onNameConflict: conflict({ replace, takeName }),
    ...(expireTime && { expireTime: timestampFromDate(expireTime) }),
  };
}

function importHeader({ replace, takeName, ...header }: ImportHeader) {
  return { ...header, onNameConflict: conflict({ replace, takeName }) };
}

function conflict({
  replace,
  takeName,
}: {
  readonly replace: boolean | undefined;
  readonly takeName: boolean | undefined;
}): OnNameConflict {
  if (takeName === true) return OnNameConflict.TAKE_NAME;
  return replace === true ? OnNameConflict.REPLACE : OnNameConflict.UNSPECIFIED;
}

function listRequest({ filter = {}, ...rest }: ListRequest) {
  return { ...rest, filter: wireFilter(filter) };
}

function wireFilter({
  createdAfter,
  createdBefore,
  expiresBefore,
  ...rest
}: NonNullable<ListRequest["filter"]>) {
  return {
    ...(expiresBefore === undefined ? {} : { expiresBefore: timestampFromDate(expiresBefore) }),
    ...rest,
    ...(createdAfter === undefined ? {} : { createdAfter: timestampFromDate(createdAfter) }),
    ...(createdBefore === undefined ? {} : { createdBefore: timestampFromDate(createdBefore) }),
  };
}

function exportOptions(options: ExportOptions) {
  const { compression = "none", sparseFormat = "cocoon", files = [], verify = false } = options;
  return {
    ...{ files: [...files], verify },
    compression: { none: Compression.NONE, gzip: Compression.GZIP, zstd: Compression.ZSTD }[
      compression
    ],
    sparseFormat: {
      cocoon: SparseFormat.COCOON,
      gnu: SparseFormat.GNU,
      none: SparseFormat.NONE,
    }[sparseFormat],
  };
}

function reading(download: Download): Reading {
  return {
    snapshot: plain(download.header.snapshot),
    dataBytes: Number(download.header.dataBytes),
    bytes: download.bytes,
    [Symbol.asyncDispose]: () => download[Symbol.asyncDispose](),
  };
}

function plain(snapshot: Snapshot | undefined): PlainSnapshot {
  if (snapshot?.config === undefined) throw new Error("the answer has no snapshot");
  const { id, name, description, image, imageBlobIds, labels } = snapshot.config;
  return {
    ...{ id, name, description, image, imageBlobIds, labels },
    createdAt: dateOf(snapshot.createdAt),
    lastAccessedAt: dateOf(snapshot.lastAccessedAt),
    sizeBytes: Number(snapshot.sizeBytes),
    allocatedBytes: Number(snapshot.allocatedBytes),
    digest: snapshot.digest,
    protected: snapshot.protected,
    expireTime: snapshot.expireTime && timestampDate(snapshot.expireTime),
    corrupt: snapshot.corrupt,
    files: snapshot.files.map(plainFile),
  };
}

function plainFile({ name, sizeBytes, allocatedBytes, mode, digest }: SnapshotFile): PlainFile {
  const sizes = { sizeBytes: Number(sizeBytes), allocatedBytes: Number(allocatedBytes) };
  return { name, ...sizes, mode, digest };
}

function dateOf(timestamp: Timestamp | undefined): Date {
  if (timestamp === undefined) throw new Error("the answer has no time");
  return timestampDate(timestamp);
}
