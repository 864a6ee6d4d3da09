// Tests how a failed call becomes a StoreError. The error may come from the daemon, from another
// program between the client and the daemon, or from the client itself: a deadline, a signal or a
// closed client.
import assert from "node:assert/strict";
import { test } from "node:test";
import { join } from "node:path";
import { create, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack, type Any } from "@bufbuild/protobuf/wkt";
import * as grpc from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../../gen/ts/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../../gen/ts/google/rpc/status_pb.js";
import { ErrorReason } from "../../../gen/ts/stasis/v1/errors_pb.js";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { codeOfReason } from "../../../src/base/errors.js";
import { StoreError, connect, isStoreError } from "../../../src/client/index.js";
import { scratchDirectory, startRawServer, statusWith } from "./raw-server.js";

type UnaryCall = grpc.ServerUnaryCall<unknown, unknown>;
type Answer = grpc.sendUnaryData<unknown>;
type Context = Parameters<typeof startRawServer>[0];

function pack<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Any {
  return anyPack(schema, create(schema, init));
}

function statusOf(code: grpc.status, message: string, details: Any[]): grpc.StatusObject {
  const metadata = new grpc.Metadata();
  const status = create(StatusSchema, { code, message, details });
  metadata.set("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  return { code, details: message, metadata };
}

/** Returns the error of Inspect if a server answers with this status. */
async function inspectError(t: Context, status: Partial<grpc.StatusObject>): Promise<StoreError> {
  const { client } = await startRawServer(t, [SnapshotService.method.inspect], {
    Inspect: (_call: UnaryCall, answer: Answer) => answer(status),
  });
  return rejection(client.inspect("x"));
}

async function rejection(promise: Promise<unknown>): Promise<StoreError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof StoreError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "expected a rejection" });
}

test("the client knows every reason of the API, with its code", () => {
  const names = Object.keys(ErrorReason).filter((name) => Number.isNaN(Number(name)));
  assert.deepEqual(new Set(names), new Set(["UNSPECIFIED", ...Object.keys(codeOfReason)]));
});

test("an error keeps its reason, metadata, fields, resource, retry delay and hint", async (t) => {
  const error = await inspectError(
    t,
    statusOf(grpc.status.RESOURCE_EXHAUSTED, "too many streams. Try again", [
      pack(ErrorInfoSchema, {
        reason: "TOO_MANY_STREAMS",
        domain: "stasis.v1",
        metadata: { limit: "64", hint: "Try again" },
      }),
      pack(RetryInfoSchema, { retryDelay: { seconds: 1n, nanos: 500_000_000 } }),
      pack(BadRequestSchema, { fieldViolations: [{ field: "ref", description: "too busy" }] }),
      pack(ResourceInfoSchema, { resourceType: "snapshot", resourceName: "x" }),
    ]),
  );
  assert.equal(error.reason, "TOO_MANY_STREAMS");
  assert.equal(error.code, "RESOURCE_EXHAUSTED");
  assert.equal(error.message, "too many streams");
  assert.equal(error.hint, "Try again");
  assert.deepEqual(error.metadata, { limit: "64" });
  assert.equal(error.retryAfterMs, 1500);
  assert.deepEqual(error.fields, [{ field: "ref", description: "too busy" }]);
  assert.deepEqual(error.resource, { type: "snapshot", name: "x" });
});

test("a reason of a newer daemon keeps its code", async (t) => {
  const status = statusWith(grpc.status.ABORTED, "MOON_IN_THE_WAY", "wait for it");
  const error = await inspectError(t, status);
  assert.equal(error.reason, "UNRECOGNIZED");
  assert.equal(error.code, "ABORTED");
  assert.equal(error.message, "wait for it");
  assert.deepEqual(error.metadata, { reason: "MOON_IN_THE_WAY" });
});

test("details of another domain are skipped, and so are invalid details", async (t) => {
  const info = { reason: "SNAPSHOT_NOT_FOUND", domain: "example.com" };
  const foreign = statusOf(grpc.status.NOT_FOUND, "gone", [pack(ErrorInfoSchema, info)]);
  assert.equal((await inspectError(t, foreign)).reason, "UNRECOGNIZED");

  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff, 0xff]));
  const garbage = { code: grpc.status.NOT_FOUND, details: "gone", metadata };
  const error = await inspectError(t, garbage);
  assert.deepEqual([error.reason, error.code], ["UNRECOGNIZED", "NOT_FOUND"]);
  assert.equal(error.message, "Inspect: gone");
});

