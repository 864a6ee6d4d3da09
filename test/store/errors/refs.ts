// Provokes errors of refs, names, tokens and fields that are meaningless or belong to another
// object.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { eventually } from "../../support/eventually.js";
import { entriesOf } from "../contents.js";
import { createHeader, noSuchValue, whole } from "./frames.js";
import { openScene, runCases, type ErrorCase, type Scene } from "./scene.js";

const rpc = SnapshotService.method;
const requestIds = {
  done: "0d3f0a52-7e2e-4b0a-9d43-0a2f6d0b9e11",
  deleted: "3c1fbd3e-52cc-4b3b-8a55-6b7c8c0f9a33",
} as const;

function requestCases({ call, scratch }: Scene, otherToken: string): readonly ErrorCase[] {
  const invalid = (field: string, provoke: ErrorCase["provoke"]): ErrorCase => ({
    reason: "FIELD_INVALID",
    how: field,
    provoke,
    expected: { fields: [field] },
  });
  const badToken = (how: string, pageToken: string): ErrorCase => ({
    reason: "PAGE_TOKEN_INVALID",
    how,
    provoke: () => call(rpc.list, { pageToken }),
    expected: { fields: ["page_token"] },
  });
  const rename = { ref: "web", updateMask: { paths: ["name"] } };
  const directory = join(scratch, "source");
  return [
    badToken("no token", "no-token"),
    badToken("a token for another filter", otherToken),
    invalid("page_size", () => call(rpc.list, { pageSize: -1 })),
    invalid("update_mask", () => call(rpc.update, { ref: "web" })),
    invalid("update_mask", () =>
      call(rpc.update, { ref: "web", updateMask: { paths: ["digest"] } }),
    ),
    invalid("name", () => call(rpc.update, { ...rename, name: "no spaces" })),
    invalid("refs", () => call(rpc.delete, { refs: [] })),
    invalid("resume_token", () => call(rpc.watch, { resumeToken: "no token" })),
    invalid("compression", () => call(rpc.export, { ref: "web", compression: noSuchValue })),
    invalid("sparse_format", () => call(rpc.restore, { ref: "web", sparseFormat: noSuchValue })),
    invalid("file", () => call(rpc.readFile, { ref: "web", file: "disk" })),
    invalid("ranges[1].offset", () =>
      call(rpc.readFile, { ref: "web", file: "x", ranges: [range(4n), range(2n)] }),
    ),
    invalid("ranges[0].length", () =>
      call(rpc.readFile, { ref: "web", file: "x", ranges: [range(0n, -1n)] }),
    ),
    invalid("limit_bytes_per_second", () =>
      call(rpc.verify, { ref: "web", limitBytesPerSecond: 2n ** 60n }),
    ),
    invalid("directory", () => call(rpc.createFromDirectory, { directory: "relative" })),
    invalid("config.name", () =>
      call(rpc.createFromDirectory, { directory, config: { name: "no spaces" } }),
    ),
    invalid("name", () => call(rpc.importFromDirectory, { directory, name: "no spaces" })),
    invalid("request_id", () => call(rpc.importFromDirectory, { directory, requestId: "1" })),
  ];
}

function range(offset: bigint, length = 1n) {
  return { offset, length };
}

function missingCases({ call, scratch }: Scene, deletedId: string): readonly ErrorCase[] {
  const ref = "nobody";
  const missing = (how: string, provoke: ErrorCase["provoke"], whom = ref): ErrorCase => ({
    reason: "SNAPSHOT_NOT_FOUND",
    how,
    provoke,
    expected: { resource: `snapshot ${whom}` },
  });
  const directory = join(scratch, "absent");
  const again = createHeader({ config: { name: "gone" }, requestId: requestIds.deleted });
  return [
    missing("Inspect", () => call(rpc.inspect, { ref })),
    missing("Inspect of two characters", () => call(rpc.inspect, { ref: "we" }), "we"),
    missing("Update", () => call(rpc.update, { ref, name: "x", updateMask: { paths: ["name"] } })),
    missing("Delete, one ref of two", () => call(rpc.delete, { refs: ["web", ref] })),
    missing("Restore", () => call(rpc.restore, { ref })),
    missing("Export", () => call(rpc.export, { ref })),
    missing("ExportToDirectory", () => call(rpc.exportToDirectory, { ref, directory })),
    missing("OpenDataDirectory", () => call(rpc.openDataDirectory, { ref })),
    missing("Verify", () => call(rpc.verify, { ref })),
    missing("a request id whose snapshot was deleted", () => call(rpc.create, again), deletedId),
  ];
}

/**
 * Returns the cases of names and ids in use. `webId` has the name web, `otherId` has no name, and
 * `done` is the request id of "done".
 */
function takenCases(
  { call, tar }: Scene,
  { webId, otherId }: { webId: string; otherId: string },
): readonly ErrorCase[] {
  const web = createHeader({ config: { name: "web" } });
  const reused = createHeader({ config: { name: "other" }, requestId: requestIds.done });
  const updateMask = { paths: ["name"] };
  return [
    {
      reason: "SNAPSHOT_NAME_TAKEN",
      how: "Create, a name in use",
      provoke: () => call(rpc.create, web, ...whole(tar)),
      expected: { resource: "snapshot web", metadata: { snapshot_id: webId, state: "ready" } },
    },
    {
      reason: "SNAPSHOT_NAME_TAKEN",
      how: "Create with the id of another snapshot as its name",
      provoke: () => call(rpc.create, createHeader({ config: { name: otherId } }), ...whole(tar)),
      expected: { resource: `snapshot ${otherId}`, metadata: { snapshot_id: otherId } },
    },
    {
      reason: "SNAPSHOT_NAME_TAKEN",
      how: "Update",
      provoke: () => call(rpc.update, { ref: otherId, name: "web", updateMask }),
      expected: { resource: "snapshot web", metadata: { snapshot_id: webId } },
    },
    {
      reason: "REQUEST_ID_REUSED",
      how: "with another name",
      provoke: () => call(rpc.create, reused, ...whole(tar)),
      expected: { metadata: { request_id: requestIds.done } },
    },
  ];
}

export function refErrors(): void {
  test("meaningless requests, and requests about another caller's objects", async (t) => {
    const scene = await openScene(t);
    const { client, tar } = scene;
    const webId = await scene.store("web");
    const otherId = await scene.store();
    const done = createHeader({ config: { name: "done" }, requestId: requestIds.done });
    assert.equal((await scene.call(rpc.create, done, ...whole(tar))).code, "OK");
    const gone = createHeader({ config: { name: "gone" }, requestId: requestIds.deleted });
    assert.equal((await scene.call(rpc.create, gone, ...whole(tar))).code, "OK");
    const [deletedId = ""] = (await client.delete("gone")).deletedIds;
    await eventually("an empty trash", async () => {
      return (await entriesOf(scene.root, "trash")).length === 0;
    });
    const { nextPageToken } = await client.list({
      pageSize: 1,
      filter: { image: "", protected: false },
    });
    assert.notEqual(nextPageToken, "");
    await runCases(t, scene, requestCases(scene, nextPageToken));
    await runCases(t, scene, missingCases(scene, deletedId));
    await runCases(t, scene, takenCases(scene, { webId, otherId }));
  });
}
