// Parses the tables [[remotes]] of the configuration file, which contain buckets of object stores
// by name, with the files that contain their credentials.
import { resolve } from "node:path";
import { z } from "zod";
import { fieldInvalid } from "../base/errors.js";
import type { KeepPolicy } from "../model/keep.js";
import type { ConfiguredPeer } from "./peers.js";
import { parseSize } from "./units.js";

/** The key of the tables in the file. */
export const remotesKey = "remotes";

/** A remote: the part of one bucket below a prefix. */
export interface ConfiguredRemote {
  readonly name: string;
  /** The endpoint, `http://HOST[:PORT]` or `https://HOST[:PORT]`, without a path. */
  readonly endpoint: string;
  readonly bucket: string;
  /** The beginning of every key. It is empty or ends with a slash. */
  readonly prefix: string;
  readonly region: string;
  /** True if requests are not signed. */
  readonly anonymous: boolean;
  /**
   * The path of a file in the format of `~/.aws/credentials`. If it is undefined and requests are
   * signed, the credentials come from the environment or from the standard chain of AWS.
   */
  readonly credentialsFile: string | undefined;
  /**
   * The section of the credentials file, or of the files that the standard chain reads. Undefined
   * means the section `default`; without a credentials file, the environment then takes precedence
   * over the chain.
   */
  readonly profile: string | undefined;
  /**
   * The path of a file with the secret that encrypts everything that this node stores in the
   * bucket. Undefined if the remote must not be encrypted.
   */
  readonly encryptionKeyFile: string | undefined;
  /**
   * The path of a PEM file with the certificate authorities of the endpoint. Undefined means the
   * authorities of Node.
   */
  readonly ca: string | undefined;
  /**
   * True if the bucket is the first part of the path, and false if it is the first label of the
   * host's name.
   */
  readonly forcePathStyle: boolean;
  readonly maxRequests: number;
  /** Maximum requests per second. 0 means no limit. */
  readonly maxRequestsPerSecond: number;
  /** Maximum bytes per second, received and sent together. 0 means no limit. */
  readonly limitBytesPerSecond: number;
  /** The snapshots that are pushed automatically. Undefined if there are none. */
  readonly autoPush: AutoPushConfig | undefined;
  /** The automatically pushed copies that stay. Undefined means all. */
  readonly keep: KeepPolicy | undefined;
}

interface AutoPushConfig {
  readonly namePrefix: string;
  readonly labels: Readonly<Record<string, string>>;
}

const path = z
  .string()
  .regex(/^[^\0]+$/)
  .transform((text) => resolve(text))
  .optional();

const maxPrefixLength = 512;

/** The descriptions are texts of errors and also rows of the README's table. */
const remoteSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)
    .describe("Name for commands: 1 to 63 characters of A-Z a-z 0-9 . _ -, and no peer's name"),
  endpoint: z
    .string()
    .refine(isEndpoint)
    .describe("URL of the object store: http://HOST:PORT or https://HOST, without a path"),
  // This is Amazon's rule for buckets, with the underscore that the names of older buckets may
  // have.
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]$/)
    .describe("The bucket, which must exist: 3 to 63 characters of a-z 0-9 . _ -"),
  prefix: z
    .string()
    .refine(isPrefix)
    .default("")
    .describe(
      "Stands before every key, for example `prod/`: parts of A-Z a-z 0-9 . _ - that each end with a slash. Default: empty",
    ),
  region: z
    .string()
    .regex(/^[a-z0-9-]{1,64}$/)
    .default("us-east-1")
    .describe("Region for signatures. Default: us-east-1"),
  credentials_file: path.describe(
    "File with `aws_access_key_id`, `aws_secret_access_key` and perhaps `aws_session_token`, in the format of ~/.aws/credentials. Default: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment, else the standard chain of AWS, which ends with the instance's role",
  ),
  profile: z
    .string()
    .regex(/^[^\]\s][^\]\n]{0,127}$/)
    .optional()
    .describe("Section of `credentials_file`. Default: default"),
  anonymous: z
    .boolean()
    .default(false)
    .describe("true: send requests without a signature. Default: false"),
  encryption_key_file: path.describe(
    "File with the key that encrypts what is stored there: 64 hex digits. Default: nothing is encrypted by this node",
  ),
  ca: path.describe(
    "PEM file: certificate authorities for the endpoint's certificate. Default: those of Node",
  ),
  force_path_style: z
    .boolean()
    .optional()
    .describe(
      "true: the bucket is in the path of URLs, false: in the host's name. Default: true, except for amazonaws.com",
    ),
  max_requests: z
    .int()
    .min(1)
    .max(1024)
    .default(16)
    .describe("Most requests at the same time: 1 to 1024. Default: 16"),
  max_requests_per_second: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(0)
    .describe("Most requests begun per second. Default: 0 = no limit"),
  limit: z
    .union([z.string(), z.int()])
    .transform((value, context) => {
      const bytes = typeof value === "string" ? parseSize(value) : value;
      if (bytes !== undefined && bytes >= 0) return bytes;
      context.addIssue({ code: "custom", message: "expected a size" });
      return z.NEVER;
    })
    .default(0)
    .describe("Most bytes per second, sent and received together: a size. Default: 0 = no limit"),
  auto_push: z
    .strictObject({
      name_prefix: z.string().min(1).max(128),
      labels: z.record(z.string().min(1), z.string()).default({}),
    })
    .optional()
    .describe(
      'Pushes snapshots by itself after they are stored: { name_prefix = "prod/", labels = { keep = "yes" } }, where `labels` may be left out. Default: none',
    ),
  keep: z
    .strictObject({
      last: z.int().min(1).max(1_000_000).optional(),
      daily: z.int().min(1).max(100_000).optional(),
    })
    .refine(({ last, daily }) => last !== undefined || daily !== undefined)
    .optional()
    .describe(
      "What stays there of what `auto_push` has stored, for each VM or name: { last = 10, daily = 7 }, one of them or both. Default: everything",
    ),
});

