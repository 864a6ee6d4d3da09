// Tests request ids and their outcomes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NewUpload } from "../../../src/catalog/open.js";
import { configOf, idOf, startMs, throwsReason, withCatalog } from "./support.js";

const requestId = "00000000-0000-4000-8000-000000000001";

function upload(id: string, changes: Partial<NewUpload> = {}): NewUpload {
  return {
    id,
    config: configOf(),
    createdAt: new Date(startMs),
    kind: "create",
    requestId,
    fingerprint: "f",
    ...changes,
  };
}

const publication = {
  config: configOf(),
  createdAt: new Date(startMs),
  files: [],
  digest: "",
  chargedBytes: 0,
  replace: false,
  keepReplaced: () => false,
};

test("a request is known while it runs, and its outcome is known after restarts and deletions", async () => {
  await withCatalog(({ catalog, clock, reopen }) => {
    assert.equal(catalog.findRequest(requestId), undefined);
    catalog.insertPending(upload(idOf("a")));
    const running = {
      requestId,
      kind: "create",
      fingerprint: "f",
      snapshotId: idOf("a"),
      startedAt: new Date(startMs),
    };
    assert.deepEqual(catalog.findRequest(requestId), { ...running, state: "running" });
    assert.equal(catalog.pendingUploads()[0]?.requestId, requestId);
    clock.nowMs += 1000;
    catalog.markReady(idOf("a"), publication);
    const finished = { ...running, state: "finished", finishedMs: startMs + 1000 };
    assert.deepEqual(catalog.findRequest(requestId), finished);
    const again = reopen();
    again.markDeleting([idOf("a")]);
    again.removeRow(idOf("a"));
    assert.deepEqual(again.findRequest(requestId), finished);
  });
});

test("an abandoned upload frees its request id", async () => {
  await withCatalog(({ catalog }) => {
    catalog.insertPending(upload(idOf("a")));
    catalog.abandonPending(idOf("a"));
    assert.equal(catalog.findRequest(requestId), undefined);
    catalog.insertPending(upload(idOf("b")));
    catalog.markReady(idOf("b"), publication);
    // The upload has already finished, so its outcome is kept.
    catalog.abandonPending(idOf("b"));
    assert.equal(catalog.findRequest(requestId)?.state, "finished");
  });
});

test("one request id cannot make a second snapshot", async () => {
  await withCatalog(({ catalog }) => {
    catalog.insertPending(upload(idOf("a")));
    const again = throwsReason(
      () => catalog.insertPending(upload(idOf("b"))),
      "OPERATION_IN_PROGRESS",
    );
    assert.equal(again.metadata["snapshot_id"], idOf("a"));
    for (const other of [{ fingerprint: "other" }, { kind: "import" }]) {
      throwsReason(() => catalog.insertPending(upload(idOf("b"), other)), "REQUEST_ID_REUSED");
    }
    catalog.markReady(idOf("a"), publication);
    throwsReason(() => catalog.insertPending(upload(idOf("b"))), "REQUEST_ID_REUSED");
    assert.deepEqual(catalog.allIds(), [idOf("a")]);
  });
});

test("old outcomes are forgotten, and running requests are not", async () => {
  await withCatalog(({ catalog, clock }) => {
    const requestOf = (n: number) => requestId.slice(0, -1) + String(n);
    for (const n of [1, 2, 3]) {
      catalog.insertPending(upload(idOf(n), { requestId: requestOf(n) }));
      if (n < 3) catalog.markReady(idOf(n), publication);
      clock.nowMs += 1000;
    }
    assert.equal(catalog.pruneRequests(3000), 0);
    assert.equal(catalog.pruneRequests(2000), 1);
    assert.equal(catalog.findRequest(requestOf(1)), undefined);
    assert.equal(catalog.findRequest(requestOf(2))?.state, "finished");
    clock.nowMs += 1_000_000;
    assert.equal(catalog.pruneRequests(1000), 1);
    assert.equal(catalog.findRequest(requestOf(3))?.state, "running");
  });
});
