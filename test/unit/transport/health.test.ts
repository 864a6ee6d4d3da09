// Tests grpc.health.v1 as its proto file describes it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { status as grpcStatus } from "@grpc/grpc-js";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../../gen/ts/grpc/health/v1/health_pb.js";
import type { HealthProblem } from "../../../src/transport/health.js";
import { download, failureOf, startServer, unary } from "./harness.js";

const snapshotService = "stasis.v1.SnapshotService";
const writes = `${snapshotService}/writes`;

test("Check and List follow setServing, for the whole server and for each service", async () => {
  await using harness = await startServer({});
  const check = async (service: string): Promise<ServingStatus> =>
    (await unary(harness.client, Health.method.check, { service })).status;
  assert.equal(await check(""), ServingStatus.SERVING);
  assert.equal(await check(snapshotService), ServingStatus.SERVING);
  const { statuses } = await unary(harness.client, Health.method.list, {});
  assert.deepEqual(Object.keys(statuses).sort(), ["", snapshotService, writes]);
  harness.server.setServing(false);
  assert.equal(await check(""), ServingStatus.NOT_SERVING);
  assert.equal(await check(snapshotService), ServingStatus.NOT_SERVING);
});

const stopped: readonly { problem: HealthProblem; services: readonly string[] }[] = [
  {
    problem: { error: { reason: "ROOT_UNAVAILABLE" }, stopsReads: true },
    services: ["", snapshotService, writes],
  },
  {
    problem: { error: { reason: "STORED_DATA_CORRUPT" }, stopsReads: true },
    services: ["", snapshotService, writes],
  },
  { problem: { error: { reason: "STORE_READ_ONLY" }, stopsReads: false }, services: [writes] },
  { problem: { error: { reason: "IO_FAILED" }, stopsReads: false }, services: [writes] },
  { problem: { error: { reason: "STORAGE_FULL" }, stopsReads: false }, services: [writes] },
];

for (const { problem, services } of stopped) {
  test(`services are reported as not serving because of ${problem.error.reason}`, async () => {
    await using harness = await startServer({});
    const notServing = async (): Promise<string[]> => {
      const { statuses } = await unary(harness.client, Health.method.list, {});
      return Object.keys(statuses)
        .filter((name) => statuses[name]?.status !== ServingStatus.SERVING)
        .sort();
    };
    harness.server.setProblems([problem]);
    assert.deepEqual(await notServing(), services);
    harness.server.setServing(false);
    assert.deepEqual(await notServing(), ["", snapshotService, writes]);
    harness.server.setServing(true);
    harness.server.setProblems([]);
    assert.deepEqual(await notServing(), []);
  });
}

test("Check of an unknown service answers NOT_FOUND", async () => {
  await using harness = await startServer({});
  const request = { service: "no.Such" };
  const error = await failureOf(unary(harness.client, Health.method.check, request));
  assert.equal(error.code, grpcStatus.NOT_FOUND);
});

test("Watch sends the current status and each change, and ends with its caller", async () => {
  await using harness = await startServer({});
  const call = download(harness.client, Health.method.watch, { service: snapshotService });
  call.on("error", () => undefined);
  const seen: ServingStatus[] = [];
  for await (const { status } of call) {
    seen.push(status);
    if (seen.length === 3) break;
    harness.server.setServing(status !== ServingStatus.SERVING);
  }
  assert.deepEqual(seen, [ServingStatus.SERVING, ServingStatus.NOT_SERVING, ServingStatus.SERVING]);
  call.cancel();
  while (harness.server.activeCalls() > 0) await unary(harness.client, Health.method.list, {});
});

test("Watch of an unknown service reports it as unknown and stays open", async () => {
  await using harness = await startServer({});
  const call = download(harness.client, Health.method.watch, { service: "no.Such" });
  for await (const { status } of call) {
    assert.equal(status, ServingStatus.SERVICE_UNKNOWN);
    break;
  }
  assert.equal(harness.server.activeCalls(), 1);
  call.on("error", () => undefined);
  call.cancel();
});
