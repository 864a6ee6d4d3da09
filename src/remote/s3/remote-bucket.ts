// Opens the bucket of a configured remote: reads its files, prepares its credentials, and finds out
// how its engine checks uploads.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { StoreError, isStoreError, messageOf } from "../../base/errors.js";
import { denialHint, errnoMetadata } from "../../base/owner.js";
import type { Environment } from "../../base/default-paths.js";
import type { ConfiguredRemote } from "../../config/remotes.js";
import { unobservedRemotes, type RemoteObserver } from "../../observe/ports.js";
import { openBucket, type Bucket } from "./bucket.js";
import { credentialSource, type CredentialSource } from "./credentials.js";
import { readEncryptionKey } from "./encryption-key.js";
import type { EngineAnswer } from "./exchange.js";
import { payloadOf } from "./payload.js";
import {
  createBucketRequests,
  defaultTiming,
  type BucketRequests,
  type RequestTiming,
} from "./requests.js";
import { unsignedPayload } from "./sign.js";
import { parseErrorDocument } from "./xml.js";

/** A remote with the contents of its files. */
export interface OpenRemote {
  readonly remote: ConfiguredRemote;
  readonly credentials: CredentialSource;
  /** The certificate authorities in PEM. Undefined means the authorities of Node. */
  readonly ca: string | undefined;
  /** The key that encrypts the remote. Undefined if the remote is not encrypted. */
  readonly secret: Uint8Array | undefined;
  readonly timing: RequestTiming;
}

/**
 * Prefix of the temporary objects with which a check tests the engine, below the prefix of the
 * remote.
 */
export const checkPrefix = "check/";

/**
 * Reads the files that the configuration names, and makes no request. Throws FIELD_INVALID if a
 * file cannot be used.
 */
export function readRemote(
  remote: ConfiguredRemote,
  env: Environment,
  timing: RequestTiming = defaultTiming,
): OpenRemote {
  const ca = remote.ca === undefined ? undefined : readAuthorities(remote, remote.ca);
  const secret = readEncryptionKey(remote);
  return { remote, credentials: credentialSource(remote, env), ca, secret, timing };
}

/** Opens the bucket. Disposing of the result closes its connections. */
export function openRemoteBucket(open: OpenRemote, observer: RemoteObserver): Bucket & Disposable {
  let checked: Promise<boolean> | undefined;
  const payloadCheck = async () => {
    if (!open.remote.endpoint.startsWith("https:")) return "sha256" as const;
    checked ??= tryChecksum(open, observer);
    // If the test fails, this PUT uses SHA-256, which works on every engine. The next PUT repeats
    // the test.
    const isChecked = await checked.catch(() => {
      checked = undefined;
      return false;
    });
    return isChecked ? ("crc32" as const) : ("sha256" as const);
  };
  return openBucket({ ...open, observer, payloadCheck });
}

/** Returns whether the engine refuses a body whose CRC-32 is not that of the header. */
async function tryChecksum(open: OpenRemote, observer: RemoteObserver): Promise<boolean> {
  const { signal } = new AbortController();
  using requests = createBucketRequests(open);
  const key = `${checkPrefix}${randomKey()}`;
  const headers = wrongChecksum();
  const answer = await sendPlain(requests, open, { method: "PUT", key, headers, body }, signal);
  if (isRefusedDigest(answer)) return true;
  if (answer.status >= 300) return false;
  using bucket = openBucket({ ...open, observer });
  await bucket.delete(key, signal);
  return false;
}

/**
 * Returns whether the answer refuses a wrong checksum. Any other refusal says nothing about
 * checksums.
 */
export function isRefusedDigest({ status, body: text }: EngineAnswer): boolean {
  return status === 400 && /Digest|Checksum|SHA256/.test(parseErrorDocument(text)?.code ?? "");
}

const body = Buffer.from("stasis tries what this object store checks\n");

/** Returns headers with a CRC-32 that no body of these tests has. */
export function wrongChecksum(): Readonly<Record<string, string>> {
  return { "x-amz-content-sha256": unsignedPayload, "x-amz-checksum-crc32": "AAAAAA==" };
}

export function randomKey(): string {
  return randomBytes(10).toString("hex");
}

interface PlainRequest {
  readonly method: "PUT" | "GET" | "HEAD" | "DELETE";
  readonly key: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/**
 * Sends a request and returns its answer, whatever the status is. An error status is not retried.
 */
export function sendPlain(
  requests: BucketRequests,
  { remote }: OpenRemote,
  { method, key, headers = {}, body: bytes }: PlainRequest,
  signal: AbortSignal,
): Promise<EngineAnswer> {
  const payload = bytes === undefined ? undefined : payloadOf(bytes);
  const length = payload === undefined ? {} : { "content-length": String(payload.sizeBytes) };
  const kinds = { PUT: "put", GET: "get", HEAD: "head", DELETE: "delete" } as const;
  return requests.send<EngineAnswer>(
    {
      ...{ kind: kinds[method], method, key, path: `/${remote.prefix}${key}` },
      headers: { ...length, ...headers },
      ...(payload === undefined ? {} : { payload }),
      ...{ expectedBytes: 0, maxBodyBytes: 4096 },
      judge: (answer) => ({ value: answer }),
    },
    unobservedRemotes,
    signal,
  );
}

function readAuthorities({ name }: ConfiguredRemote, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isStoreError(cause)) throw cause;
    const hint = denialHint(cause, path, "read") ?? "Check ca";
    throw new StoreError(
      "FIELD_INVALID",
      `remote ${name}: ca cannot be read: ${messageOf(cause)}`,
      {
        hint,
        fields: [{ field: "remotes", description: `expected a readable file as ca of ${name}` }],
        metadata: errnoMetadata(cause),
        cause,
      },
    );
  }
}
