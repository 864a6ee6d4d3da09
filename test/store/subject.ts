// Defines the interface of a store in the store suite: the domain itself, or a client over TCP or a
// Unix socket. The interface uses plain values only, so that one suite fits all of them.
import type { ByteStream } from "../../src/base/async.js";
import type { Clock } from "../../src/base/clock.js";

export interface PlainFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  readonly mode: number;
  readonly digest: string;
}

export interface PlainSnapshot {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly image: string;
  readonly imageBlobIds: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  readonly lastAccessedAt: Date;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  readonly digest: string;
  readonly protected: boolean;
  readonly expireTime: Date | undefined;
  readonly corrupt: boolean;
  readonly files: readonly PlainFile[];
}

/** Contains the fields that an import can override. */
export interface ImportHeader {
  readonly name?: string;
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly requestId?: string;
  readonly replace?: boolean;
  readonly takeName?: boolean;
  readonly protected?: boolean;
  readonly keepExpireTime?: boolean;
}

export interface CreateHeader extends ImportHeader {
  readonly image?: string;
  readonly imageBlobIds?: readonly string[];
  readonly storageBytes?: number;
  readonly expireTime?: Date;
}

export interface ListRequest {
  readonly pageSize?: number;
  readonly pageToken?: string;
  readonly filter?: {
    readonly namePrefix?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly image?: string;
    readonly createdAfter?: Date;
    readonly createdBefore?: Date;
    readonly protected?: boolean;
    readonly expiresBefore?: Date;
  };
}

export interface ListPage {
  readonly snapshots: readonly PlainSnapshot[];
  readonly nextPageToken: string;
  readonly totalSize: number;
}

export interface Changes {
  readonly name?: string;
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly protected?: boolean;
  /** If this is null, the snapshot no longer expires. */
  readonly expireTime?: Date | null;
}

export const compressions = ["none", "gzip", "zstd"] as const;
export type Compression = (typeof compressions)[number];
export const sparseFormats = ["cocoon", "gnu", "none"] as const;
export type SparseFormat = (typeof sparseFormats)[number];

export interface RestoreOptions {
  /** Names the files. By default all files are selected. */
  readonly files?: readonly string[];
  readonly verify?: boolean;
}

export interface ExportOptions extends RestoreOptions {
  readonly compression?: Compression;
  readonly sparseFormat?: SparseFormat;
}

/**
 * A byte stream that is being read. The stream keeps its snapshot's bytes until it is read to its
 * end or disposed of.
 */
export interface Reading extends AsyncDisposable {
  readonly snapshot: PlainSnapshot;
  /** The number of data bytes that follow. */
  readonly dataBytes: number;
  readonly bytes: ByteStream;
}

export interface ReadFileOptions {
  readonly ref?: string;
  readonly digest?: string;
  readonly file: string;
  readonly ranges?: readonly { readonly offset: number; readonly length: number }[];
  readonly verify?: boolean;
  readonly force?: boolean;
}

/** Contains everything that ReadFile sent. */
export interface PlainRanges {
  readonly snapshotId: string;
  readonly file: PlainFile;
  readonly dataBytes: number;
  readonly holes: readonly { readonly offset: number; readonly length: number }[];
  readonly chunks: readonly { readonly offset: number; readonly bytes: Buffer }[];
}

export interface HeldDirectory extends AsyncDisposable {
  readonly directory: string;
  readonly snapshot: PlainSnapshot;
}

export interface TakeOptions {
  readonly maxCopyBytes?: number;
  readonly requestId?: string;
}

export interface PlainTaken {
  readonly snapshot: PlainSnapshot;
  /** The modes are the names of the proto, in lower case. */
  readonly files: readonly {
    readonly name: string;
    readonly mode: string;
    readonly copiedBytes: number;
  }[];
}

export interface PlainEvent {
  /** The types are the names of the proto, in lower case. */
  readonly type: string;
  /** The id and the name are empty if the event concerns no snapshot. */
  readonly id: string;
  readonly name: string;
  readonly snapshot: PlainSnapshot | undefined;
  readonly previousName: string;
  readonly replacedBy: string;
  /** The reason is `taken` or empty. */
  readonly removalReason: string;
  readonly occurredAt: Date;
  readonly resumeToken: string;
}

export interface WatchOptions {
  readonly resumeToken?: string;
  readonly filter?: NonNullable<ListRequest["filter"]>;
}

/** A stream of events. The first `next` begins the stream, and disposing of it disconnects. */
export interface Watching extends AsyncDisposable {
  next(): Promise<PlainEvent>;
}

/** Provides the calls of a store. Every method rejects with a StoreError. */
export interface StoreCalls {
  create(tar: ByteStream, header?: CreateHeader): Promise<PlainSnapshot>;
  createFromDirectory(directory: string, header?: CreateHeader): Promise<PlainSnapshot>;
  import(archive: ByteStream, header?: ImportHeader): Promise<PlainSnapshot>;
  importFromDirectory(directory: string, header?: ImportHeader): Promise<PlainSnapshot>;
  list(request?: ListRequest): Promise<ListPage>;
  inspect(ref: string): Promise<PlainSnapshot>;
  update(ref: string, changes: Changes): Promise<PlainSnapshot>;
  delete(refs: readonly string[], options?: { readonly allowMissing?: boolean }): Promise<string[]>;
  restore(ref: string, options?: RestoreOptions): Promise<Reading>;
  export(ref: string, options?: ExportOptions): Promise<Reading>;
  readFile(options: ReadFileOptions): Promise<PlainRanges>;
  exportToDirectory(ref: string, directory: string): Promise<PlainSnapshot>;
  takeToDirectory(ref: string, directory: string, options?: TakeOptions): Promise<PlainTaken>;
  openDataDirectory(ref: string): Promise<HeldDirectory>;
  watch(options?: WatchOptions): Watching;
}

export interface StoreSubject extends StoreCalls, AsyncDisposable {
  readonly root: string;
  /**
   * Returns the calls of another user of the same store, over another connection if there is a
   * network.
   */
  another(): StoreCalls;
  /** Stops the store cleanly and starts it again on the same root. `between` runs in between. */
  restart(between?: () => Promise<void>): Promise<void>;
}

export interface SubjectOptions {
  readonly root: string;
  readonly clock: Clock;
}

export type OpenSubject = (options: SubjectOptions) => Promise<StoreSubject>;

/** Provides the common part of all streams of events. */
export function watching<Event>(
  open: (signal: AbortSignal) => AsyncIterable<Event>,
  plain: (event: Event) => PlainEvent,
): Watching {
  const hangUp = new AbortController();
  const events = open(hangUp.signal)[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await events.next();
      if (done === true) throw new Error("the stream of events has ended");
      return plain(value);
    },
    async [Symbol.asyncDispose]() {
      hangUp.abort();
      await events.return?.();
    },
  };
}

/**
 * Returns a clock that advances by a second at each reading, so that times show the order of
 * events.
 */
export function tickingClock(): Clock {
  const startMs = Date.UTC(2030, 0, 1);
  let nowMs = startMs;
  return {
    now: () => new Date((nowMs += 1000)),
    monotonicMs: () => performance.now(),
    boot: () => ({ id: "boot", elapsedMs: nowMs - startMs }),
  };
}
