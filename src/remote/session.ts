// Opens a remote for one call: its bucket, its repository and the list of its snapshots.
import type { Clock } from "../base/clock.js";
import { snapshotKey } from "./format/keys.js";
import { isRemoteId } from "./format/remote-id.js";
import { findRemote, listRemote, noSnapshots, type RemoteListing } from "./listing.js";
import { pageOf, type RemotePage, type RemoteQuery } from "./remote-query.js";
import type { RemoteReader } from "./remote-map.js";
import { openOrMakeRepository, openRepository } from "./repository.js";
import type { Bucket } from "./s3/bucket.js";

/** Keeps the last listing of a remote, so that a commit object is read once. */
export interface KnownSnapshots {
  listing: RemoteListing;
}

/** Disposing of a session closes its connections. */
export interface RemoteSession extends Disposable {
  /** Opens the repository, and makes it if nothing was ever pushed to the remote. */
  make(signal: AbortSignal): Promise<RemoteReader>;
  /** Opens the repository. Returns undefined if nothing was ever pushed to the remote. */
  open(signal: AbortSignal): Promise<RemoteReader | undefined>;
  list(signal: AbortSignal): Promise<RemoteListing>;
  /** Returns a page of the snapshots. Only the first page lists the remote. */
  page(query: RemoteQuery, signal: AbortSignal): Promise<RemotePage>;
  /** Finds a snapshot as `findRemote` does. Lists the remote unless `ref` is an id there. */
  find(ref: string, signal: AbortSignal): Promise<FoundAtRemote>;
}

export interface FoundAtRemote {
  readonly reader: RemoteReader;
  /** Id of the snapshot at the remote. */
  readonly id: string;
}

interface SessionOptions {
  readonly bucket: Bucket & Disposable;
  readonly clock: Clock;
  /** The key of the configuration. If it is undefined, the remote must not be encrypted. */
  readonly secret: Uint8Array | undefined;
  readonly known: KnownSnapshots;
}

/** Opens a session without making a request. */
export function openRemoteSession(options: SessionOptions): RemoteSession {
  return new OpenSession(options);
}

class OpenSession implements RemoteSession {
  readonly #options: SessionOptions;
  #reader: RemoteReader | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  async make(signal: AbortSignal): Promise<RemoteReader> {
    const { bucket } = this.#options;
    const repository = await openOrMakeRepository(this.#options, signal);
    return (this.#reader = { bucket, repository });
  }

  async list(signal: AbortSignal): Promise<RemoteListing> {
    const reader = await this.open(signal);
    if (reader === undefined) return noSnapshots;
    const { known } = this.#options;
    const read = new Map(known.listing.snapshots.map((snapshot) => [snapshot.id, snapshot]));
    return (known.listing = await listRemote(reader, read, signal));
  }

  async page(query: RemoteQuery, signal: AbortSignal): Promise<RemotePage> {
    const { known } = this.#options;
    // A daemon that was started since the first page lists again.
    const isKnown = query.before !== undefined && known.listing !== noSnapshots;
    return pageOf(isKnown ? known.listing : await this.list(signal), query);
  }

  async find(ref: string, signal: AbortSignal): Promise<FoundAtRemote> {
    const reader = await this.open(signal);
    if (reader !== undefined && isRemoteId(ref)) {
      const head = await reader.bucket.head(snapshotKey(ref), signal);
      if (head !== undefined) return { reader, id: ref };
    }
    const { id } = findRemote(await this.list(signal), ref);
    if (reader === undefined) throw new Error(`snapshot ${id} without a repository`);
    return { reader, id };
  }

  async open(signal: AbortSignal): Promise<RemoteReader | undefined> {
    if (this.#reader !== undefined) return this.#reader;
    const { bucket } = this.#options;
    const repository = await openRepository(this.#options, signal);
    return (this.#reader = repository === undefined ? undefined : { bucket, repository });
  }

  [Symbol.dispose](): void {
    this.#options.bucket[Symbol.dispose]();
  }
}
