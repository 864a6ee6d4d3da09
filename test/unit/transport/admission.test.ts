// Tests each limit on calls. A call at the limit is admitted, a call above it is refused, and a
// released permit can be used again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isStoreError } from "../../../src/base/errors.js";
import { Health } from "../../../gen/ts/grpc/health/v1/health_pb.js";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import type { Identity } from "../../../src/model/access.js";
import { createAdmission, type CallLimits } from "../../../src/transport/admission.js";
import { bindService, type MethodBinding } from "../../../src/transport/handler.js";
import { grpcLimits } from "../../support/defaults.js";

const traits = { byteStreams: ["create"] } as const;
const snapshots = bindService(SnapshotService, {}, traits).methods;
const methodOf = (name: string): MethodBinding => {
  const found = [...snapshots, ...bindService(Health, {}).methods].find((method) =>
    method.name.endsWith(name),
  );
  assert.ok(found !== undefined, name);
  return found;
};
const [create, list, check] = ["/Create", "/List", "/Check"].map(methodOf);
const one: Identity = { name: "one", role: "writer", namePrefix: "" };
const other: Identity = { ...one, name: "other" };
const shared: Identity = { ...one, name: "unix", shared: true };

interface Case {
  readonly limit: keyof CallLimits;
  readonly method: MethodBinding | undefined;
  readonly identity: Identity | undefined;
  /** A call that is still admitted when the limit is reached. */
  readonly stillIn: readonly [MethodBinding | undefined, Identity | undefined];
}

const cases: readonly Case[] = [
  { limit: "maxStreams", method: create, identity: shared, stillIn: [list, shared] },
  { limit: "maxStreamsPerIdentity", method: create, identity: one, stillIn: [create, other] },
  { limit: "maxCallsPerIdentity", method: list, identity: one, stillIn: [list, other] },
  { limit: "maxPendingRequests", method: list, identity: shared, stillIn: [create, shared] },
  { limit: "maxOpenCalls", method: check, identity: undefined, stillIn: [list, one] },
];

function enterWith(limits: Partial<CallLimits>) {
  const admission = createAdmission({ ...grpcLimits, ...limits });
  return (method: MethodBinding | undefined, identity: Identity | undefined) => {
    assert.ok(method !== undefined);
    return admission.enter(method, () => undefined, identity);
  };
}

function refusesWith(max: number, call: () => unknown): void {
  assert.throws(call, (error) => {
    assert.ok(isStoreError(error, "TOO_MANY_STREAMS"));
    assert.equal(error.code, "RESOURCE_EXHAUSTED");
    assert.equal(error.metadata["max"], String(max));
    assert.ok((error.retryAfterMs ?? 0) > 0);
    return true;
  });
}

for (const { limit, method, identity, stillIn } of cases) {
  test(`${limit}: exactly this many calls may run`, () => {
    const max = 3;
    const enter = enterWith({ [limit]: max });
    const admitted = [enter(method, identity), enter(method, identity), enter(method, identity)];
    refusesWith(max, () => enter(method, identity));
    enter(...stillIn).leave();
    refusesWith(max, () => enter(method, identity));
    admitted[0]?.leave();
    // A second release of the same call has no effect.
    admitted[0]?.leave();
    enter(method, identity);
    refusesWith(max, () => enter(method, identity));
  });
}

test("maxCalls: exactly this many calls of all kinds and callers may run", () => {
  const enter = enterWith({ maxCalls: 3 });
  const first = enter(create, one);
  enter(list, shared);
  enter(check, undefined);
  refusesWith(3, () => enter(list, other));
  first.leave();
  enter(list, other);
});

test("a request that has arrived does not count as unfinished", () => {
  const enter = enterWith({ maxPendingRequests: 1 });
  const call = enter(list, one);
  refusesWith(1, () => enter(list, one));
  call.requestArrived();
  call.requestArrived();
  enter(list, one);
  refusesWith(1, () => enter(list, one));
});

test("a caller with a shared identity has no separate limit", () => {
  const enter = enterWith({ maxStreamsPerIdentity: 1, maxCallsPerIdentity: 1 });
  for (let calls = 0; calls < 3; calls++) enter(create, shared);
});
