// Reads a peer's answers, and checks all data in them before the data is used.
import { StoreError, describeValue, isStoreError } from "../base/errors.js";
import { digestBytes, digestOf, type DigestAlgorithm } from "../files/block-digest.js";
import { blockBytes, blockCount, rootDigest, type BlockTable } from "../files/block-table.js";
import { blockTableVersions, decodeBlockTable } from "../files/block-table-codec.js";
import { maxDataFiles } from "../files/directory-source.js";
import { snapshotDigest } from "../files/manifest.js";
import { BlockHash, type Snapshot as SnapshotMessage } from "../client/index.js";
import { latestTimeMs } from "../model/config-rules.js";
import { emptyConfig, type SnapshotConfig } from "../model/config.js";
import { checkDataFileName } from "../model/name.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { digestPattern } from "../model/digest.js";
import type { PeerClient } from "./peer-client.js";
import { guardSilence } from "./silence.js";

/** Limit on the size of one snapshot's block tables: enough for 500 GiB of data. */
const maxTableBytes = 64 * 1024 * 1024;
const minTablePartBytes = 4096;
/** Largest file of ext4, which exceeds any real guest. */
const maxFileBytes = 16 * 2 ** 40;

const algorithmOf: ReadonlyMap<BlockHash, DigestAlgorithm> = new Map([
  [BlockHash.SHA256, "sha256"],
  [BlockHash.BLAKE3, "blake3"],
]);

const accepted = { acceptTableVersions: [...blockTableVersions] };

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

export function peerInvalid(problem: string): StoreError {
  return new StoreError("PEER_DATA_INVALID", `the peer sent ${problem}; nothing was stored`, {
    hint: "Run `stasis verify` at the peer; try another peer that has the snapshot",
  });
}

function ensure(condition: boolean, problem: string): asserts condition {
  if (!condition) throw peerInvalid(problem);
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
 * Returns the algorithms. Throws FORMAT_UNSUPPORTED for one of a newer version, before anything is
 * fetched.
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
  return {
    ...emptyConfig(),
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
 * Returns the peer's snapshot under this ref or digest. No other answer of a peer is trusted
 * without a check.
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
  readonly tables: ReadonlyMap<string, BlockTable>;
  readonly receivedBytes: number;
}

/** Fetches a manifest. Throws PEER_DATA_INVALID unless the tables match the requested digest. */
export async function fetchManifest(
  client: PeerClient,
  wanted: PeerSnapshot,
  baseDigests: readonly string[],
  limits: PeerLimits,
): Promise<PeerManifest> {
  const guard = guardSilence(limits.idleMs, limits.signal);
  const request = { ref: wanted.id, baseDigests: [...baseDigests], ...accepted };
  const stream = client.getManifest(request, { signal: guard.signal })[Symbol.asyncIterator]();
  const close = async (): Promise<void> => {
    await stream.return?.(undefined);
  };
  try {
    const first = await stream.next();
    guard.heard();
    ensure(
      first.done !== true && first.value.part.case === "snapshot",
      "a first message without a snapshot",
    );
    const snapshot = readPeerSnapshot(first.value.part.value);
    ensure(snapshot.digest === wanted.digest, "a snapshot that was not requested");
    const { baseDigest } = first.value;
    ensure(baseDigest === "" || baseDigests.includes(baseDigest), "a base that was not offered");
    let receivedBytes = 0;
    const tables = new Map<string, BlockTable>();
    for (const file of snapshot.files) {
      const { table, length } = await readTable(stream, file, {
        allowedBytes: maxTableBytes - receivedBytes,
        heard: () => guard.heard(),
      });
      const told = snapshot.hashes.get(file.name) ?? table.algorithm;
      ensure(told === table.algorithm, `another hash than that of ${describeValue(file.name)}`);
      receivedBytes += length;
      tables.set(file.name, table);
    }
    return { snapshot, baseDigest, tables, receivedBytes, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw guard.explain(error);
  } finally {
    // From here on the stream serves only as the lease.
    guard.pause();
  }
}

type ManifestStream = AsyncIterator<
  ReturnType<PeerClient["getManifest"]> extends AsyncIterable<infer Message> ? Message : never
>;

async function readTable(
  stream: ManifestStream,
  file: SnapshotFile,
  { allowedBytes, heard }: { readonly allowedBytes: number; readonly heard: () => void },
): Promise<{ table: BlockTable; length: number }> {
  const what = `a block table of ${describeValue(file.name)}`;
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let last = false; !last;) {
    const next = await stream.next();
    heard();
    ensure(next.done !== true && next.value.part.case === "blocks", `${what} that was truncated`);
    const part = next.value.part.value;
    ensure(part.file === file.name, `${what} under another name`);
    ensure(part.table.length > 0, `${what} with an empty part`);
    length += part.table.length;
    ensure(length <= Math.min(allowedBytes, tableBound(file)), `${what} that is too long`);
    // Without this check, a table in millions of parts would cost many times its bytes.
    ensure(
      part.last || part.table.length >= minTablePartBytes,
      `${what} in parts of less than ${minTablePartBytes} bytes`,
    );
    // The part is copied, because it is a view of a larger message.
    parts.push(Uint8Array.from(part.table));
    last = part.last;
  }
  const table = decodeTable(Buffer.concat(parts), what);
  ensure(table.blockSizeBytes === blockBytes, `${what} with blocks of ${table.blockSizeBytes}`);
  ensure(table.sizeBytes === file.sizeBytes, `${what} for ${table.sizeBytes} bytes`);
  ensure(rootDigest(table) === file.digest, `${what} that does not match its digest`);
  // The data would match such a table, but would have another digest each time that it is read
  // here.
  ensure(!callsZerosData(table), `${what} that lists zeros as data`);
  return { table, length };
}

function callsZerosData({ sizeBytes, algorithm, digests }: BlockTable): boolean {
  const zeros = new Set(
    [blockBytes, sizeBytes % blockBytes].map((length) =>
      digestOf(algorithm, Buffer.alloc(length)).toString("hex"),
    ),
  );
  const bytes = Buffer.from(digests.buffer, digests.byteOffset, digests.byteLength);
  for (let start = 0; start < bytes.length; start += digestBytes) {
    if (zeros.has(bytes.toString("hex", start, start + digestBytes))) return true;
  }
  return false;
}

/** Returns the maximum size of a table, which has at most one run and one digest per block. */
function tableBound(file: SnapshotFile): number {
  return 40 + 32 + blockCount(file.sizeBytes) * (8 + 32);
}

function decodeTable(bytes: Uint8Array, what: string): BlockTable {
  try {
    return decodeBlockTable(bytes, "of the peer");
  } catch (error) {
    if (isStoreError(error, "FORMAT_UNSUPPORTED")) {
      const { message, metadata } = error;
      throw new StoreError("FORMAT_UNSUPPORTED", `the peer sent ${what}: ${message}`, {
        hint: "Upgrade this node to the version of the peer first",
        metadata,
      });
    }
    throw peerInvalid(`${what} that is malformed: ${isStoreError(error) ? error.message : ""}`);
  }
}
