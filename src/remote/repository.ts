// Opens the repository at a remote, which consists of its format and its keys. The first push makes
// both.
import type { Clock } from "../base/clock.js";
import { StoreError } from "../base/errors.js";
import { kib } from "../base/sizes.js";
import { formatKey, keysPrefix, repositoryKeyKey, repositoryKeyOf } from "./format/keys.js";
import { newRemoteId } from "./format/remote-id.js";
import { ensureValid, remoteDataInvalid } from "./format/invalid.js";
import {
  decodeFormat,
  decodeRepositoryKey,
  encodeFormat,
  encodeRepositoryKey,
  newRepositoryKey,
  type RepositoryFormat,
} from "./format/repository.js";
import { noSeal, sealWith, type RepositoryKey, type Seal } from "./format/seal.js";
import type { Bucket } from "./s3/bucket.js";

export interface Repository {
  readonly format: RepositoryFormat;
  /** Returns the seal of a new object, or of the packs of a new push. */
  sealFor(scope: string): Seal;
  /**
   * Returns the seal of an existing object that names its key. Throws REMOTE_DATA_INVALID if the
   * key is unknown, or if the remote is encrypted and the object is not.
   */
  sealOf(scope: string, keyId: string | undefined): Seal;
}

interface RepositoryOptions {
  readonly bucket: Bucket;
  readonly clock: Clock;
  /** The key of the configuration. If it is undefined, the remote must not be encrypted. */
  readonly secret: Uint8Array | undefined;
}

const maxObjectBytes = 64 * kib;

/** Returns the repository. Undefined if nothing was ever pushed to the remote. */
export async function openRepository(
  options: RepositoryOptions,
  signal: AbortSignal,
): Promise<Repository | undefined> {
  const { bucket, secret } = options;
  if ((await bucket.head(formatKey, signal)) === undefined) return undefined;
  const format = decodeFormat(await bucket.get(formatKey, { maxBytes: maxObjectBytes, signal }));
  if (!format.encrypted) {
    if (secret !== undefined) throw keyMismatch("is not encrypted", "has an encryption key");
    return repositoryWith(format, []);
  }
  if (secret === undefined) throw keyMismatch("is encrypted", "has no encryption key");
  return repositoryWith(format, await readKeys(bucket, secret, signal));
}

/** Opens the repository, and makes it if nothing was ever pushed to the remote. */
export async function openOrMakeRepository(
  options: RepositoryOptions,
  signal: AbortSignal,
): Promise<Repository> {
  const existing = await openRepository(options, signal);
  if (existing !== undefined) return existing;
  const { bucket, clock, secret } = options;
  for await (const { key } of bucket.list("", { signal })) {
    // Another node may be making the repository, and it writes the key before the format.
    if (key.startsWith(keysPrefix)) continue;
    throw remoteDataInvalid(formatKey, `it is missing, and the remote has the object ${key}`);
  }
  if (secret !== undefined) {
    const key = newRepositoryKey(newRemoteId(clock.now()));
    await bucket.put(repositoryKeyKey(key.id), encodeRepositoryKey(key, secret), signal);
  }
  const format = { id: newRemoteId(clock.now()), encrypted: secret !== undefined };
  await bucket.put(formatKey, encodeFormat(format), signal);
  // Two nodes may make the repository at the same time. Both continue with the format and the keys
  // that are there in the end.
  const made = await openRepository(options, signal);
  if (made === undefined) throw remoteDataInvalid(formatKey, "it was written, and is not there");
  return made;
}

async function readKeys(
  bucket: Bucket,
  secret: Uint8Array,
  signal: AbortSignal,
): Promise<RepositoryKey[]> {
  const keys: RepositoryKey[] = [];
  for await (const { key } of bucket.list(keysPrefix, { signal })) {
    const id = repositoryKeyOf(key);
    if (id === undefined) continue;
    const bytes = await bucket.get(key, { maxBytes: maxObjectBytes, signal });
    keys.push(decodeRepositoryKey(id, bytes, secret));
  }
  return keys;
}

function repositoryWith(format: RepositoryFormat, keys: readonly RepositoryKey[]): Repository {
  const known = new Map(keys.map((key) => [key.id, key]));
  const newest = keys.reduce<RepositoryKey | undefined>(
    (last, key) => (last === undefined || key.id > last.id ? key : last),
    undefined,
  );
  if (format.encrypted && newest === undefined) {
    throw remoteDataInvalid(formatKey, "the remote is encrypted, and has no repository key");
  }
  return {
    format,
    sealFor: (scope) => (newest === undefined ? noSeal : sealWith(newest, scope)),
    sealOf: (scope, keyId) => {
      if (!format.encrypted && keyId === undefined) return noSeal;
      const key = keyId === undefined ? undefined : known.get(keyId);
      ensureValid(key !== undefined, scope, `its repository key is ${keyId ?? "none"}`);
      return sealWith(key, scope);
    },
  };
}

function keyMismatch(remote: string, configuration: string): StoreError {
  return new StoreError(
    "REMOTE_REFUSED",
    `the remote ${remote}, and its configuration ${configuration}`,
    { hint: "Set encryption_key_file of the remote as on the node that made it" },
  );
}
