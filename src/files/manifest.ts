// Reads and writes the manifest of a stored snapshot. The manifest describes the snapshot, so that
// a lost catalog can be rebuilt. It does not contain the last access, the charge and the mark
// `corrupt`.
import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { StoreError, describeValue, isStoreError, messageOf } from "../base/errors.js";
import type { SnapshotConfig } from "../model/config.js";
import { hostFactNames, type HostFacts } from "../model/host-facts.js";
import { formatUnsupported } from "../model/format.js";
import { checkDataFileName, idPattern } from "../model/name.js";
import type { SnapshotFile } from "../model/snapshot.js";
import { ioError, isErrno } from "../holes/errno.js";
import { writeFileDurably } from "./durable.js";
import { byName } from "./file-order.js";
import { manifestFileName, type Layout } from "./layout.js";

export const manifestVersion = 1;

export interface Manifest {
  readonly version: typeof manifestVersion;
  readonly id: string;
  /** Grows by one with each change, so that it tells which of two manifests is newer. */
  readonly revision: number;
  readonly config: SnapshotConfig;
  readonly createdAt: Date;
  readonly protected: boolean;
  /**
   * Undefined if the snapshot does not expire. In that case the stored text does not contain the
   * key.
   */
  readonly expireTime?: Date | undefined;
  /** The files, in any order in memory and sorted by name in the manifest's file. */
  readonly files: readonly SnapshotFile[];
  /** The `snapshotDigest` of the files; empty until every file has a digest. */
  readonly digest: string;
  /**
   * The digest of the parent; see `Snapshot.parentDigest`. If it is empty, the stored text does not
   * contain the key.
   */
  readonly parentDigest: string;
}

/**
 * Returns `sha256:<hex>` over the 18 bytes `stasis-snapshot-v1`, then for each file, in bytewise
 * order of names: the length of the name, u32; the name in UTF-8; the logical size, u64; the 32
 * bytes of its root digest. Integers are little-endian. Returns an empty string while any file has
 * no digest.
 */
export function snapshotDigest(
  files: readonly Pick<SnapshotFile, "name" | "sizeBytes" | "digest">[],
): string {
  const hash = createHash("sha256").update("stasis-snapshot-v1");
  for (const file of [...files].sort(byName)) {
    if (file.digest === "") return "";
    const name = Buffer.from(file.name);
    const numbers = Buffer.alloc(12);
    numbers.writeUInt32LE(name.length);
    numbers.writeBigUInt64LE(BigInt(file.sizeBytes), 4);
    hash.update(numbers.subarray(0, 4)).update(name).update(numbers.subarray(4));
    hash.update(Buffer.from(file.digest.slice("sha256:".length), "hex"));
  }
  return `sha256:${hash.digest("hex")}`;
}

const digest = z.string().regex(/^(sha256:[0-9a-f]{64})?$/);
const count = z.number().int().nonnegative();
/** The object is kept as it is, because zod's own record would drop a key named `__proto__`. */
const stringMap = z.custom<Readonly<Record<string, string>>>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === "string"),
  "expected an object of strings",
);

/** Facts are written only if they are known. */
const hostFacts = z.custom<HostFacts>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(value).every(([name, fact]) => isFactName(name) && typeof fact === "string"),
  "expected facts of a host",
);

function isFactName(name: string): boolean {
  return (hostFactNames as readonly string[]).includes(name);
}

const configSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  image: z.string(),
  imageDigest: z.string(),
  imageType: z.string(),
  imageBlobIds: z.array(z.string()),
  hypervisor: z.string(),
  cpu: count,
  memoryBytes: count,
  storageBytes: count,
  nics: count,
  queueSize: count,
  diskQueueSize: count,
  network: z.string(),
  noDirectIo: z.boolean(),
  windows: z.boolean(),
  labels: stringMap,
  extra: z.string().optional(),
  host: hostFacts.optional(),
  unknown: z.strictObject({ envelope: stringMap, config: stringMap }),
}) satisfies z.ZodType<SnapshotConfig>;

const manifestSchema = z.strictObject({
  version: z.literal(manifestVersion),
  id: z.string().regex(idPattern),
  revision: count,
  config: configSchema,
  createdAt: z.iso.datetime({ precision: 3 }),
  protected: z.boolean(),
  expireTime: z.iso.datetime({ precision: 3 }).optional(),
  files: z.array(
    z.strictObject({
      name: z.string(),
      sizeBytes: count,
      allocatedBytes: count,
      mode: count.max(0o777),
      digest,
    }),
  ),
  digest,
  parentDigest: digest.default(""),
});

// The file is one JSON object: two lines, then the manifest, indented. The checksum covers the
// exact bytes of the manifest's text, so that it detects any change.
const head = '{\n"checksum": "sha256:';
const middle = '",\n"manifest": ';
const tail = "\n}\n";

export function encodeManifest(manifest: Manifest): Uint8Array {
  const { createdAt, expireTime, files, ...rest } = manifest;
  const sorted = [...files].sort(byName);
  const times = { createdAt: createdAt.toISOString(), expireTime: expireTime?.toISOString() };
  const plain = { ...rest, ...times, files: sorted };
  const { parentDigest, ...checked } = manifestSchema.parse(plain);
  const text = JSON.stringify({ ...checked, ...(parentDigest && { parentDigest }) }, null, 2);
  return Buffer.from(`${head}${sha256Hex(Buffer.from(text))}${middle}${text}${tail}`);
}

/**
 * Decodes a manifest strictly. Throws STORED_DATA_CORRUPT, which names `what`, for anything that
 * `encodeManifest` would not write, and FORMAT_UNSUPPORTED for a manifest of a newer version. The
 * outer object, with the checksum, is the same in every version.
 */
