// Encodes and decodes the commit object of a snapshot, `snapshots/<id>.json`. A push writes it
// last: from then on the snapshot exists at the remote.
import { z } from "zod";
import { decodeManifest, encodeManifest, type Manifest } from "../../files/manifest.js";
import { isStoreError } from "../../base/errors.js";
import { formatUnsupported, versionOf } from "../../model/format.js";
import { decodeJson, encodeJson } from "./checked-json.js";
import { ensureValid, remoteDataInvalid } from "./invalid.js";
import { snapshotKey } from "./keys.js";
import type { MapSection } from "./map.js";
import { headBytes } from "./object-head.js";
import { isRemoteId } from "./remote-id.js";
import type { Seal } from "./seal.js";

const commitVersion = 1;

export interface RemoteCommit {
  /** Id of the snapshot at the remote. The push has an id of its own. */
  readonly id: string;
  readonly pushedAt: Date;
  /** Id of the node that has pushed it. */
  readonly nodeId: string;
  /** Digest of the snapshot from which this one was made. Empty unless it was made as a delta. */
  readonly parentDigest: string;
  /** The manifest as it was on the node that pushed it. */
  readonly manifest: Manifest;
  readonly map: {
    /** Bytes of the map object. */
    readonly bytes: number;
    readonly sections: readonly MapSection[];
  };
  /** Bytes of the blocks with data. */
  readonly dataBytes: number;
  /** Bytes of the packs that this push has written. */
  readonly packedBytes: number;
}

export interface DecodedCommit extends RemoteCommit {
  /**
   * Id of the repository key of this object and of its map. Undefined if the objects are not
   * encrypted.
   */
  readonly keyId: string | undefined;
}

const count = z.number().int().nonnegative();
const hex = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().refine(isRemoteId);
const digest = z.string().regex(/^(sha256:[0-9a-f]{64})?$/);

const commitSchema = z.strictObject({
  version: z.literal(commitVersion),
  id,
  pushedAt: z.iso.datetime({ precision: 3 }),
  nodeId: z.string(),
  parentDigest: digest,
  manifest: z.string(),
  map: z.strictObject({
    bytes: count,
    sections: z.array(
      z.strictObject({
        kind: z.enum(["table", "places", "bases", "packs"]),
        file: z.string(),
        parts: z.array(z.strictObject({ bytes: count, digest: hex })),
      }),
    ),
  }),
  dataBytes: count,
  packedBytes: count,
});

export function encodeCommit(commit: RemoteCommit, seal: Seal): Uint8Array {
  const { manifest, pushedAt, ...rest } = commit;
  const content = commitSchema.parse({
    version: commitVersion,
    ...rest,
    pushedAt: pushedAt.toISOString(),
    manifest: Buffer.from(encodeManifest(manifest)).toString(),
  });
  return encodeJson(snapshotKey(commit.id), content, seal);
}

/**
 * Decodes a commit object. `sealOf` returns the seal of this object for the id of a key. The
 * decoder is strict: it throws REMOTE_DATA_INVALID for anything that `encodeCommit` would not
 * write, and FORMAT_UNSUPPORTED for a newer version.
 */
export function decodeCommit(
  remoteId: string,
  bytes: Uint8Array,
  sealOf: (keyId: string | undefined) => Seal,
): DecodedCommit {
  const key = snapshotKey(remoteId);
  let usedKey: string | undefined;
  const content = decodeJson(key, bytes, (keyId) => {
    usedKey = keyId;
    return sealOf(keyId);
  });
  if (versionOf(content) > commitVersion) {
    throw formatUnsupported(`object ${key}`, versionOf(content), commitVersion, { file: key });
  }
  const parsed = commitSchema.safeParse(content);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw remoteDataInvalid(key, `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  const { version: _, pushedAt, manifest, ...rest } = parsed.data;
  ensureValid(rest.id === remoteId, key, `it is the object of snapshot ${rest.id}`);
  const commit = {
    ...rest,
    pushedAt: new Date(pushedAt),
    manifest: manifestOf(key, manifest),
    keyId: usedKey,
  };
  checkSections(key, commit);
  return commit;
}

function manifestOf(key: string, text: string): Manifest {
  try {
    return decodeManifest(Buffer.from(text), key);
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    throw remoteDataInvalid(key, error.message);
  }
}

/**
 * Throws unless the map has two sections for each file, in order, then those that all files share.
 */
function checkSections(key: string, { manifest, map }: RemoteCommit): void {
  const expected = manifest.files.flatMap(({ name }) => [`table ${name}`, `places ${name}`]);
  expected.push("bases ", "packs ");
  const found = map.sections.map(({ kind, file }) => `${kind} ${file}`);
  const same = found.length === expected.length && found.every((each, i) => each === expected[i]);
  ensureValid(same, key, "its map does not have the sections of its files");
  const parts = map.sections.flatMap((section) => section.parts);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, headBytes);
  ensureValid(bytes === map.bytes, key, `its map has ${map.bytes} bytes, and ${bytes} in parts`);
}
