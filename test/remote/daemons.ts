// Starts daemons that share a bucket of a real engine.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { connect, type PushResponse, type RemoteSnapshot } from "../../src/client/index.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { engineBucket, type Engine } from "../support/engine.js";
import type { Node, Reached } from "../replication/nodes.js";

interface RemoteOptions {
  readonly prefix?: string;
  /** The content of the file with the encryption key. */
  readonly key?: string;
  /** The URL of the object store. The default is the engine's own. */
  readonly endpoint?: string;
  /** The root of the daemon. The default is a new directory. */
  readonly root?: string;
}

/** Starts a daemon whose remote `cold` is below a prefix of the engine's bucket. */
export async function startRemoteNode(
  t: TestContext,
  engine: Pick<Engine, "endpoint" | "keys">,
  options: RemoteOptions = {},
): Promise<Node> {
  const scratch = await makeScratch(t, "stasis-remote-");
  const node = await startTestDaemon(t, options.root === undefined ? {} : { root: options.root }, {
    configFile: await writeRemoteConfig(scratch, engine, options),
  });
  const client = connect(node.address);
  t.after(() => client.close());
  return { ...node, client };
}

/**
 * Writes a configuration file with the remote `cold`, and the files that it names, into a
 * directory. Returns the path of the configuration file.
 */
export async function writeRemoteConfig(
  scratch: string,
  engine: Pick<Engine, "endpoint" | "keys">,
  { prefix = "prod/", key, endpoint = engine.endpoint }: RemoteOptions = {},
): Promise<string> {
  const credentials = join(scratch, "credentials");
  const { accessKeyId, secretAccessKey } = engine.keys;
  const keys = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  await writeFile(credentials, `[default]\n${keys}`, { mode: 0o600 });
  const keyFile = join(scratch, "key");
  if (key !== undefined) await writeFile(keyFile, key, { mode: 0o600 });
  const configFile = join(scratch, "stasis.toml");
  const lines = [
    "[[remotes]]",
    `name = "cold"`,
    `endpoint = "${endpoint}"`,
    `bucket = "${engineBucket}"`,
    `prefix = "${prefix}"`,
    `credentials_file = "${credentials}"`,
    ...(key === undefined ? [] : [`encryption_key_file = "${keyFile}"`]),
  ];
  await writeFile(configFile, `${lines.join("\n")}\n`, { mode: 0o600 });
  return configFile;
}

type PushProgress = Extract<PushResponse["event"], { case: "progress" }>["value"];

/** Pushes a snapshot to the remote `cold`. */
export async function pushTo(
  { client }: Reached,
  request: Readonly<
    Record<"ref", string> &
      Partial<Record<"name" | "requestId", string>> & { limitBytesPerSecond?: bigint }
  >,
): Promise<{ readonly snapshot: RemoteSnapshot; readonly progress: PushProgress }> {
  let snapshot: RemoteSnapshot | undefined;
  let progress: PushProgress | undefined;
  for await (const { event } of client.push({ ...request, remote: "cold" })) {
    if (event.case === "progress") progress = event.value;
    if (event.case === "remoteSnapshot") snapshot = event.value;
  }
  if (snapshot === undefined || progress === undefined) throw new Error("the push has no end");
  return { snapshot, progress };
}
