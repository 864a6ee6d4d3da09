// Tests every method of stasis.v1 while the root is unavailable: no answer is INTERNAL, and GetInfo
// reports the reason.
import assert from "node:assert/strict";
import { mkdir, rename, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type Client } from "../../src/client/index.js";
import { ErrorReason } from "../../gen/ts/stasis/v1/errors_pb.js";
import { firstAnswer, openCaller } from "../access/one-call.js";
import { methods, shortName } from "../access/served-methods.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { withScratchDir } from "../support/scratch.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { makeSmallSource, packDirectory } from "./contents.js";

const gone = "ROOT_UNAVAILABLE";

interface Prepared {
  readonly peer: string;
  readonly source: string;
  readonly directory: string;
  readonly session: { readonly sessionId: string; readonly epoch: bigint };
}

interface Expected {
  readonly fields?: Readonly<Record<string, unknown>>;
  /** The expected reason. The default is ROOT_UNAVAILABLE. */
  readonly answer?: string;
}

const digest = `sha256:${"0".repeat(64)}`;

/** Returns the request of each method, and its expected answer. */
function expectations({ peer, source, directory, session }: Prepared): Record<string, Expected> {
  const ref = "a";
  const header = { case: "header", value: { config: { name: "b" } } };
  const page = { ...session, pageSize: 10 };
  return {
    "SnapshotService/Create": { fields: { frame: header } },
    "SnapshotService/CreateFromDirectory": {
      fields: { directory: source, config: { name: "b" } },
    },
    "SnapshotService/CreateDeltaFromDirectory": {
      fields: { directory: source, config: { name: "b" }, parent: ref },
    },
    "SnapshotService/List": {},
    "SnapshotService/Inspect": { fields: { ref } },
    "SnapshotService/Update": {
      fields: { ref, description: "x", updateMask: { paths: ["description"] } },
    },
    "SnapshotService/Delete": { fields: { refs: [ref] } },
    "SnapshotService/Restore": { fields: { ref } },
    "SnapshotService/Export": { fields: { ref } },
    "SnapshotService/ReadFile": { fields: { ref, file: "state.json" } },
    "SnapshotService/ExportToDirectory": { fields: { ref, directory: join(directory, "out") } },
    "SnapshotService/CloneToDirectory": { fields: { ref, directory: join(directory, "clone") } },
    "SnapshotService/TakeToDirectory": { fields: { ref, directory: join(directory, "taken") } },
    "SnapshotService/Import": { fields: { frame: { case: "header", value: { name: "b" } } } },
    "SnapshotService/ImportFromDirectory": { fields: { directory: source, name: "b" } },
    "SnapshotService/OpenDataDirectory": { fields: { ref } },
    "SnapshotService/Verify": {},
    "SnapshotService/Watch": {},
    "ReplicationService/Pull": { fields: { source: peer, ref: "p" } },
    "ReplicationService/Push": { fields: { target: peer, ref, source: peer } },
    "ReplicationService/ListTransfers": {},
    "ReplicationService/CancelTransfer": { fields: { digest } },
    "ReplicationService/GetManifest": { fields: { digest } },
    "ReplicationService/ReadTable": { fields: { snapshotId: ref, file: "memory" } },
    "ReplicationService/ReadBlocks": { fields: { snapshotId: ref, file: "memory" } },
    "RemoteService/ListRemotes": { answer: "OK" },
    "RemoteService/ListRemoteSnapshots": {
      fields: { remote: "nobody" },
      answer: "FIELD_INVALID",
    },
    "RemoteService/CheckRemote": { fields: { remote: "nobody" }, answer: "FIELD_INVALID" },
    "RemoteService/CollectRemoteGarbage": { fields: { remote: "nobody" }, answer: "FIELD_INVALID" },
    "RemoteService/VerifyRemote": { fields: { remote: "nobody" }, answer: "FIELD_INVALID" },
    "RemoteService/DeleteRemoteSnapshots": {
      fields: { remote: "nobody", refs: ["x"] },
      answer: "FIELD_INVALID",
    },
    "GcService/CollectGarbage": { fields: { policy: { evictAll: true } } },
    "GcService/BeginGc": { fields: { owner: "test" } },
    "GcService/ListGcReferences": { fields: page },
    "GcService/ListGcCandidates": { fields: { ...page, policy: { evictAll: true } } },
    "GcService/CollectGc": {
      fields: { ...session, ids: ["x"], requestId: "11111111-2222-4333-8444-555555555555" },
    },
    "GcService/RenewGc": { fields: session, answer: "OK" },
    "GcService/EndGc": { fields: session, answer: "OK" },
    "SystemService/GetInfo": { answer: "OK" },
    "SystemService/Check": {},
    "SystemService/Repair": { fields: { dryRun: true } },
  };
}

async function infoSaysWhy(client: Client, address: string): Promise<void> {
  const { problems, usage, version } = await client.getInfo();
  assert.deepEqual(
    problems.map(({ reason, stopsReads }) => [ErrorReason[reason], stopsReads]),
    [[gone, true]],
  );
  assert.match(problems[0]?.message ?? "", /the root .* is not available: .* at its path/);
  assert.equal(usage, undefined);
  assert.notEqual(version, "");
  const { code, stdout } = await runStasis(["--addr", address, "info"]);
  assert.equal(code, 0);
  assert.match(stdout, /^Problem: +ROOT_UNAVAILABLE since /m);
}

for (const replaced of [false, true]) {
  const what = replaced ? "another directory is at its path" : "there is nothing at its path";
  test(`no method answers INTERNAL while the root is unavailable: ${what}`, () =>
    withScratchDir(async (directory) => {
      const source = await makeSmallSource(join(directory, "source"));
      const root = join(directory, "root");
      await using peer = await startDaemonProcess(join(directory, "peer"));
      await using daemon = await startDaemonProcess(root, { socket: join(directory, "s") });
      await using peerClient = connect(peer.address);
      await using client = connect(daemon.address);
      await peerClient.create({ config: { name: "p" } }, packDirectory(source));
      await client.create({ config: { name: "a" } }, packDirectory(source));
      const { sessionId, epoch } = await client.beginGc({ owner: "before" });
      await rename(root, `${root}-moved`);
      if (replaced) await mkdir(root, { mode: 0o700 });
      // GetInfo, which operators call first, reports the reason at once.
      await infoSaysWhy(client, daemon.address);

      const session = { sessionId, epoch };
      const expected = expectations({ peer: peer.address, source, directory, session });
      assert.deepEqual(methods.map(shortName).sort(), Object.keys(expected).sort());
      const caller = openCaller({ address: daemon.address });
      try {
        const answers: Record<string, string> = {};
        for (const method of methods) {
          const name = shortName(method);
          const { fields } = expected[name] ?? {};
          answers[name] = await firstAnswer(caller, method, undefined, {}, fields);
        }
        const wanted = Object.entries(expected).map(([name, { answer = gone }]) => [name, answer]);
        assert.deepEqual(answers, Object.fromEntries(wanted));
      } finally {
        caller.close();
      }
      // The daemon created nothing in the directory that is not the store.
      if (replaced) await rmdir(root);
      await rename(`${root}-moved`, root);
      daemon.signal("SIGTERM");
      assert.deepEqual(await daemon.exited, { code: 0, signal: null });
    }));
}
