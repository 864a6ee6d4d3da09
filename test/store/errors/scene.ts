// Starts a daemon for provoked errors, and checks each answer: code, domain, reason, details, and
// an unchanged store.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { DescMessage, DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import { codeOfReason, type ErrorReason } from "../../../src/base/errors.js";
import { connect, type Client } from "../../../src/client/index.js";
import type { Daemon } from "../../../src/daemon/daemon.js";
import { startTestDaemon } from "../../support/daemon.js";
import { callForStatus, type CallStatus } from "../../support/status-call.js";
import { collect, entriesOf, makeSmallSource, packDirectory, streamOf } from "../contents.js";

export interface Scene {
  readonly daemon: Daemon;
  readonly client: Client;
  readonly root: string;
  readonly scratch: string;
  /** Contains the tar of a small snapshot. */
  readonly tar: Uint8Array;
  call<I extends DescMessage>(
    method: DescMethod & { readonly input: I },
    ...requests: readonly MessageInitShape<I>[]
  ): Promise<CallStatus>;
  /** Stores a snapshot and returns its id. */
  store(name?: string): Promise<string>;
}

export async function openScene(
  t: TestContext,
  flags: Readonly<Record<string, string | number>> = {},
): Promise<Scene> {
  const { daemon, address, root, scratch } = await startTestDaemon(t, flags);
  const client = connect(address);
  t.after(() => client.close());
  const tar = await collect(packDirectory(await makeSmallSource(join(scratch, "source"))));
  const call: Scene["call"] = (method, ...requests) => callForStatus(address, method, requests);
  const store: Scene["store"] = async (name = "") => {
    const { snapshot } = await client.create({ config: { name } }, streamOf(tar));
    return snapshot?.config?.id ?? "";
  };
  return { daemon, client, root, scratch, tar, call, store };
}

/** Describes the expected parts of an answer, in addition to code, domain and reason. */
export interface Expected {
  /** The fields of google.rpc.BadRequest. By default there are none. */
  readonly fields?: readonly string[];
  /** The `type name` of google.rpc.ResourceInfo. By default it is not checked. */
  readonly resource?: string;
  /** The entries that ErrorInfo.metadata must have. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** True if RetryInfo must be present. By default it must be absent. */
  readonly retry?: boolean;
}

/** Describes one way to make the daemon answer with `reason`. */
export interface ErrorCase {
  readonly reason: ErrorReason;
  /** Describes the provocation in the test's title. */
  readonly how: string;
  readonly provoke: () => Promise<CallStatus>;
  readonly expected?: Expected;
}

/** Contains the reasons that the cases have expected so far. */
export const covered = new Set<ErrorReason>();

/** Runs each case as a separate test. No case may change the store. */
export async function runCases(
  t: TestContext,
  scene: Scene,
  cases: readonly ErrorCase[],
): Promise<void> {
  for (const { reason, how, provoke, expected = {} } of cases) {
    await t.test(`${reason}: ${how}`, async () => {
      const before = await pictureOf(scene);
      checkStatus(await provoke(), reason, expected);
      assert.deepEqual(await pictureOf(scene), before);
    });
  }
}

function checkStatus(status: CallStatus, reason: ErrorReason, expected: Expected): void {
  covered.add(reason);
  assert.equal(status.reason, reason, status.message);
  assert.equal(status.domain, "stasis.v1");
  assert.equal(status.code, codeOfReason[reason]);
  assert.ok(status.message.length > 20, status.message);
  assert.ok(status.detailsBytes > 0 && status.detailsBytes <= 4096);
  assert.deepEqual(status.fields, expected.fields ?? []);
  if (expected.resource !== undefined) assert.equal(status.resource, expected.resource);
  for (const [key, value] of Object.entries(expected.metadata ?? {})) {
    assert.equal(status.metadata[key], value, `metadata ${key}`);
  }
  assert.equal(status.retryAfterMs !== undefined, expected.retry ?? false, "RetryInfo");
  assert.equal(status.hasPrecondition, status.code === "FAILED_PRECONDITION");
}

/** Returns the content of the store, on disk and as its callers see it. */
async function pictureOf({ root, client }: Scene): Promise<unknown> {
  const { snapshots, totalSize } = await client.list();
  const { snapshotCount, sizeBytes } = (await client.getInfo()).usage ?? {};
  return {
    staging: await entriesOf(root, "staging"),
    data: await entriesOf(root, "data"),
    trash: await entriesOf(root, "trash"),
    quarantine: await entriesOf(root, "quarantine"),
    rest: (await readdir(root)).filter((name) => !/^(catalog\.db|scrub\.json)/.test(name)).sort(),
    snapshots: snapshots.map(({ config }) => [config?.id, config?.name, config?.description]),
    totalSize,
    usage: { snapshotCount, sizeBytes },
  };
}
