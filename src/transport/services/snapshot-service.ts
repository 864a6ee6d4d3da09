// SnapshotService over the domain: convert, call, convert back.
import { fieldInvalid } from "../../base/errors.js";
import { emptyConfig } from "../../model/config.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { DownloadOptions } from "../../snapshot/read.js";
import type { ConfinedStore, SnapshotStore, StoreRequest } from "../../snapshot/store.js";
import {
  SnapshotService,
  type CreateHeader,
  type ImportHeader,
  type UpdateRequest,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { checkMayProtect } from "../auth/role-table.js";
import {
  bindConfinedService,
  type CallContext,
  type ServiceBinding,
  type ServiceImplementation,
} from "../handler.js";
import {
  compressionFromWire,
  configFromMessage,
  conflictFromWire,
  sizeFromWire,
  snapshotToMessage,
  sparseFormatFromWire,
  verifyEventToMessage,
} from "./convert.js";
import { downloadFrames, openUpload } from "./frames.js";
import { listQueryFromMessage } from "./list-query.js";
import { watchEventToMessage, watchRequestFromMessage } from "./watch-messages.js";

export interface SnapshotServiceOptions {
  /** Bytes of a download's chunks. */
  readonly chunkBytes: number;
}

export function bindSnapshotService(
  store: SnapshotStore,
  options: SnapshotServiceOptions,
): ServiceBinding {
  const whole = { ...implement(store, options), ...implementDirectories(store) };
  const confined = (namePrefix: string) => implement(store.confined(namePrefix), options);
  return bindConfinedService(SnapshotService, whole, confined, {
    byteStreams: ["create", "import", "restore", "export"],
    // A stop grants calls time to finish, which these never do.
    endsOnDrain: ["openDataDirectory", "watch"],
  });
}

type Implementation = ServiceImplementation<typeof SnapshotService>;

function messageOf(store: Pick<SnapshotStore, "layout">) {
  return (snapshot: Snapshot) =>
    snapshotToMessage(snapshot, store.layout.filesDirectory(snapshot.config.id));
}

/** What works on the node's own files. */
function implementDirectories(
  store: SnapshotStore,
): Pick<Implementation, "createFromDirectory" | "importFromDirectory" | "exportToDirectory"> {
  const toMessage = messageOf(store);
  return {
    createFromDirectory: async (request, { signal }) => {
      const directory = absolutePath(request.directory);
      const upload = createRequest(request, "");
      const snapshot = await store.createFromDirectory(upload, directory, signal);
      return { snapshot: toMessage(snapshot) };
    },
    importFromDirectory: async (request, { signal }) => {
      const directory = absolutePath(request.directory);
      const upload = importRequest(request, "");
      const snapshot = await store.importFromDirectory(upload, directory, signal);
      return { snapshot: toMessage(snapshot) };
    },
    exportToDirectory: async ({ ref, directory, force }, { signal }) => {
      const target = absolutePath(directory);
      const done = await store.exportToDirectory(ref, target, { force }, signal);
      return { snapshot: toMessage(done.snapshot), reflinked: done.reflinked };
    },
  };
}

function implement(store: ConfinedStore, options: SnapshotServiceOptions): Implementation {
  const toMessage = messageOf(store);

  async function* download(ref: string, what: DownloadOptions, signal: AbortSignal) {
    await using source = await store.download(ref, what, signal);
    const header = { snapshot: toMessage(source.snapshot), dataBytes: BigInt(source.dataBytes) };
    yield { frame: { case: "header" as const, value: header } };
    for await (const frame of downloadFrames(source.bytes, options.chunkBytes)) {
      yield "chunk" in frame
        ? { frame: { case: "chunk" as const, value: frame.chunk } }
        : { frame: { case: "trailer" as const, value: frame.trailer } };
    }
  }

  return {
    create: async (requests, { signal, identity }) => {
      const { header, bytes } = await openUpload(requests);
      if (header.protected) checkMayProtect(identity);
      return {
        snapshot: toMessage(await store.create(createRequest(header, "header."), bytes, signal)),
      };
    },
    import: async (requests, { signal, identity }) => {
      const { header, bytes } = await openUpload(requests);
      if (header.protected) checkMayProtect(identity);
      return {
        snapshot: toMessage(await store.import(importRequest(header, "header."), bytes, signal)),
      };
    },
    list: (request) => {
      const page = store.list(listQueryFromMessage(request));
      return Promise.resolve({
        snapshots: page.snapshots.map(toMessage),
        nextPageToken: page.nextPageToken,
        totalSize: BigInt(page.totalSize),
      });
    },
    inspect: ({ ref }) => Promise.resolve({ snapshot: toMessage(store.inspect(ref)) }),
    update: async (request) => ({ snapshot: toMessage(await store.update(changes(request))) }),
    delete: async ({ refs, allowMissing }) => ({
      deletedIds: await store.delete({ refs, allowMissing }),
    }),
    restore: ({ ref, force, verify, sparseFormat }, { signal }) =>
      download(
        ref,
        {
          force,
          verify,
          envelope: false,
          compression: "none",
          sparseFormat: sparseFormatFromWire(sparseFormat),
        },
        signal,
      ),
    export: ({ ref, force, verify, compression, sparseFormat }, { signal }) =>
      download(
        ref,
        {
          force,
          verify,
          envelope: true,
          compression: compressionFromWire(compression),
          sparseFormat: sparseFormatFromWire(sparseFormat),
        },
        signal,
      ),
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
        yield watchEventToMessage(event, toMessage);
      }
    },
    openDataDirectory: async function* ({ ref, force }, { signal }: CallContext) {
      await using open = await store.openDataDirectory(ref, { force }, signal);
      yield { directory: open.directory, snapshot: toMessage(open.snapshot) };
      await untilAborted(signal);
      throw signal.reason;
    },
  };
}

