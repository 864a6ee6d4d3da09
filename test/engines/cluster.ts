// Describes an object store of several nodes, one of which the lab kills, and contains what helps
// to start and end one.
import { request } from "node:http";
import { signedHeaders, emptySha256 } from "../../src/remote/s3/sign.js";
import type { Child } from "../support/child.js";
import { engineBucket, type Engine } from "../support/engine.js";
import { eventually } from "../support/eventually.js";

export interface Cluster extends Pick<Engine, "endpoint" | "keys" | "signal">, AsyncDisposable {
  /** Name and version of the engine, and how many copies it keeps. */
  readonly description: string;
  /** Kills one of the nodes that keep the data, without a warning. */
  killNode(): Promise<void>;
  /** Starts the node again that was killed. */
  startNode(): Promise<void>;
}

interface Access {
  readonly endpoint: string;
  readonly region: string;
  readonly keys: Engine["keys"];
}

/**
 * Makes the bucket, and waits until the engine stores an object in it. An engine may listen long
 * before it can store.
 */
export async function makeBucket(access: Access): Promise<void> {
  await eventually("the bucket", async () => (await put(access, `/${engineBucket}`)) < 500);
  await eventually(
    "the first object",
    async () => (await put(access, `/${engineBucket}/ready`)) === 200,
  );
}

/** Returns the status of a PUT without a body, or 599 if there was no answer. */
function put({ endpoint, region, keys }: Access, path: string): Promise<number> {
  const { host, hostname, port } = new URL(endpoint);
  const unsigned = { host, "x-amz-content-sha256": emptySha256, "content-length": "0" };
  const headers = signedHeaders({ method: "PUT", path, headers: unsigned }, region, keys);
  return new Promise((resolve) => {
    request({ method: "PUT", hostname, port, path, headers, agent: false }, (response) => {
      response.resume().on("close", () => resolve(response.statusCode ?? 599));
    })
      .on("error", () => resolve(599))
      .end();
  });
}

/** Ends the processes in the reverse order of their start. */
export async function endAll(children: readonly Child[]): Promise<void> {
  for (const child of children.toReversed()) await child.kill();
}
