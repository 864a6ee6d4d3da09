// Reads and writes the envelope `snapshot.json`, which cocoon calls types.SnapshotExport. We
// support version 1, and version 2 for delta archives, and preserve unknown keys.
import { StoreError } from "../base/errors.js";
import type { SnapshotConfig } from "../model/config.js";
import { checkDataFileName, envelopeFileName } from "../model/name.js";
import { archiveInvalid } from "./archive-invalid.js";
import { decodeConfig, encodeConfig, unknownTexts } from "./envelope-config.js";
import { decodeDeltaFacts, encodeDeltaFacts, type DeltaFacts } from "./delta-envelope.js";
import {
  checkClaimedSize,
  decodeClaims,
  decodeExpireTime,
  decodeHost,
  deltaKey,
  encodeOwn,
  noClaims,
  ownKey,
  type FileClaims,
  type OwnFacts,
} from "./file-claims.js";
import {
  objectMember,
  openJsonObject,
  stringListMember,
  unknownMembers,
  type JsonObject,
} from "./json-object.js";
import { indentJson, isDeeperThan } from "./json-text.js";
import { limitExceeded } from "./limits.js";
import { checkPlausible } from "./plausible-sizes.js";

export interface Envelope {
  readonly config: SnapshotConfig;
  /** Names of all data files. Undefined if the writer did not list them. */
  readonly files: readonly string[] | undefined;
  readonly claims: FileClaims;
  /** The time of expiry at the export. Undefined if the envelope has none. */
  readonly expireTime?: Date | undefined;
  /** Set if the archive is a delta. */
  readonly delta?: DeltaFacts;
}

/**
 * Maximum bytes of an envelope: enough for 4,096 file names of 255 bytes and the same number of
 * image blobs. The usual size is 2 KiB.
 */
export const maxEnvelopeBytes = 4 * 1024 * 1024;

const wholeVersion = 1;
/** A delta archive has a version of its own, so that programs that would misread it refuse it. */
const deltaVersion = 2;
/**
 * Maximum levels of nested braces and brackets. Our envelopes have at most 34, because the
 * orchestrator's own data in them may have 32.
 */
const maxDepth = 64;
const knownKeys: ReadonlySet<string> = new Set(["config", "version", "files", ownKey]);
/** `ignoreBOM` stops the decoder from dropping a byte order mark, which is not JSON. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

interface EnvelopeFacts extends Omit<OwnFacts, "delta"> {
  readonly delta?: DeltaFacts;
}

/**
 * Writes an envelope. `files` are the data files of the archive, or those of the snapshot if the
 * archive is a delta, sorted. Throws LIMIT_EXCEEDED if the result is too large for readers. If
 * thousands of long names leave no room for the claims about the files, the envelope contains
 * neither the claims nor the names in `leftOut`. A delta needs its claims, so its envelope is then
 * too large.
 */
export function encodeEnvelope(
  config: SnapshotConfig,
  files: readonly string[],
  claims: FileClaims = noClaims,
  { leftOut = [], expireTime, delta }: EnvelopeFacts = {},
): Uint8Array {
  const version = delta === undefined ? wholeVersion : deltaVersion;
  const members = [`"config":${encodeConfig(config)}`, `"version":${version}`];
  if (files.length > 0) members.push(`"files":${JSON.stringify(files)}`);
  const facts = { leftOut, expireTime, delta: delta && encodeDeltaFacts(delta) };
  const ours = encodeOwn(claims, config, facts);
  if (ours !== undefined) members.push(`"${ownKey}":${ours}`);
  members.push(...unknownTexts(config.unknown.envelope, knownKeys));
  const bytes = Buffer.from(`${indentJson(`{${members.join()}}`)}\n`);
  if (bytes.byteLength > maxEnvelopeBytes && claims.size > 0 && delta === undefined) {
    return encodeEnvelope(config, files, noClaims, { expireTime });
  }
  checkSize(bytes);
  return bytes;
}

interface DecodeOptions {
  /** Whether the caller can read delta archives. Default: false. */
  readonly deltas?: boolean;
}

/**
 * Reads an envelope. Throws ENVELOPE_VERSION_UNSUPPORTED for a version that the caller cannot read,
 * LIMIT_EXCEEDED for an envelope that is too large, and ARCHIVE_INVALID, which names the key, for
 * malformed content. This does not check the name, the description and the labels against the rules
 * of the store, because an import may replace them.
 */