/** Where the fields of an upload are: in the header of a stream, or in a unary request. */
type FieldPrefix = "header." | "";

function createRequest(header: Omit<CreateHeader, "$typeName">, prefix: FieldPrefix): StoreRequest {
  const configField = `${prefix}config`;
  return {
    config: configFromMessage(header.config, configField),
    requestId: header.requestId,
    onNameConflict: conflictFromWire(header.onNameConflict, `${prefix}on_name_conflict`),
    protected: header.protected,
    configField,
    requestIdField: `${prefix}request_id`,
  };
}

/** An import's header overrides parts of the configuration that the envelope brings. */
function importRequest(header: Omit<ImportHeader, "$typeName">, prefix: FieldPrefix): StoreRequest {
  const { name, description, labels } = header;
  return {
    config: { ...emptyConfig(), name, description, labels },
    requestId: header.requestId,
    onNameConflict: conflictFromWire(header.onNameConflict, `${prefix}on_name_conflict`),
    protected: header.protected,
    configField: prefix === "" ? "" : "header",
    requestIdField: `${prefix}request_id`,
  };
}

const updatable = ["name", "description", "labels", "protected"] as const;
type Updatable = (typeof updatable)[number];

function changes(
  request: UpdateRequest,
): { ref: string } & Partial<Pick<UpdateRequest, Updatable>> {
  const chosen: Partial<Record<Updatable, unknown>> = {};
  for (const path of request.updateMask?.paths ?? []) {
    if (!isUpdatable(path)) throw fieldInvalid("update_mask", updatable.join(", "), path);
    chosen[path] = request[path];
  }
  return { ref: request.ref, ...(chosen as Partial<Pick<UpdateRequest, Updatable>>) };
}

function isUpdatable(path: string): path is Updatable {
  return (updatable as readonly string[]).includes(path);
}

function absolutePath(directory: string): string {
  if (directory.startsWith("/") && !directory.includes("\0")) return directory;
  throw fieldInvalid("directory", "an absolute path on the daemon's node", directory);
}

/** Resolves when the caller is gone or the daemon stops. */
function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      resolve();
    });
  });
}
