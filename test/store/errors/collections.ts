// Provokes errors of collections with a meaningless policy, or without an open session.
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { GcService, type GcPolicySchema } from "../../../gen/ts/stasis/v1/gc_service_pb.js";
import { openScene, runCases, type ErrorCase, type Scene } from "./scene.js";

const rpc = GcService.method;

const requestId = "5b0d3c0e-6a55-4a0b-8c7b-2f5f3f1f7d44";

interface SessionRef {
  readonly sessionId: string;
  readonly epoch: bigint;
}

function policyCases({ call }: Scene): readonly ErrorCase[] {
  const invalid = (field: string, policy: MessageInitShape<typeof GcPolicySchema>): ErrorCase => ({
    reason: "FIELD_INVALID",
    how: field,
    provoke: () => call(rpc.collectGarbage, { policy: { ...policy, evictAll: true } }),
    expected: { fields: [field] },
  });
  return [
    invalid("policy.keep_last", { keepLast: -1 }),
    invalid("policy.max_total_bytes", { maxTotalBytes: -1n }),
    invalid("policy.max_age", { maxAge: { seconds: 0n, nanos: 0 } }),
    invalid("policy.group_by_label", { groupByLabel: "team" }),
  ];
}

/**
 * Returns the cases of sessions. The session `open` of the owner "images" is open, and has read no
 * references yet.
 */
function sessionCases(
  { call }: Scene,
  open: SessionRef,
  over: SessionRef,
  nobody: SessionRef,
): readonly ErrorCase[] {
  const busy = (how: string, provoke: ErrorCase["provoke"]): ErrorCase => ({
    reason: "GC_LOCK_BUSY",
    how,
    provoke,
    expected: { retry: true, metadata: { owner: "images" } },
  });
  const fenced = (how: string, { sessionId }: SessionRef, provoke: ErrorCase["provoke"]) => ({
    reason: "GC_SESSION_FENCED" as const,
    how,
    provoke,
    expected: { resource: `gc_session ${sessionId}` },
  });
  const unknown = (how: string, provoke: ErrorCase["provoke"]): ErrorCase => ({
    reason: "GC_SESSION_NOT_FOUND",
    how,
    provoke,
    expected: { resource: `gc_session ${nobody.sessionId}` },
  });
  const collection = { ids: ["x"], requestId };
  const later = { ...open, epoch: open.epoch + 1n };
  return [
    busy("BeginGc", () => call(rpc.beginGc, { owner: "second" })),
    busy("CollectGarbage", () => call(rpc.collectGarbage, {})),
    fenced("an ended session", over, () => call(rpc.renewGc, over)),
    fenced("an epoch that is not open", open, () => call(rpc.listGcCandidates, later)),
    fenced("CollectGc", over, () => call(rpc.collectGc, { ...over, ...collection })),
    unknown("RenewGc", () => call(rpc.renewGc, nobody)),
    unknown("EndGc", () => call(rpc.endGc, nobody)),
    unknown("CollectGc", () => call(rpc.collectGc, { ...nobody, ...collection })),
    {
      reason: "GC_REFERENCES_INCOMPLETE",
      how: "CollectGc before the last page of references",
      provoke: () => call(rpc.collectGc, { ...open, ...collection }),
    },
    {
      reason: "FIELD_INVALID",
      how: "CollectGc without request_id",
      provoke: () => call(rpc.collectGc, { ...open, ids: ["x"] }),
      expected: { fields: ["request_id"] },
    },
    {
      reason: "PAGE_TOKEN_INVALID",
      how: "ListGcReferences",
      provoke: () => call(rpc.listGcReferences, { ...open, pageToken: "no-token" }),
      expected: { fields: ["page_token"] },
    },
  ];
}

export function collectionErrors(): void {
  test("invalid collections", async (t) => {
    const scene = await openScene(t);
    const { client } = scene;
    await scene.store("web");
    await runCases(t, scene, policyCases(scene));
    const over = await client.beginGc({ owner: "before" });
    await client.endGc({ sessionId: over.sessionId, epoch: over.epoch });
    const { sessionId, epoch } = await client.beginGc({ owner: "images" });
    const cases = sessionCases(
      scene,
      { sessionId, epoch },
      { sessionId: over.sessionId, epoch: over.epoch },
      { sessionId: randomUUID(), epoch: 1n },
    );
    await runCases(t, scene, cases);
    await client.renewGc({ sessionId, epoch });
  });
}
