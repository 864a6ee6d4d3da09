// Handles the key `stasis` of our envelopes, which other programs ignore: claims (the size and the
// digest that each file had at export) and other facts of a snapshot. A program that does not know
// an archive's notation of holes restores a file short and shifted, without an error. The claims
// reveal that.
import { formatBytesApart } from "../base/sizes.js";
import { StoreError } from "../base/errors.js";
import type { SnapshotConfig } from "../model/config.js";
import { extraText, hostFactNames, knownFacts, type HostFacts } from "../model/host-facts.js";
import { checkDataFileName, envelopeFileName } from "../model/name.js";
import { digestPattern } from "../model/digest.js";
import { archiveInvalid } from "./archive-invalid.js";
import {
  objectMember,
  pathOf,
  requiredCount,
  stringMember,
  type JsonObject,
} from "./json-object.js";

export const ownKey = "stasis";
const filesKey = "files";
/** The key that shows people and scripts that an archive contains only a part of a snapshot. */
const leftOutKey = "left_out";
const expireTimeKey = "expire_time";
const extraKey = "extra";
const hostKey = "host";
/** The key that only an envelope of a delta archive has. */
export const deltaKey = "delta";
const hostKeys = {
  cpuVendor: "cpu_vendor",
  cpuModel: "cpu_model",
  microarchitecture: "microarchitecture",
  kernel: "kernel",
  hypervisorVersion: "hypervisor_version",
} as const;

export interface FileClaim {
  readonly sizeBytes: number;
  /** `sha256:<hex>`. Empty if unknown. */
  readonly digest: string;
  /**
   * The algorithm of the block digests: `blake3`, `sha256`, or one that only newer versions know.
   * Empty if `digest` is empty.
   */
  readonly blocks: string;
}

/** Claims by file name. Empty if another program or an old version wrote the envelope. */
export type FileClaims = ReadonlyMap<string, FileClaim>;

export const noClaims: FileClaims = new Map();

/** The facts that the key contains in addition to the claims. */
export interface OwnFacts {
  /** Names of the snapshot's files that are not in the archive. */
  readonly leftOut?: readonly string[];
  readonly expireTime?: Date | undefined;
  /** The value of the key `delta`, as JSON. */
  readonly delta?: string | undefined;
}

/** Returns the value of the key as JSON. Undefined if the snapshot has no such facts. */
export function encodeOwn(
  claims: FileClaims,
  { extra, host }: Pick<SnapshotConfig, "extra" | "host">,
  { leftOut = [], expireTime, delta }: OwnFacts,
): string | undefined {
  const files = [...claims].map(([name, { sizeBytes, digest, blocks }]) => {
    const claim = { size: sizeBytes, ...(digest === "" ? {} : { digest, blocks }) };
    return `${JSON.stringify(name)}:${JSON.stringify(claim)}`;
  });
  const members = [
    ...(files.length === 0 ? [] : [`"${filesKey}":{${files.join()}}`]),
    ...(delta === undefined ? [] : [`"${deltaKey}":${delta}`]),
    ...(leftOut.length === 0 ? [] : [`"${leftOutKey}":${JSON.stringify(leftOut)}`]),
    ...(expireTime === undefined ? [] : [`"${expireTimeKey}":"${expireTime.toISOString()}"`]),
    ...(extra === undefined ? [] : [`"${extraKey}":${extra}`]),
    ...(host === undefined ? [] : [`"${hostKey}":${encodeHost(host)}`]),
  ];
  return members.length === 0 ? undefined : `{${members.join()}}`;
}

function encodeHost(host: HostFacts): string {
  const facts = hostFactNames.map((name) => [hostKeys[name], host[name]] as const);
  return JSON.stringify(Object.fromEntries(facts));
}

