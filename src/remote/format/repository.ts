// Encodes and decodes the objects that all snapshots of a remote share: `format.json`, and the
// repository keys of an encrypted remote.
//
// `format.json` is never encrypted. `keys/<id>.json` holds a repository key, encrypted with the
// secret from the configuration (`encryptionKeyFile`), which must be equal on all nodes. New
// objects are encrypted with the newest repository key. Older keys stay, because older objects need
// them.
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { blockBytes } from "../../files/block-table.js";
import { formatUnsupported, versionOf } from "../../model/format.js";
import { decodeJson, encodeJson } from "./checked-json.js";
import { ensureValid, remoteDataInvalid } from "./invalid.js";
import { formatKey, repositoryKeyKey } from "./keys.js";
import { isRemoteId } from "./remote-id.js";
import { keyBytes, noSeal, sealWith, type RepositoryKey } from "./seal.js";

const formatVersion = 1;

export interface RepositoryFormat {
  /** Id of the repository. */
  readonly id: string;
  readonly encrypted: boolean;
}

const formatSchema = z.strictObject({
  version: z.literal(formatVersion),
  id: z.string().refine(isRemoteId),
  blockBytes: z.literal(blockBytes),
  encrypted: z.boolean(),
});

export function encodeFormat({ id, encrypted }: RepositoryFormat): Uint8Array {
  return encodeJson(formatKey, { version: formatVersion, id, blockBytes, encrypted }, noSeal);
}

export function decodeFormat(bytes: Uint8Array): RepositoryFormat {
  const content = decodeJson(formatKey, bytes, () => noSeal);
  if (versionOf(content) > formatVersion) {
    throw formatUnsupported("the remote", versionOf(content), formatVersion, { file: formatKey });
  }
  const parsed = formatSchema.safeParse(content);
  if (!parsed.success) throw remoteDataInvalid(formatKey, "it is not the format of a remote");
  const { id, encrypted } = parsed.data;
  return { id, encrypted };
}

export function newRepositoryKey(id: string): RepositoryKey {
  return { id, secret: randomBytes(keyBytes) };
}

/** Encodes a repository key. `outer` is the secret from the configuration. */
export function encodeRepositoryKey(key: RepositoryKey, outer: Uint8Array): Uint8Array {
  const object = repositoryKeyKey(key.id);
  const sealed = sealWith({ id: key.id, secret: outer }, object);
  const secret = Buffer.from(key.secret).toString("base64");
  return encodeJson(object, { version: formatVersion, secret }, sealed);
}

const keySchema = z.strictObject({ version: z.literal(formatVersion), secret: z.base64() });

/**
 * Decodes a repository key. Throws REMOTE_DATA_INVALID if it was encrypted with another secret.
 */
export function decodeRepositoryKey(
  id: string,
  bytes: Uint8Array,
  outer: Uint8Array,
): RepositoryKey {
  const object = repositoryKeyKey(id);
  const content = decodeJson(object, bytes, (keyId) => {
    ensureValid(keyId === id, object, "it names another key");
    return sealWith({ id, secret: outer }, object);
  });
  const parsed = keySchema.safeParse(content);
  const secret = Buffer.from(parsed.data?.secret ?? "", "base64");
  ensureValid(secret.length === keyBytes, object, "it is not a repository key");
  return { id, secret };
}
