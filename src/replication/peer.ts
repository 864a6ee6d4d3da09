// Reads a peer's answers, and checks all data in them before the data is used.
import { createCleanup } from "../base/cleanup.js";
import { StoreError, describeValue, isStoreError } from "../base/errors.js";
import type { DigestAlgorithm } from "../files/block-digest.js";
import { blockTableVersions } from "../files/block-table-codec.js";
import type { TableFile } from "../files/table-file.js";
import type { TableSource } from "../files/table-source.js";
import { maxDataFiles } from "../files/directory-source.js";
import { snapshotDigest } from "../files/manifest.js";
import { BlockHash, type FileBlocks, type Snapshot as SnapshotMessage } from "../client/index.js";
import { latestTimeMs } from "../model/config-rules.js";
import { emptyConfig, type SnapshotConfig } from "../model/config.js";
import { extraText, knownFacts } from "../model/host-facts.js";
import { checkDataFileName } from "../model/name.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { digestPattern } from "../model/digest.js";
import { ensure, peerInvalid } from "./peer-invalid.js";
import { fetchLargeTable, readInlineTable, type TablePlace } from "./peer-tables.js";
import type { PeerClient } from "./peer-client.js";
import { maxTableBytes } from "./serve.js";
import { guardSilence } from "./silence.js";

/** Largest file of ext4, which exceeds any real guest. */
const maxFileBytes = 16 * 2 ** 40;

const algorithmOf: ReadonlyMap<BlockHash, DigestAlgorithm> = new Map([
  [BlockHash.SHA256, "sha256"],
  [BlockHash.BLAKE3, "blake3"],
]);

const accepted = { acceptTableVersions: [...blockTableVersions], tablesByRange: true };

export interface PeerSnapshot {
  /** Id of the snapshot at the peer. */
  readonly id: string;
  readonly digest: string;
  /** The digest of the parent. Empty unless the snapshot was made as a delta. */
  readonly parentDigest: string;
  /** The configuration. Its `id` is empty. */
  readonly config: SnapshotConfig;
  readonly expireTime: Date | undefined;
  readonly files: readonly SnapshotFile[];
  /** The algorithm that has hashed the blocks, by file name, as far as the peer reports it. */
  readonly hashes: ReadonlyMap<string, DigestAlgorithm>;
}

function readPeerSnapshot(message: SnapshotMessage | undefined): PeerSnapshot {
  ensure(message?.config !== undefined, "no snapshot");
  const { config, digest, parentDigest, files: listed } = message;
  if (digest === "") {
    throw new StoreError("OPERATION_IN_PROGRESS", "the peer is still computing the digests", {
      hint: "Try again later",
      retryAfterMs: 5000,
    });
  }
  ensure(digestPattern.test(digest), `the digest ${describeValue(digest)}`);
  ensure(listed.length > 0 && listed.length <= maxDataFiles, `${listed.length} files`);
  const files = listed.map((file): SnapshotFile => {
    const { name, mode } = file;
    checkName(name);
    ensure(digestPattern.test(file.digest), `a malformed digest for ${describeValue(name)}`);
    const sizeBytes = sizeOf(file.sizeBytes, `size of ${describeValue(name)}`);
    return { name, sizeBytes, allocatedBytes: 0, mode: mode & 0o777, digest: file.digest };
  });
  ensure(new Set(files.map(({ name }) => name)).size === files.length, "a file's name twice");
  ensure(snapshotDigest(files) === digest, "a digest that does not match its files");
  const isParent = parentDigest === "" || digestPattern.test(parentDigest);
  ensure(isParent, `the parent digest ${describeValue(parentDigest)}`);
  const expireTime = message.expireTime && timeOf(message.expireTime);
  const described = { id: config.id, digest, parentDigest, config: configOf(config), expireTime };
  return { ...described, files, hashes: hashesOf(listed) };
}

/**
 * Returns the algorithms. Throws FORMAT_UNSUPPORTED for an algorithm that this version does not
 * know, before anything is fetched.
 */