/** Returns the parts of a configuration that only our own key contains. */
export function decodeHost(envelope: JsonObject): Pick<SnapshotConfig, "extra" | "host"> {
  const ours = objectMember(envelope, ownKey);
  if (ours === undefined) return {};
  const found = objectMember(ours, extraKey);
  const parsed = found && (JSON.parse(ours.members.get(extraKey) ?? "{}") as object);
  const extra = extraText(parsed, "config.extra");
  const facts = objectMember(ours, hostKey);
  const read = (name: keyof HostFacts) => [name, facts && stringMember(facts, hostKeys[name])];
  const host = knownFacts(Object.fromEntries(hostFactNames.map(read)) as HostFacts);
  return { ...(extra !== undefined && { extra }), ...(host && { host }) };
}

/** RFC 3339 with a time zone. */
const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/**
 * Returns the time of expiry. Undefined if the envelope has none. Throws ARCHIVE_INVALID if the
 * value is not a time.
 */
export function decodeExpireTime(envelope: JsonObject): Date | undefined {
  const ours = objectMember(envelope, ownKey);
  const text = ours === undefined ? "" : stringMember(ours, expireTimeKey);
  if (text === "" || ours === undefined) return undefined;
  const time = new Date(text);
  if (timePattern.test(text) && !Number.isNaN(time.getTime())) return time;
  throw archiveInvalid(`${pathOf(ours, expireTimeKey)}: expected a time as in RFC 3339`);
}

/**
 * Reads the claims of an envelope. Ignores unknown keys inside them, because newer versions write
 * such keys.
 */
export function decodeClaims(envelope: JsonObject): FileClaims {
  const ours = objectMember(envelope, ownKey);
  const files = ours && objectMember(ours, filesKey);
  if (files === undefined) return noClaims;
  const claims = new Map<string, FileClaim>();
  for (const name of files.members.keys()) {
    checkDataFileName(name, files.path);
    const claim = objectMember(files, name);
    if (claim === undefined) throw archiveInvalid(`${pathOf(files, name)}: expected an object`);
    const digest = stringMember(claim, "digest");
    if (digest !== "" && !digestPattern.test(digest)) {
      throw archiveInvalid(`${pathOf(claim, "digest")}: expected sha256:<64 hex digits>`);
    }
    const blocks = digest === "" ? "" : stringMember(claim, "blocks");
    claims.set(name, { sizeBytes: requiredCount(claim, "size"), digest, blocks });
  }
  return claims;
}

/** Throws ARCHIVE_INVALID if the envelope claims another size. */
export function checkClaimedSize(
  claims: FileClaims,
  { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
): void {
  const claim = claims.get(name);
  if (claim === undefined || claim.sizeBytes === sizeBytes) return;
  const shorter = sizeBytes < claim.sizeBytes;
  throw differs(name, "size", `${claim.sizeBytes} bytes`, `${sizeBytes} bytes`, {
    shown: formatBytesApart(claim.sizeBytes, sizeBytes),
    hint: shorter
      ? "A program that does not know the holes of the archive unpacked it short and shifted, or the file was cut. Import the " +
        "archive itself, or export it again with the sparse format gnu or none, and unpack that"
      : changedHint,
  });
}

const changedHint =
  `The file was changed or damaged after the export: export again. If the change is meant, remove the key "${ownKey}" ` +
  `from ${envelopeFileName}`;

/**
 * Throws ARCHIVE_INVALID unless `digest` equals the claim. The caller must compute `digest` with
 * the claim's block algorithm.
 */
export function checkClaimedDigest(name: string, claim: FileClaim, digest: string): void {
  if (claim.digest === digest) return;
  throw differs(name, "digest", claim.digest, digest, { hint: changedHint });
}

function differs(
  name: string,
  what: "size" | "digest",
  expected: string,
  actual: string,
  {
    hint,
    shown: [wanted, found] = [expected, actual],
  }: { readonly hint: string; readonly shown?: readonly [string, string] },
): StoreError {
  return new StoreError(
    "ARCHIVE_INVALID",
    `${name} is not what was exported: expected ${wanted} (${what} in ${envelopeFileName}), found ${found}`,
    { hint, metadata: { entry: name, expected, actual } },
  );
}