export function decodeEnvelope(
  bytes: Uint8Array,
  { deltas = false }: DecodeOptions = {},
): Envelope {
  checkSize(bytes);
  const envelope = openJsonObject(parse(bytes), envelopeFileName);
  const version = checkVersion(envelope, deltas);
  const config = objectMember(envelope, "config");
  if (config === undefined) {
    throw archiveInvalid(`${envelopeFileName}: expected the key "config", found none`);
  }
  const expireTime = decodeExpireTime(envelope);
  const files = decodeFiles(envelope);
  const claims = decodeClaims(envelope);
  const delta = deltaOf(envelope, version, { files: files ?? [], claims });
  return {
    config: {
      ...decodeConfig(config, unknownMembers(envelope, knownKeys)),
      ...decodeHost(envelope),
    },
    files,
    claims,
    ...(expireTime && { expireTime }),
    ...(delta && { delta }),
  };
}

/**
 * Returns the delta that an envelope describes. Throws ARCHIVE_INVALID if an envelope of version 2
 * describes no delta, or one of version 1 describes one.
 */
function deltaOf(
  envelope: JsonObject,
  version: number,
  described: { readonly files: readonly string[]; readonly claims: FileClaims },
): DeltaFacts | undefined {
  const ours = objectMember(envelope, ownKey);
  const delta = ours && objectMember(ours, deltaKey);
  if (version === deltaVersion) {
    if (delta !== undefined) return decodeDeltaFacts(delta, described);
    throw archiveInvalid(
      `${envelopeFileName}: version ${deltaVersion} without ${ownKey}.${deltaKey}`,
    );
  }
  if (delta === undefined) return undefined;
  throw archiveInvalid(`${delta.path}: a delta has version ${deltaVersion}, found ${version}`);
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.byteLength > maxEnvelopeBytes) {
    throw limitExceeded(
      "maxEnvelopeBytes",
      `size of ${envelopeFileName}`,
      maxEnvelopeBytes,
      bytes.byteLength,
    );
  }
}

/** Returns the text after checking that it is JSON of bounded depth. */
function parse(bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw archiveInvalid(`${envelopeFileName}: expected UTF-8`);
  }
  if (isDeeperThan(text, maxDepth)) {
    throw archiveInvalid(`${envelopeFileName}: nested deeper than ${maxDepth} levels`);
  }
  try {
    JSON.parse(text);
  } catch (cause) {
    throw archiveInvalid(`${envelopeFileName}: invalid JSON: ${(cause as Error).message}`);
  }
  return text;
}

function checkVersion(envelope: JsonObject, deltas: boolean): number {
  const text = envelope.members.get("version");
  const version = text === undefined ? undefined : Number(text);
  if (version === wholeVersion || (version === deltaVersion && deltas)) return version;
  const found = `found ${text?.slice(0, 64) ?? "none"}`;
  throw new StoreError(
    "ENVELOPE_VERSION_UNSUPPORTED",
    `${envelopeFileName}: expected version ${wholeVersion}${deltas ? ` or ${deltaVersion}` : ""}, ${found}`,
    { hint: version === deltaVersion ? deltaHint : otherHint },
  );
}

const otherHint = "It was written by another program, or by a newer version of one that we know";
const deltaHint =
  "It belongs to a delta archive, which cannot be unpacked: import the archive file itself";

function decodeFiles(envelope: JsonObject): readonly string[] | undefined {
  const files = stringListMember(envelope, "files");
  const names = new Set<string>();
  for (const name of files ?? []) {
    checkDataFileName(name, `${envelopeFileName}: files`);
    if (name === envelopeFileName || names.has(name)) {
      const problem = names.has(name) ? "comes twice" : "is not a data file";
      throw archiveInvalid(`${envelopeFileName}: files: ${JSON.stringify(name)} ${problem}`);
    }
    names.add(name);
  }
  return files;
}

interface ArrivedFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * Throws ARCHIVE_INVALID if a file is missing, or if its size contradicts the envelope or its
 * configuration. A program that ignores the notation of holes makes such files from our archives.
 */
export function checkArchiveAgainstEnvelope(
  { config, files: listed = [], claims }: Envelope,
  files: readonly ArrivedFile[],
): void {
  const names = new Set(files.map(({ name }) => name));
  const missing = [...listed, ...claims.keys()].find((name) => !names.has(name));
  if (missing !== undefined) {
    throw archiveInvalid(
      `${JSON.stringify(missing)} is listed in ${envelopeFileName} but missing: the archive ended early`,
      {
        hint: "Transfer the archive again; if that does not help, export it again",
        entry: missing,
      },
    );
  }
  for (const file of files) checkClaimedSize(claims, file);
  checkPlausible(
    config,
    files.filter(({ name }) => !claims.has(name)),
    envelopeFileName,
  );
}