function hashesOf(
  files: readonly SnapshotMessage["files"][number][],
): Map<string, DigestAlgorithm> {
  const hashes = new Map<string, DigestAlgorithm>();
  for (const { name, blockHash } of files) {
    if (blockHash === BlockHash.UNSPECIFIED) continue;
    const algorithm = algorithmOf.get(blockHash);
    if (algorithm === undefined) {
      const text = `the blocks of ${describeValue(name)} at the peer have a hash that is not known here`;
      throw new StoreError("FORMAT_UNSUPPORTED", text, {
        hint: "Upgrade this node to the version of the peer first",
        metadata: { file: name, block_hash: String(blockHash), upgrade: "receiver" },
      });
    }
    hashes.set(name, algorithm);
  }
  return hashes;
}

function timeOf({ seconds, nanos }: NonNullable<SnapshotMessage["expireTime"]>): Date {
  const ms = Number(seconds) * 1000 + Math.floor(nanos / 1e6);
  ensure(ms >= 0 && ms <= latestTimeMs, "a time of expiry that is not a time");
  return new Date(ms);
}

function checkName(name: string): void {
  try {
    checkDataFileName(name, "file");
  } catch (error) {
    throw peerInvalid(`a file that cannot be stored: ${isStoreError(error) ? error.message : ""}`);
  }
}

function sizeOf(value: bigint, what: string): number {
  ensure(value >= 0n && value <= BigInt(maxFileBytes), `${value} as ${what}`);
  return Number(value);
}

function configOf(message: NonNullable<SnapshotMessage["config"]>): SnapshotConfig {
  const { name, description, image, imageDigest, imageType, imageBlobIds, hypervisor } = message;
  const { cpu, nics, queueSize, diskQueueSize, network, noDirectIo, windows, labels } = message;
  const extra = extraText(message.extra, "config.extra");
  const host = knownFacts(message.host);
  return {
    ...emptyConfig(),
    ...(extra !== undefined && { extra }),
    ...(host && { host }),
    ...{ name, description, image, imageDigest, imageType, imageBlobIds, hypervisor },
    ...{ cpu, nics, queueSize, diskQueueSize, network, noDirectIo, windows },
    labels: { ...labels },
    memoryBytes: sizeOf(message.memory, "memory"),
    storageBytes: sizeOf(message.storage, "storage"),
  };
}

