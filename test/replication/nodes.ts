// Starts two daemons, and makes snapshots that differ in some pages.
import assert from "node:assert/strict";
import { cp, mkdtemp, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import {
  connect,
  type Client,
  type PullResponse,
  type Snapshot,
  type TransferProgress,
} from "../../src/client/index.js";
import { startTestDaemon, type TestDaemon } from "../support/daemon.js";
import { compareFiles } from "../support/scratch.js";
import { packDirectory } from "../store/contents.js";
import { restoreToLocalDirectory } from "../../src/client/index.js";
import type { RawValue } from "../../src/config/option.js";

export interface Node extends TestDaemon {
  readonly client: Client;
}

export async function startNode(
  t: TestContext,
  flags: Readonly<Record<string, RawValue>> = {},
): Promise<Node> {
  const node = await startTestDaemon(t, flags);
  const client = connect(node.address);
  t.after(() => client.close());
  return { ...node, client };
}

/** Gives access to a node's answers, wherever the node runs. */
export type Reached = Pick<Node, "client">;

export async function createOn(
  node: Reached,
  directory: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<Snapshot> {
  const { snapshot } = await node.client.create(
    { config: { name, labels: { ...labels } } },
    packDirectory(directory),
  );
  if (snapshot === undefined) throw new Error("no snapshot");
  return snapshot;
}

export interface Pulled {
  readonly snapshot: Snapshot;
  readonly progress: PullProgress;
}

export type PullProgress = Extract<PullResponse["event"], { case: "progress" }>["value"];

export async function pull(
  node: Reached,
  request: Parameters<Client["pull"]>[0],
  signal?: AbortSignal,
): Promise<Pulled> {
  let snapshot: Snapshot | undefined;
  let progress: PullProgress | undefined;
  const options = signal === undefined ? {} : { signal };
  for await (const { event } of node.client.pull(request, options)) {
    if (event.case === "progress") progress = event.value;
    if (event.case === "snapshot") snapshot = event.value;
  }
  if (snapshot === undefined || progress === undefined) throw new Error("the pull has no end");
  return { snapshot, progress };
}

/** Pulls to the end and ignores progress messages. */
export async function drainPull(
  client: Client,
  request: Parameters<Client["pull"]>[0],
): Promise<void> {
  for await (const message of client.pull(request)) void message;
}

/**
 * Fails unless the snapshot has the same files, bytes and modes as the directory. The snapshot may
 * have more holes, because zeros in the data arrive as holes.
 */
export async function checkContent(node: Node, ref: string, expected: string): Promise<void> {
  const target = await mkdtemp(join(node.scratch, "restored-"));
  await restoreToLocalDirectory(node.client, ref, target);
  const names = (await readdir(expected)).sort();
  assert.deepEqual((await readdir(target)).sort(), names);
  for (const name of names) {
    await compareFiles(join(target, name), join(expected, name), { holes: false });
    const [a, b] = await Promise.all([stat(join(target, name)), stat(join(expected, name))]);
    assert.equal(a.mode & 0o777, b.mode & 0o777, `mode of ${name}`);
  }
}

export const kib = 1024;
export const mib = 1024 * kib;

/** Makes a copy with other pages at these offsets. */
export async function changedCopy(
  from: string,
  to: string,
  file: string,
  changes: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
): Promise<string> {
  await cp(from, to, { recursive: true });
  await using handle = await open(join(to, file), "r+");
  for (const { offset, bytes } of changes) await handle.write(bytes, 0, bytes.length, offset);
  return to;
}

export type { TransferProgress };
