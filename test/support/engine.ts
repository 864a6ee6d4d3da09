// Starts a real object store for one test file: versitygw over a scratch directory, on a free port
// of loopback. Its buckets are directories and its objects are files, so that a test can inspect
// and change them.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { openBucket, type Bucket, type BucketOptions } from "../../src/remote/s3/bucket.js";
import { parseRemotes, type ConfiguredRemote } from "../../src/config/remotes.js";
import { unobservedRemotes } from "../../src/observe/ports.js";
import { run } from "./child.js";
import { eventually } from "./eventually.js";
import { freePort } from "./free-port.js";
import { removeScratch } from "./scratch.js";

/** `.ci/run` installs the program in this place. */
const built = fileURLToPath(new URL("../../../build/tools/versitygw", import.meta.url));
/** Names the program that starts the engine and makes accounts. */
export const engineProgram = existsSync(built) ? built : "versitygw";

/**
 * The reason why there is no engine here, or false, for the `skip` option of a test. CI must have
 * the engine.
 */
export const noEngine: string | false =
  process.env["CI"] !== "true" && spawnSync(engineProgram, ["--version"]).error !== undefined
    ? "there is no versitygw in build/tools or the PATH (see .ci/run)"
    : false;

export interface Engine extends AsyncDisposable {
  /** The URL is `http://127.0.0.1:PORT`, or begins with https. */
  readonly endpoint: string;
  /** Names the directory of the bucket `snapshots`. */
  readonly directory: string;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Sends a signal to the engine. SIGSTOP makes it hang, and SIGCONT lets it continue. */
  signal(signal: NodeJS.Signals): void;
}

interface EngineOptions {
  /** The paths of PEM files, with which the engine uses TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** If this is true, accounts besides the root account can be made. */
  readonly accounts?: boolean;
  /** The path of a file in which the engine writes a line for each request. */
  readonly accessLog?: string;
}

export const engineBucket = "snapshots";

export async function startEngine({
  tls,
  accounts = false,
  accessLog,
}: EngineOptions = {}): Promise<Engine> {
  const scratch = await mkdtemp(join(tmpdir(), "stasis-engine-"));
  const directory = join(scratch, "data", engineBucket);
  await mkdir(directory, { recursive: true });
  await mkdir(join(scratch, "iam"));
  const port = await freePort();
  const keys = { accessKeyId: "test", secretAccessKey: "testsecret" };
  const options = [
    ...["--port", `127.0.0.1:${port}`, "--quiet"],
    ...(tls === undefined ? [] : ["--cert", tls.cert, "--key", tls.key]),
    ...(accounts ? ["--iam-dir", join(scratch, "iam")] : []),
    ...(accessLog === undefined ? [] : ["--access-log", accessLog]),
  ];
  const child = run(engineProgram, [...options, "posix", join(scratch, "data")], {
    ROOT_ACCESS_KEY: keys.accessKeyId,
    ROOT_SECRET_KEY: keys.secretAccessKey,
  });
  const endpoint = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const close = async (): Promise<void> => {
    await child.kill();
    await removeScratch(scratch);
  };
  try {
    await Promise.race([
      eventually("the engine", () => answers(endpoint)),
      child.exited.then(() => Promise.reject(new Error(`the engine ended: ${child.output()}`))),
    ]);
  } catch (error) {
    await close();
    throw error;
  }
  const signal = (name: NodeJS.Signals): void => child.signal(name);
  return { endpoint, directory, keys, signal, [Symbol.asyncDispose]: close };
}

/** Returns true if the engine answers, whatever the answer is. */
function answers(endpoint: string): Promise<boolean> {
  return new Promise((resolve) => {
    const get = endpoint.startsWith("https:") ? httpsGet : httpGet;
    get(endpoint, { rejectUnauthorized: false, agent: false }, (response) => {
      response.resume().on("end", () => resolve(true));
    }).on("error", () => resolve(false));
  });
}

/** Returns the table [[remotes]] for an engine, or for a proxy in front of the engine. */
export function remoteAt(
  endpoint: string,
  more: Readonly<Record<string, unknown>> = {},
): ConfiguredRemote {
  const entry = { name: "cold", endpoint, bucket: engineBucket, prefix: "prod/", ...more };
  const [remote] = parseRemotes([entry], [], "test");
  if (remote === undefined) throw new Error("no remote");
  return remote;
}

/**
 * These settings make few attempts with short pauses. Each attempt has the time that a busy machine
 * needs.
 */
export const fewAttempts = {
  ...{ idleMs: 60_000, baseMs: 120_000, minBytesPerSecond: 1024, firstPauseMs: 5, maxPauseMs: 20 },
  maxAttempts: 3,
};

/**
 * These settings are for tests in which no answer comes: an attempt fails after 400 ms without a
 * byte. On a busy machine, attempts that would have succeeded may fail too.
 */
export const impatient = { ...fewAttempts, idleMs: 400 };

export function bucketAt(
  endpoint: string,
  keys: Engine["keys"] | undefined,
  options: Partial<BucketOptions> & { readonly table?: Readonly<Record<string, unknown>> } = {},
): Bucket & Disposable {
  const { table, ...more } = options;
  return openBucket({
    remote: remoteAt(endpoint, table),
    observer: unobservedRemotes,
    credentials: { current: async () => keys, renew: () => undefined },
    ...more,
  });
}
