// Provokes errors of requests that conflict with other activity: a running upload, an open
// directory, or similar ids.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { OnNameConflict, SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { eventually } from "../../support/eventually.js";
import { withScratchDir } from "../../support/scratch.js";
import { plantTwins } from "../../support/twins.js";
import { createGate, entriesOf, heldBack, makeSmallSource, type Gate } from "../contents.js";
import { createHeader, whole } from "./frames.js";
import { openScene, runCases, type ErrorCase, type Scene } from "./scene.js";

const rpc = SnapshotService.method;
const requestId = "7d9b1ad4-6d6a-4d59-8f0e-3f2b0a6f1c22";

/** Returns the cases that need a running upload named "slow" with the same request id. */
function runningCases({ call, tar }: Scene, runningId: string): readonly ErrorCase[] {
  const slow = { name: "slow" };
  const metadata = { snapshot_id: runningId };
  return [
    {
      reason: "OPERATION_IN_PROGRESS",
      how: "the same request again",
      provoke: () => call(rpc.create, createHeader({ config: slow, requestId })),
      expected: { retry: true, resource: `snapshot ${runningId}`, metadata },
    },
    {
      reason: "OPERATION_IN_PROGRESS",
      how: "replacing a name that an upload is taking",
      provoke: () =>
        call(
          rpc.create,
          createHeader({ config: slow, onNameConflict: OnNameConflict.REPLACE }),
          ...whole(tar),
        ),
      expected: { retry: true, resource: "snapshot slow", metadata },
    },
    {
      reason: "SNAPSHOT_NAME_TAKEN",
      how: "a name that an upload is taking",
      provoke: () => call(rpc.create, createHeader({ config: slow }), ...whole(tar)),
      expected: { resource: "snapshot slow", metadata: { ...metadata, state: "pending" } },
    },
    {
      reason: "SNAPSHOT_NOT_FOUND",
      how: "an upload that has not ended",
      provoke: () => call(rpc.inspect, { ref: runningId }),
      expected: { resource: `snapshot ${runningId}` },
    },
  ];
}

/** Starts an upload that waits for the gate. Returns when the upload has begun. */
async function startSlowUpload(
  { client, root, tar }: Scene,
  gate: Gate,
): Promise<{ readonly id: string; readonly done: Promise<unknown> }> {
  const header = { config: { name: "slow" }, requestId };
  const done = client.create(header, heldBack(tar, gate));
  await eventually("an upload", async () => (await entriesOf(root, "staging")).length > 0);
  const [id = ""] = await entriesOf(root, "staging");
  return { id, done };
}

export function encounterErrors(): void {
  test("requests about a running upload", async (t) => {
    const scene = await openScene(t);
    const gate = createGate();
    const upload = await startSlowUpload(scene, gate);
    await runCases(t, scene, runningCases(scene, upload.id));
    gate.open();
    await upload.done;
    assert.equal((await scene.client.inspect("slow")).snapshot?.config?.id, upload.id);
  });

  test("a ref that is a prefix of two ids", (t) =>
    withScratchDir(async (scratch) => {
      const root = join(scratch, "root");
      const ids = await plantTwins(root, await makeSmallSource(join(scratch, "source")));
      await t.test("is ambiguous", async (inner) => {
        const scene = await openScene(inner, { root });
        const ref = ids[0]?.slice(0, 3) ?? "";
        const ambiguous = (how: string, provoke: ErrorCase["provoke"]): ErrorCase => ({
          reason: "AMBIGUOUS_REF",
          how,
          provoke,
          expected: { resource: `snapshot ${ref}`, metadata: { candidates: ids.join(",") } },
        });
        await runCases(inner, scene, [
          ambiguous("Inspect", () => scene.call(rpc.inspect, { ref })),
          ambiguous("Delete", () => scene.call(rpc.delete, { refs: [ref] })),
          ambiguous("Restore", () => scene.call(rpc.restore, { ref })),
        ]);
      });
    }));

  test("a snapshot whose data directory is open", async (t) => {
    const scene = await openScene(t);
    const id = await scene.store("web");
    await using lease = await scene.client.openDataDirectory("web");
    assert.ok(lease.directory.includes(id));
    await runCases(t, scene, [
      {
        reason: "SNAPSHOT_IN_USE",
        how: "Delete",
        provoke: () => scene.call(rpc.delete, { refs: ["web"] }),
        expected: { resource: `snapshot ${id}` },
      },
    ]);
  });
}
