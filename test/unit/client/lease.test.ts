// Tests OpenDataDirectory as a lease: how the lease begins, and the ways in which it ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import {
  SnapshotService,
  type OpenDataDirectoryRequest,
  type OpenDataDirectoryResponse,
} from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { isStoreError } from "../../../src/client/index.js";
import { startRawServer, statusWith } from "./raw-server.js";

type LeaseCall = grpc.ServerWritableStream<OpenDataDirectoryRequest, OpenDataDirectoryResponse>;

const answer = {
  directory: "/srv/data/x",
  snapshot: { config: { id: "x", name: "web" } },
} as unknown as OpenDataDirectoryResponse;

async function leaseServer(
  t: Parameters<typeof startRawServer>[0],
  handle: (call: LeaseCall) => void,
) {
  return startRawServer(t, [SnapshotService.method.openDataDirectory], {
    OpenDataDirectory: handle,
  });
}

test("path and configuration come first, and disposing ends the call", async (t) => {
  let cancelled: (() => void) | undefined;
  const cancelSeen = new Promise<void>((resolve) => (cancelled = resolve));
  const { client } = await leaseServer(t, (call) => {
    call.write(answer);
    call.on("cancelled", () => cancelled?.());
  });
  const lease = await client.openDataDirectory("web");
  assert.equal(lease.directory, "/srv/data/x");
  assert.equal(lease.config?.name, "web");
  assert.equal(lease.signal.aborted, false);
  await lease[Symbol.asyncDispose]();
  await cancelSeen;
  assert.equal(await lease.closed, undefined);
  assert.equal(lease.signal.aborted, true);
  await lease[Symbol.asyncDispose]();
});

test("a lease that the daemon ends reports the reason", async (t) => {
  let end: (() => void) | undefined;
  const { client } = await leaseServer(t, (call) => {
    call.write(answer);
    end = () => {
      call.emit("error", statusWith(grpc.status.UNAVAILABLE, "DRAINING", "shutting down"));
    };
  });
  await using lease = await client.openDataDirectory("web");
  end?.();
  const error = await lease.closed;
  assert.ok(isStoreError(error, "DRAINING"));
  assert.equal(lease.signal.aborted, true);
  assert.equal(lease.signal.reason, error);
});

test("a lease is lost with its connection, and also when the daemon merely ends the stream", async (t) => {
  const server = await leaseServer(t, (call) => {
    call.write(answer);
    if (call.request.ref === "short") call.end();
  });
  const short = await server.client.openDataDirectory("short");
  assert.ok(isStoreError(await short.closed, "DAEMON_UNREACHABLE"));
  const lease = await server.client.openDataDirectory("web");
  server.kill();
  assert.ok(isStoreError(await lease.closed, "DAEMON_UNREACHABLE"));
});

test("the timeout limits the wait for the path, and not the lease", async (t) => {
  const { client } = await leaseServer(t, (call) => {
    if (call.request.ref !== "slow") call.write(answer);
  });
  await assert.rejects(client.openDataDirectory("slow", { timeoutMs: 30 }), (error) =>
    isStoreError(error, "DEADLINE_PASSED"),
  );
  const lease = await client.openDataDirectory("web", { timeoutMs: 1000 });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.equal(lease.signal.aborted, false);
  await lease[Symbol.asyncDispose]();
});

test("an error instead of the path rejects, and so does an abort", async (t) => {
  const { client } = await leaseServer(t, (call) => {
    if (call.request.ref === "slow") return;
    call.emit("error", statusWith(grpc.status.NOT_FOUND, "SNAPSHOT_NOT_FOUND", "none"));
  });
  await assert.rejects(client.openDataDirectory("x"), (error) =>
    isStoreError(error, "SNAPSHOT_NOT_FOUND"),
  );
  const controller = new AbortController();
  const { signal } = controller;
  const opening = assert.rejects(client.openDataDirectory("slow", { signal }), (error) =>
    isStoreError(error, "CALL_CANCELLED"),
  );
  controller.abort();
  await opening;
});