interface PeerLimits {
  /** How long a peer may be silent before it counts as gone. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/**
 * Returns the peer's snapshot under this ref or digest. The peer is trusted about which snapshot
 * that is. All later data is compared with the digest of this answer.
 */
export async function fetchDescription(
  client: PeerClient,
  wanted: { readonly ref: string } | { readonly digest: string },
  { idleMs: timeoutMs, signal }: PeerLimits,
): Promise<PeerSnapshot> {
  const request = { ...wanted, snapshotOnly: true, ...accepted };
  for await (const { part } of client.getManifest(request, { signal, timeoutMs })) {
    ensure(part.case === "snapshot", "a first message without a snapshot");
    return readPeerSnapshot(part.value);
  }
  throw peerInvalid("nothing");
}

/** A manifest, with the lease that the peer holds until the manifest is disposed of. */
export interface PeerManifest extends AsyncDisposable {
  readonly snapshot: PeerSnapshot;
  /** Digest of a snapshot that both sides have. Empty if there is no such snapshot. */
  readonly baseDigest: string;
  readonly tables: ReadonlyMap<string, PulledTable>;
  readonly receivedBytes: number;
}

/** A table: in memory, or in a file of the transfer if it is large. */
export type PulledTable = TableSource | TableFile;

/** Fetches a manifest. Throws PEER_DATA_INVALID unless the tables match the requested digest. */
export async function fetchManifest(
  client: PeerClient,
  wanted: PeerSnapshot,
  baseDigests: readonly string[],
  place: TablePlace,
  limits: PeerLimits,
): Promise<PeerManifest> {
  await using cleanup = createCleanup();
  const described = await openManifest(client, wanted, baseDigests, limits);
  cleanup.defer(described.close);
  const { snapshot, baseDigest } = described;
  const tables = new Map<string, PulledTable>();
  for (const [index, file] of snapshot.files.entries()) {
    const { name } = file;
    const found = described.tables.get(name);
    if (found === undefined) throw new Error(`no table for ${name}`);
    const fetch = async (lengthBytes: number): Promise<TableFile> => {
      const large = { snapshotId: snapshot.id, file, index, lengthBytes };
      const fetched = await fetchLargeTable(client, large, place, limits);
      cleanup.defer(async () => fetched[Symbol.asyncDispose]());
      return fetched;
    };
    const table = typeof found === "number" ? await fetch(found) : found;
    const told = snapshot.hashes.get(name) ?? table.shape.algorithm;
    ensure(told === table.shape.algorithm, `another hash than that of ${describeValue(name)}`);
    tables.set(name, table);
  }
  const release = cleanup.release();
  const { receivedBytes } = described;
  return { snapshot, baseDigest, tables, receivedBytes, [Symbol.asyncDispose]: release };
}

interface OpenManifest {
  readonly snapshot: PeerSnapshot;
  readonly baseDigest: string;
  /** The table of each file. For a large table, its length. */
  readonly tables: ReadonlyMap<string, TableSource | number>;
  readonly receivedBytes: number;
  readonly close: () => Promise<void>;
}

/** Reads all messages of the manifest. After them, the stream serves only as the lease. */
async function openManifest(
  client: PeerClient,
  wanted: PeerSnapshot,
  baseDigests: readonly string[],
  limits: PeerLimits,
): Promise<OpenManifest> {
  const guard = guardSilence(limits.idleMs, limits.signal);
  const request = { ref: wanted.id, baseDigests: [...baseDigests], ...accepted };
  const stream = client.getManifest(request, { signal: guard.signal })[Symbol.asyncIterator]();
  const close = async (): Promise<void> => {
    await stream.return?.(undefined);
  };
  const next = async (what: string): Promise<ManifestMessage> => {
    const message = await stream.next();
    guard.heard();
    ensure(message.done !== true, `${what} that was truncated`);
    return message.value;
  };
  try {
    const first = await next("a manifest");
    ensure(first.part.case === "snapshot", "a first message without a snapshot");
    const snapshot = readPeerSnapshot(first.part.value);
    ensure(snapshot.digest === wanted.digest, "a snapshot that was not requested");
    const { baseDigest } = first;
    ensure(baseDigest === "" || baseDigests.includes(baseDigest), "a base that was not offered");
    const { tables, receivedBytes } = await readTables(snapshot, next);
    return { snapshot, baseDigest, tables, receivedBytes, close };
  } catch (error) {
    await close();
    throw guard.explain(error);
  } finally {
    guard.pause();
  }
}

type ManifestMessage =
  ReturnType<PeerClient["getManifest"]> extends AsyncIterable<infer Message> ? Message : never;

async function readTables(
  { files }: PeerSnapshot,
  next: (what: string) => Promise<ManifestMessage>,
): Promise<Pick<OpenManifest, "tables" | "receivedBytes">> {
  const tables = new Map<string, TableSource | number>();
  let receivedBytes = 0;
  for (const file of files) {
    const what = `a block table of ${describeValue(file.name)}`;
    const nextBlocks = async (): Promise<FileBlocks> => {
      const { part } = await next(what);
      ensure(part.case === "blocks", `${what} that was truncated`);
      return part.value;
    };
    const { part } = await next(what);
    if (part.case === "table") {
      ensure(part.value.file === file.name, `${what} under another name`);
      tables.set(file.name, sizeOf(part.value.length, `the length of ${what}`));
      continue;
    }
    ensure(part.case === "blocks", `${what} that was truncated`);
    const allowed = maxTableBytes - receivedBytes;
    const { table, length } = await readInlineTable(part.value, nextBlocks, file, allowed);
    receivedBytes += length;
    tables.set(file.name, table);
  }
  return { tables, receivedBytes };
}