test("a bare status keeps its code", async (t) => {
  const expected: Partial<Record<keyof typeof grpc.status, string>> = {
    CANCELLED: "CALL_CANCELLED",
    INVALID_ARGUMENT: "UNRECOGNIZED",
    DEADLINE_EXCEEDED: "DEADLINE_PASSED",
    NOT_FOUND: "UNRECOGNIZED",
    RESOURCE_EXHAUSTED: "LIMIT_EXCEEDED",
    UNIMPLEMENTED: "NOT_IMPLEMENTED",
    INTERNAL: "INTERNAL",
    UNAVAILABLE: "DAEMON_UNREACHABLE",
    PERMISSION_DENIED: "UNRECOGNIZED",
  };
  for (const [code, reason] of Object.entries(expected)) {
    const status = { code: grpc.status[code as keyof typeof grpc.status], details: "said so" };
    const error = await inspectError(t, status);
    assert.deepEqual([error.code, error.reason], [code, reason]);
  }
  const outOfRange = await inspectError(t, { code: grpc.status.OUT_OF_RANGE, details: "" });
  assert.equal(outOfRange.code, "UNKNOWN");
});

test("without a daemon at the TCP address or socket the error is DAEMON_UNREACHABLE with a hint", async (t) => {
  const directory = await scratchDirectory(t);
  for (const address of ["127.0.0.1:1", `unix:${join(directory, "absent.sock")}`]) {
    await using client = connect(address);
    const error = await rejection(client.getInfo());
    assert.equal(error.reason, "DAEMON_UNREACHABLE");
    assert.equal(error.code, "UNAVAILABLE");
    assert.ok(error.message.startsWith(`no daemon answers at ${address} (`), error.message);
    assert.match(error.hint ?? "", /stasis serve.*STASIS_ADDR/);
  }
});

test("a server that is not stasis is NOT_IMPLEMENTED", async (t) => {
  const { client } = await startRawServer(t, [], {});
  const error = await rejection(client.inspect("x"));
  assert.equal(error.reason, "NOT_IMPLEMENTED");
});

test("a deadline that passes ends the call with DEADLINE_PASSED", async (t) => {
  const { client } = await startRawServer(t, [SnapshotService.method.inspect], {
    Inspect: () => undefined,
  });
  const error = await rejection(client.inspect("x", { timeoutMs: 30 }));
  assert.equal(error.reason, "DEADLINE_PASSED");
  assert.equal(error.message, "Inspect did not end within 30 ms");
});

test("a signal cancels a running call and a later call, and has no effect on a finished one", async (t) => {
  const { client } = await startRawServer(t, [SnapshotService.method.inspect], {
    Inspect: (call: UnaryCall, answer: Answer) => {
      if ((call.request as { ref: string }).ref === "fast") answer(null, {});
    },
  });
  const controller = new AbortController();
  const { signal } = controller;
  await client.inspect("fast", { signal });
  const running = rejection(client.inspect("slow", { signal }));
  controller.abort(new Error("enough"));
  const error = await running;
  assert.equal(error.reason, "CALL_CANCELLED");
  assert.equal((error.cause as Error).message, "enough");
  assert.ok(isStoreError(await rejection(client.inspect("fast", { signal })), "CALL_CANCELLED"));
});

test("a closed client refuses calls, and may be closed twice", async () => {
  const client = connect("127.0.0.1:1");
  client.close();
  client.close();
  await client[Symbol.asyncDispose]();
  assert.match((await rejection(client.getInfo())).message, /the client is closed/);
});

test("a malformed address is refused at once", () => {
  const long = `unix:/${"x".repeat(120)}`;
  for (const address of [
    "",
    "host",
    "host:",
    "host:0",
    "host:70000",
    "http://h:1",
    "unix:",
    long,
  ]) {
    assert.throws(
      () => connect(address),
      (error) => isStoreError(error, "FIELD_INVALID"),
      address,
    );
  }
  for (const [address, local] of [
    ["localhost:1", true],
    ["[::1]:7420", true],
    ["10.0.0.7:7420", false],
    ["unix:relative.sock", true],
    ["unix:///run/stasis.sock", true],
  ] as const) {
    const client = connect(address);
    assert.equal(client.address.local, local, address);
    client.close();
  }
});