export function decodeManifest(bytes: Uint8Array, what: string): Manifest {
  const body = bodyOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), what);
  const version = versionOf(body, what);
  if (version !== manifestVersion) {
    if (Number.isSafeInteger(version) && Number(version) > manifestVersion) {
      throw formatUnsupported(`manifest ${what}`, Number(version), manifestVersion, { file: what });
    }
    // String() would run out of stack on deeply nested brackets.
    const found = typeof version === "object" ? "no number" : describeValue(version);
    throw corrupt(what, `its version is ${found}, expected ${manifestVersion}`);
  }
  const parsed = manifestSchema.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw corrupt(what, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "malformed"}`);
  }
  const { createdAt, expireTime, ...rest } = parsed.data;
  const manifest: Manifest = {
    ...rest,
    createdAt: new Date(createdAt),
    ...(expireTime === undefined ? {} : { expireTime: new Date(expireTime) }),
  };
  checkFiles(manifest, what);
  return manifest;
}

function bodyOf(bytes: Buffer, what: string): unknown {
  const bodyStart = head.length + 64 + middle.length;
  const bodyEnd = bytes.length - tail.length;
  const prefix = bytes.toString("latin1", 0, bodyStart);
  const whole =
    bodyEnd > bodyStart &&
    prefix.startsWith(head) &&
    prefix.endsWith(middle) &&
    bytes.toString("latin1", bodyEnd) === tail;
  if (!whole) throw corrupt(what, "it is cut or not a manifest");
  const text = bytes.subarray(bodyStart, bodyEnd);
  if (prefix.slice(head.length, head.length + 64) !== sha256Hex(text)) {
    throw corrupt(what, "its checksum does not match");
  }
  try {
    return JSON.parse(text.toString()) as unknown;
  } catch {
    throw corrupt(what, "it is not JSON");
  }
}

function versionOf(body: unknown, what: string): unknown {
  if (typeof body !== "object" || body === null || !("version" in body)) {
    throw corrupt(what, "it has no version");
  }
  return body.version;
}

function checkFiles(manifest: Manifest, what: string): void {
  if (manifest.config.id !== manifest.id) throw corrupt(what, "its config has another id");
  let previous: SnapshotFile | undefined;
  for (const file of manifest.files) {
    checkFileName(file.name, what);
    if (previous !== undefined && byName(previous, file) >= 0) {
      throw corrupt(what, `its file ${JSON.stringify(file.name)} is out of order or comes twice`);
    }
    previous = file;
  }
  const found = snapshotDigest(manifest.files);
  if (found !== manifest.digest) throw corrupt(what, "its digest is not that of its files");
}

function checkFileName(name: string, what: string): void {
  try {
    checkDataFileName(name, "file");
  } catch (error) {
    throw corrupt(what, messageOf(error));
  }
}

/** Reads the manifest in a snapshot's directory. Throws STORED_DATA_CORRUPT if it is missing. */
export async function readManifestIn(directory: string): Promise<Manifest> {
  const path = join(directory, manifestFileName);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) throw corrupt(path, "it is missing");
    throw ioError(error, { what: "read the manifest", path });
  }
  return decodeManifest(bytes, path);
}

/**
 * Reads the manifest of a stored snapshot. Throws STORED_DATA_CORRUPT if it describes another
 * snapshot.
 */
export async function readManifest(layout: Layout, id: string): Promise<Manifest> {
  const directory = layout.dataDirectory(id);
  const manifest = await readManifestIn(directory);
  if (manifest.id === id) return manifest;
  throw corrupt(join(directory, manifestFileName), `it describes snapshot ${manifest.id}`);
}

const peekedBytes = 512;

/**
 * Returns the revision that a stored manifest claims to have. This reads only the first bytes, and
 * returns undefined if they do not contain a revision or the file is missing. A caller that acts on
 * the revision must read the whole manifest. The read blocks the thread, so use this only before
 * the daemon listens.
 */
export function peekRevision(layout: Layout, id: string): number | undefined {
  const path = join(layout.dataDirectory(id), manifestFileName);
  const bytes = Buffer.alloc(peekedBytes);
  try {
    const file = openSync(path, "r");
    try {
      readSync(file, bytes, 0, peekedBytes, 0);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw ioError(error, { what: "read the manifest", path });
  }
  const [, revision] = /\n {2}"revision": (\d+),\n/.exec(bytes.toString("latin1")) ?? [];
  return revision === undefined ? undefined : Number(revision);
}

/**
 * Replaces the manifest of a stored snapshot, durably and in one step. Throws FORMAT_UNSUPPORTED if
 * a newer stasis has written the existing manifest, which may contain fields that this version does
 * not know.
 */
export async function writeManifest(layout: Layout, manifest: Manifest): Promise<void> {
  const directory = layout.dataDirectory(manifest.id);
  const newer = await newerManifest(directory);
  if (newer !== undefined) throw newer;
  await writeFileDurably(join(directory, manifestFileName), encodeManifest(manifest));
}

/**
 * Returns FORMAT_UNSUPPORTED if a newer stasis has written the manifest in a snapshot's directory.
 */
export async function newerManifest(directory: string): Promise<StoreError | undefined> {
  try {
    await readManifestIn(directory);
  } catch (error) {
    if (isStoreError(error, "FORMAT_UNSUPPORTED")) return error;
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
  }
  return undefined;
}

function corrupt(what: string, problem: string): StoreError {
  return new StoreError("STORED_DATA_CORRUPT", `manifest ${what}: ${problem}`, {
    hint: "The data files may still be good: look at them before removing anything",
    resource: { type: "file", name: what },
    metadata: { file: what },
  });
}

function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