/** The keys with their descriptions, for the README. */
export const remoteKeys: readonly { readonly key: string; readonly doc: string }[] = Object.entries(
  remoteSchema.shape,
).map(([key, schema]) => ({ key, doc: schema.description ?? "" }));

/** Parses the tables. Throws FIELD_INVALID, which names the index of the table, counted from 0. */
export function parseRemotes(
  value: unknown,
  peers: readonly Pick<ConfiguredPeer, "name">[],
  file: string,
): readonly ConfiguredRemote[] {
  if (!Array.isArray(value)) {
    throw fieldInvalid(remotesKey, "tables [[remotes]]", typeof value, `File ${file}`);
  }
  const taken = new Map(peers.map(({ name }) => [name, "a peer"]));
  return value.map((entry, index) => {
    const field = `${remotesKey}[${index}]`;
    const parsed = remoteSchema.safeParse(entry);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const key = String(issue?.path[0] ?? "");
      const known = remoteKeys.find((one) => one.key === key);
      const expected = known?.doc ?? `${remoteKeys.map((one) => one.key).join(", ")} as keys`;
      const where = [field, ...(issue?.path ?? []).map(String)].join(".");
      throw fieldInvalid(where, expected, issue?.message, `File ${file}`);
    }
    const remote = remoteOf(parsed.data, field);
    const other = taken.get(remote.name);
    if (other !== undefined) {
      const expected = `a name that ${other} does not have`;
      throw fieldInvalid(`${field}.name`, expected, remote.name, `File ${file}`);
    }
    taken.set(remote.name, "another remote");
    return remote;
  });
}

function remoteOf(entry: z.infer<typeof remoteSchema>, field: string): ConfiguredRemote {
  const { anonymous, credentials_file: credentialsFile, profile, ca } = entry;
  if (anonymous && (credentialsFile ?? profile) !== undefined) {
    const key = credentialsFile === undefined ? "profile" : "credentials_file";
    throw fieldInvalid(`${field}.anonymous`, `false, because ${key} is set`, true);
  }
  if (entry.keep !== undefined && entry.auto_push === undefined) {
    throw fieldInvalid(`${field}.keep`, "nothing, because auto_push is not set", "a table");
  }
  const { protocol, origin, hostname } = new URL(entry.endpoint);
  if (ca !== undefined && protocol !== "https:") {
    throw fieldInvalid(`${field}.endpoint`, "https, because ca is set", entry.endpoint);
  }
  return {
    name: entry.name,
    endpoint: origin,
    bucket: entry.bucket,
    prefix: entry.prefix,
    region: entry.region,
    anonymous,
    credentialsFile,
    profile,
    encryptionKeyFile: entry.encryption_key_file,
    ca,
    forcePathStyle: entry.force_path_style ?? !/(^|\.)amazonaws\.com(\.cn)?$/.test(hostname),
    maxRequests: entry.max_requests,
    maxRequestsPerSecond: entry.max_requests_per_second,
    limitBytesPerSecond: entry.limit,
    autoPush: entry.auto_push && {
      namePrefix: entry.auto_push.name_prefix,
      labels: entry.auto_push.labels,
    },
    keep: entry.keep,
  };
}

/**
 * Returns whether a text is a valid endpoint. A user and a password in the URL are refused, because
 * they would be credentials in a file that is not secret.
 */
function isEndpoint(text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false;
  const { hostname, pathname, search, hash, username, password } = new URL(text);
  return hostname !== "" && [pathname, search, hash, username, password].join("") === "/";
}

/**
 * Returns whether a text is a valid prefix. Some clients and proxies would remove a part `.` or
 * `..` on the way.
 */
function isPrefix(text: string): boolean {
  if (text === "") return true;
  const parts = text.split("/");
  const valid = parts.slice(0, -1).every((part) => /^(?!\.\.?$)[A-Za-z0-9._-]+$/.test(part));
  return valid && parts.at(-1) === "" && text.length <= maxPrefixLength;
}
