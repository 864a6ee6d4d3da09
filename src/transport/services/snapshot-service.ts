// Implements SnapshotService: converts messages to values of the domain, calls the store, and
// converts back.
import { fieldInvalid } from "../../base/errors.js";
import { seesPaths, type Identity } from "../../model/access.js";
import type { CallerPath } from "../../model/caller-path.js";
import { emptyConfig } from "../../model/config.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { DownloadStreamOptions } from "../../store/read/read.js";
import type { FileHashes } from "../../store/read/block-hashes.js";
import type {
  ConfinedStore,
  SnapshotStore,
  StoreDelta,
  StoreRequest,
} from "../../store/snapshot-store.js";
import {
  SnapshotService,
  type CreateHeader,
  type DeltaHeader,
  type ImportHeader,
  type UpdateRequest,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { directoryRules, requireProof, type NodePolicy } from "../auth/node-access.js";
import { checkMayProtect } from "../auth/role-table.js";
import {
  bindConfinedService,
  type CallContext,
  type ServiceBinding,
  type ServiceImplementation,
} from "../handler.js";
import { clonedFileToMessage, cloneRequestFromMessage } from "./clone-messages.js";
import { takenFileToMessage, takeRequestFromMessage } from "./take-messages.js";
import {
  compressionFromWire,
  configFromMessage,
  conflictFromWire,
  expireTimeFromWire,
  sizeFromWire,
  snapshotToMessage,
  sparseFormatFromWire,
  verifyEventToMessage,
  warningToMessage,
} from "./convert.js";
import { withFieldNames, type FieldNames } from "../field-names.js";
import { downloadFrames, openUpload } from "./frames.js";
import { listQueryFromMessage } from "./list-query.js";
import { readFileFrames, readFileRequestFromMessage } from "./read-file-messages.js";
import { watchEventToMessage, watchRequestFromMessage } from "./watch-messages.js";

interface SnapshotServiceOptions {
  /** Maximum size in bytes of a download's chunks. */
  readonly chunkBytes: number;
  readonly policy: NodePolicy;
}

export function bindSnapshotService(
  store: SnapshotStore,
  options: SnapshotServiceOptions,
): ServiceBinding {
  const whole = { ...implement(store, options), ...implementDirectories(store, options.policy) };
  const confined = (namePrefix: string) => implement(store.confined(namePrefix), options);
  return bindConfinedService(SnapshotService, whole, confined, {
    byteStreams: ["create", "import", "restore", "export", "readFile"],
    // A drain gives calls time to finish. These calls never finish by themselves.
    endsOnDrain: ["openDataDirectory", "watch"],
  });
}

type SnapshotMethods = ServiceImplementation<typeof SnapshotService>;

/**
 * Returns a function that converts a snapshot for the caller. Only callers that may see paths of
 * the node receive the data directory.
 */
function toMessageFor({ layout }: Pick<SnapshotStore, "layout">, identity: Identity) {
  const directoryOf = (id: string) => (seesPaths(identity) ? layout.filesDirectory(id) : "");
  return (snapshot: Snapshot, hashes?: FileHashes) =>
    snapshotToMessage(snapshot, directoryOf(snapshot.config.id), hashes);
}

type DirectoryMethod =
  | "createFromDirectory"
  | "createDeltaFromDirectory"
  | "importFromDirectory"
  | "exportToDirectory"
  | "cloneToDirectory"
  | "takeToDirectory";

/** Implements the methods that use directories of the node. */
function implementDirectories(
  store: SnapshotStore,
  policy: NodePolicy,
): Pick<SnapshotMethods, DirectoryMethod> {
  const callerPath = (directory: string, { identity, method }: CallContext): CallerPath => ({
    ...directoryRules(identity, method, policy),
    path: absolutePath(directory),
  });
  return {
    createFromDirectory: async (request, context) => {
      const directory = callerPath(request.directory, context);
      const upload = createRequest(request, "");
      const snapshot = await withFieldNames(createFields(""), () =>
        store.createFromDirectory(upload, directory, context.signal),
      );
      return { snapshot: toMessageFor(store, context.identity)(snapshot) };
    },
    createDeltaFromDirectory: async (request, context) => {
      const directory = callerPath(request.directory, context);
      const upload = deltaRequest(request, "");
      const snapshot = await withFieldNames(deltaFields(""), () =>
        store.createDeltaFromDirectory(upload, directory, context.signal),
      );
      return { snapshot: toMessageFor(store, context.identity)(snapshot) };
    },
    importFromDirectory: async (request, context) => {
      const directory = callerPath(request.directory, context);
      const upload = importRequest(request, "");
      const snapshot = await withFieldNames(importFields(""), () =>
        store.importFromDirectory(upload, directory, context.signal),
      );
      return { snapshot: toMessageFor(store, context.identity)(snapshot) };
    },
    exportToDirectory: async ({ ref, directory, force }, context) => {
      const target = callerPath(directory, context);
      const done = await store.exportToDirectory(ref, target, { force }, context.signal);
      const snapshot = toMessageFor(store, context.identity)(done.snapshot);
      return { snapshot, reflinked: done.reflinked };
    },
    cloneToDirectory: async (message, context) => {
      const { ref, force } = message;
      const target = callerPath(message.directory, context);
      const request = { ...cloneRequestFromMessage(message), force };
      const clone = await store.cloneToDirectory(ref, target, request, context.signal);
      return {
        snapshot: toMessageFor(store, context.identity)(clone.snapshot),
        files: clone.files.map(clonedFileToMessage),
        durable: request.durable,
      };
    },
    takeToDirectory: async (message, context) => {
      const target = callerPath(message.directory, context);
      const request = takeRequestFromMessage(message);
      const taken = await store.takeToDirectory(request, target, context.signal);
      // The snapshot's data directory no longer exists.
      const snapshot = snapshotToMessage(taken.snapshot, "");
      return { snapshot, files: taken.files.map(takenFileToMessage) };
    },
  };
}

/**
 * Implements the methods that also serve callers with a name prefix, whose store is confined to it.
 * The role table still refuses OpenDataDirectory to callers with a prefix.
 */
function implement(store: ConfinedStore, options: SnapshotServiceOptions): SnapshotMethods {
  return {
    ...implementUploads(store),
    ...implementQueries(store),
    ...implementDownloads(store, options.chunkBytes),
    ...implementStreams(store),
  };
}

function implementUploads(store: ConfinedStore): Pick<SnapshotMethods, "create" | "import"> {
  return {
    create: async (requests, { signal, identity }) => {
      const { header, bytes } = await openUpload(requests, signal);
      if (header.value.protected) checkMayProtect(identity);
      const snapshot =
        header.case === "header"
          ? await withFieldNames(createFields("header."), () =>
              store.create(createRequest(header.value, "header."), bytes, signal),
            )
          : await withFieldNames(deltaFields("delta_header."), () =>
              store.createDelta(deltaRequest(header.value, "delta_header."), bytes, signal),
            );
      return { snapshot: toMessageFor(store, identity)(snapshot) };
    },
    import: async (requests, { signal, identity }) => {
      const upload = await openUpload(requests, signal);
      const {
        bytes,
        header: { value: header },
      } = upload;
      if (header.protected) checkMayProtect(identity);
      const { parent } = header;
      const request = { ...importRequest(header, "header."), parent };
      const snapshot = await withFieldNames(importFields("header."), () =>
        store.import(request, bytes, signal),
      );
      return { snapshot: toMessageFor(store, identity)(snapshot) };
    },
  };
}

function implementQueries(
  store: ConfinedStore,
): Pick<SnapshotMethods, "list" | "inspect" | "update" | "delete"> {
  return {
    list: (request, { identity }) => {
      const page = store.list(listQueryFromMessage(request));
      const toMessage = toMessageFor(store, identity);
      return Promise.resolve({
        snapshots: page.snapshots.map((each) => toMessage(each)),
        nextPageToken: page.nextPageToken,
        totalSize: BigInt(page.totalSize),
      });
    },
    inspect: async ({ ref }, { identity }) => {
      const snapshot = store.inspect(ref);
      const hashes = await store.blockHashes(snapshot);
      return { snapshot: toMessageFor(store, identity)(snapshot, hashes) };
    },
    update: async (request, { identity }) => {
      const update = changes(request);
      const snapshot = await withFieldNames([["changes", "update_mask"]], () =>
        store.update(update),
      );
      return { snapshot: toMessageFor(store, identity)(snapshot) };
    },
    delete: async ({ refs, allowMissing }) => ({
      deletedIds: await store.delete({ refs, allowMissing }),
    }),
  };
}

function implementDownloads(
  store: ConfinedStore,
  chunkBytes: number,
): Pick<SnapshotMethods, "restore" | "export" | "readFile"> {
  async function* download(
    ref: string,
    what: DownloadStreamOptions,
    { signal, identity }: CallContext,
  ) {
    await using source = await store.download(ref, what, signal);
    const toMessage = toMessageFor(store, identity);
    const header = {
      snapshot: toMessage(source.snapshot),
      dataBytes: BigInt(source.dataBytes),
      files: what.files === undefined || what.files.length === 0 ? [] : [...source.files],
      warnings: source.warnings.map(warningToMessage),
      parentDigest: source.parentDigest,
    };
    yield { frame: { case: "header" as const, value: header } };
    for await (const frame of downloadFrames(source.bytes, chunkBytes)) {
      yield "chunk" in frame
        ? { frame: { case: "chunk" as const, value: frame.chunk } }
        : { frame: { case: "trailer" as const, value: frame.trailer } };
    }
  }

  return {
    restore: ({ ref, force, verify, files, sparseFormat: format }, context) => {
      const how = { force, verify, files, sparseFormat: sparseFormatFromWire(format) };
      return download(ref, { ...how, envelope: false, compression: "none" }, context);
    },
    export: ({ ref, force, verify, files, sparseFormat: format, ...rest }, context) => {
      const how = { force, verify, files, sparseFormat: sparseFormatFromWire(format) };
      const compression = compressionFromWire(rest.compression);
      const { deltaFrom } = rest;
      return download(ref, { ...how, envelope: true, compression, deltaFrom }, context);
    },
    readFile: async function* (message, { signal }) {
      await using reading = await store.readFile(readFileRequestFromMessage(message), signal);
      yield* readFileFrames(reading, chunkBytes);
    },
  };
}

function implementStreams(
  store: ConfinedStore,
): Pick<SnapshotMethods, "verify" | "watch" | "openDataDirectory"> {
  return {
    verify: async function* ({ ref, limitBytesPerSecond }, { signal }: CallContext) {
      const request = {
        ref,
        limitBytesPerSecond: sizeFromWire(limitBytesPerSecond, "limit_bytes_per_second"),
      };
      for await (const event of store.verify(request, signal)) yield verifyEventToMessage(event);
    },
    watch: async function* (message, { signal, identity }: CallContext) {
      const request = {
        ...watchRequestFromMessage(message),
        identity: identity.shared === true ? undefined : identity.name,
      };
      for await (const event of store.watch(request, signal)) {
        yield watchEventToMessage(event, toMessageFor(store, identity));
      }
    },
    openDataDirectory: async function* ({ ref, force }, context: CallContext) {
      const { signal, identity, method } = context;
      requireProof(identity, method);
      await using open = await store.openDataDirectory(ref, { force }, signal);
      const snapshot = toMessageFor(store, identity)(open.snapshot);
      yield { directory: open.directory, snapshot };
      await untilAborted(signal);
      throw signal.reason;
    },
  };
}

/**
 * Prefix of an upload's fields: they are in the header of a stream, or directly in a unary request.
 */
type FieldPrefix = "header." | "delta_header." | "";

function createRequest(header: Omit<CreateHeader, "$typeName">, prefix: FieldPrefix): StoreRequest {
  return {
    config: configFromMessage(header.config, `${prefix}config`),
    requestId: header.requestId,
    onNameConflict: conflictFromWire(header.onNameConflict, `${prefix}on_name_conflict`),
    protected: header.protected,
    expireTime: expireTimeFromWire(header.expireTime, `${prefix}expire_time`),
  };
}

function deltaRequest(header: Omit<DeltaHeader, "$typeName">, prefix: FieldPrefix): StoreDelta {
  const { parent, deltaFiles, inheritFiles } = header;
  return { ...createRequest(header, prefix), delta: { parent, deltaFiles, inheritFiles } };
}

function deltaFields(prefix: FieldPrefix): FieldNames {
  return [
    ...createFields(prefix),
    ["parent", `${prefix}parent`],
    ["deltaFiles", `${prefix}delta_files`],
  ];
}

function createFields(prefix: FieldPrefix): FieldNames {
  return [
    ["config", `${prefix}config`],
    ["requestId", `${prefix}request_id`],
    ["expireTime", `${prefix}expire_time`],
    ["onNameConflict", `${prefix}on_name_conflict`],
  ];
}

/**
 * Returns the names of an import's fields. The message of an import contains the fields of the
 * configuration directly.
 */
function importFields(prefix: FieldPrefix): FieldNames {
  return [
    ["config", prefix === "" ? "" : "header"],
    ["requestId", `${prefix}request_id`],
    ["onNameConflict", `${prefix}on_name_conflict`],
    ["parent", `${prefix}parent`],
  ];
}

/** Converts an import's header, which overrides parts of the configuration in the envelope. */
function importRequest(
  header: Omit<ImportHeader, "$typeName" | "parent">,
  prefix: FieldPrefix,
): StoreRequest {
  const { name, description, labels } = header;
  return {
    config: { ...emptyConfig(), name, description, labels },
    requestId: header.requestId,
    onNameConflict: conflictFromWire(header.onNameConflict, `${prefix}on_name_conflict`),
    protected: header.protected,
    keepExpireTime: header.keepExpireTime,
  };
}

const updatable = ["name", "description", "labels", "protected", "expire_time"] as const;

function changes(request: UpdateRequest): Parameters<ConfinedStore["update"]>[0] {
  const { ref, name, description, labels, expireTime: time } = request;
  const paths = request.updateMask?.paths ?? [];
  const unknown = paths.find((path) => !(updatable as readonly string[]).includes(path));
  if (unknown !== undefined) throw fieldInvalid("update_mask", updatable.join(", "), unknown);
  const isChosen = (path: (typeof updatable)[number]): boolean => paths.includes(path);
  return {
    ref,
    ...(isChosen("name") && { name }),
    ...(isChosen("description") && { description }),
    ...(isChosen("labels") && { labels }),
    ...(isChosen("protected") && { protected: request.protected }),
    ...(isChosen("expire_time") && { expireTime: expireTimeFromWire(time, "expire_time") ?? null }),
  };
}

function absolutePath(directory: string): string {
  if (directory.startsWith("/") && !directory.includes("\0")) return directory;
  throw fieldInvalid("directory", "an absolute path on the daemon's node", directory);
}

/** Resolves when the signal fires. */
function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      resolve();
    });
  });
}
