// Finds the credentials of a remote: in its own file, else in the environment unless `profile` is
// set, else in the standard chain of AWS. The chain comes from an optional package, and ends with
// the role of the instance.
import { readFileSync, statSync } from "node:fs";
import type { Environment } from "../../base/default-paths.js";
import { StoreError, messageOf } from "../../base/errors.js";
import { denialHint, errnoMetadata } from "../../base/owner.js";
import type { ConfiguredRemote } from "../../config/remotes.js";
import type { Credentials } from "./sign.js";

export interface CredentialSource {
  /**
   * Returns the credentials. Undefined if requests must not be signed. Throws FIELD_INVALID if
   * there are no credentials.
   */
  current(signal: AbortSignal): Promise<Credentials | undefined>;
  /** Makes the next call read the credentials again, because the object store has refused them. */
  renew(): void;
}

/**
 * A changed file is noticed after this time at the latest, or when the object store refuses the old
 * credentials.
 */
const lookAgainMs = 1000;
/** Temporary credentials are renewed when they expire within this time. */
const renewBeforeMs = 5 * 60_000;

const chainPackage = "@aws-sdk/credential-provider-node";

/** Creates the source, which reads nothing before its first call. */
export function credentialSource(remote: ConfiguredRemote, env: Environment): CredentialSource {
  const { anonymous, credentialsFile } = remote;
  if (anonymous) return { current: async () => undefined, renew: () => undefined };
  if (credentialsFile !== undefined) return fromFile(remote, credentialsFile);
  if (remote.profile === undefined) {
    const found = fromEnvironment(env);
    if (found !== undefined) return { current: async () => found, renew: () => undefined };
  }
  return fromChain(remote, undefined);
}

function fromEnvironment(env: Environment): Credentials | undefined {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId = "",
    AWS_SECRET_ACCESS_KEY: secretAccessKey = "",
    AWS_SESSION_TOKEN: sessionToken = "",
  } = env;
  if (accessKeyId === "" || secretAccessKey === "") return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken === "" ? {} : { sessionToken }) };
}

function fromFile(remote: ConfiguredRemote, path: string): CredentialSource {
  let read:
    { readonly version: string; readonly source: Credentials | CredentialSource } | undefined;
  let nextLookMs = Number.NEGATIVE_INFINITY;
  return {
    async current(signal) {
      const nowMs = performance.now();
      if (read === undefined || nowMs >= nextLookMs) {
        const version = versionOf(path);
        if (version !== read?.version) read = { version, source: readSection(remote, path) };
        nextLookMs = nowMs + lookAgainMs;
      }
      const { source } = read;
      return "current" in source ? source.current(signal) : source;
    },
    renew() {
      if (read !== undefined && "renew" in read.source) read.source.renew();
      else read = undefined;
    },
  };
}

function versionOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeNs} ${stat.ctimeNs}`;
}

/**
 * Returns the keys of the section. If they come from elsewhere, such as a role or a program,
 * returns the chain that finds them.
 */
function readSection(remote: ConfiguredRemote, path: string): Credentials | CredentialSource {
  const section = remote.profile ?? "default";
  const sections = parseIni(readText(remote, path));
  const entries = sections.get(section) ?? sections.get(`profile ${section}`);
  if (entries === undefined) {
    const has = [...sections.keys()].sort().join(", ") || "no sections";
    throw unusable(remote, `${path} has no section [${section}]`, `It has ${has}: set profile`);
  }
  const accessKeyId = entries.get("aws_access_key_id");
  const secretAccessKey = entries.get("aws_secret_access_key");
  if (accessKeyId === undefined && secretAccessKey === undefined && entries.size > 0) {
    return fromChain(remote, path);
  }
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    const missing = accessKeyId === undefined ? "aws_access_key_id" : "aws_secret_access_key";
    throw unusable(remote, `[${section}] of ${path} has no ${missing}`, "Write it there");
  }
  const sessionToken = entries.get("aws_session_token");
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

function readText(remote: ConfiguredRemote, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const hint = denialHint(cause, path, "read") ?? "Check credentials_file";
    throw unusable(remote, `the credentials cannot be read: ${messageOf(cause)}`, hint, cause);
  }
}

/**
 * Returns the sections with their keys, in the format of the AWS tools. Keys are in lower case. An
 * indented line belongs to the value before it, and is ignored because no such value is used here.
 */
function parseIni(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let entries: Map<string, string> | undefined;
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*([#;].*)?$/.test(line) || /^\s/.test(line)) continue;
    const [, name] = /^\[\s*([^\]]*?)\s*\]/.exec(line) ?? [];
    if (name !== undefined) {
      entries = sections.get(name) ?? new Map<string, string>();
      sections.set(name, entries);
      continue;
    }
    const at = line.indexOf("=");
    if (at < 0) continue;
    const value = line.slice(at + 1).trim();
    if (value !== "") entries?.set(line.slice(0, at).trim().toLowerCase(), value);
  }
  return sections;
}

interface TemporaryCredentials extends Credentials {
  readonly expiration?: Date;
}

/**
 * Creates the chain. With `file` it reads only that file; otherwise it reads what AWS's own
 * programs would read.
 */
function fromChain(remote: ConfiguredRemote, file: string | undefined): CredentialSource {
  let loading: Promise<TemporaryCredentials> | undefined;
  let known: TemporaryCredentials | undefined;
  return {
    async current(signal) {
      if (known !== undefined && !endsSoon(known)) return known;
      loading ??= loadChain(remote, file).finally(() => (loading = undefined));
      known = await orAborted(loading, signal);
      return known;
    },
    renew: () => (known = undefined),
  };
}

function endsSoon({ expiration }: TemporaryCredentials): boolean {
  return expiration !== undefined && expiration.getTime() - Date.now() < renewBeforeMs;
}

async function loadChain(
  remote: ConfiguredRemote,
  file: string | undefined,
): Promise<TemporaryCredentials> {
  const { defaultProvider } = await loadPackage(remote);
  const files = file === undefined ? {} : { filepath: file, configFilepath: file };
  const profile = remote.profile ?? (file === undefined ? undefined : "default");
  try {
    const chain = defaultProvider({ ...files, ...(profile === undefined ? {} : { profile }) });
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await chain();
    return {
      ...{ accessKeyId, secretAccessKey },
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(expiration === undefined ? {} : { expiration }),
    };
  } catch (cause) {
    const message = `the standard chain of AWS finds no credentials: ${messageOf(cause)}`;
    const hint = "Set credentials_file, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or anonymous";
    throw unusable(remote, message, hint, cause);
  }
}

async function loadPackage(remote: ConfiguredRemote) {
  try {
    return await import("@aws-sdk/credential-provider-node");
  } catch (cause) {
    const message =
      "neither credentials_file nor the environment has keys, and the package that asks for the " +
      "role of an instance is not installed";
    const hint =
      "Set credentials_file, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or install it beside " +
      `stasis: npm install ${chainPackage}`;
    throw unusable(remote, message, hint, cause);
  }
}

/**
 * Waits for `work`, or throws the signal's reason. Other callers may wait for the same result, so
 * only this caller stops waiting.
 */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function unusable(
  { name }: ConfiguredRemote,
  message: string,
  hint: string,
  cause?: unknown,
): StoreError {
  return new StoreError("FIELD_INVALID", `remote ${name}: ${message}`, {
    hint,
    fields: [{ field: "remotes", description: `expected credentials of the remote ${name}` }],
    metadata: errnoMetadata(cause),
    ...(cause === undefined ? {} : { cause }),
  });
}
