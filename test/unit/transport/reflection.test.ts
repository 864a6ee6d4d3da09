// Tests that reflection answers the requests of grpcurl and buf curl from the committed descriptor
// set.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { create, createFileRegistry, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import {
  ServerReflection,
  type ServerReflectionResponse,
} from "../../../gen/ts/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../../gen/ts/grpc/reflection/v1alpha/reflection_pb.js";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { bindService } from "../../../src/transport/handler.js";
import { createGrpcServer } from "../../../src/transport/server.js";
import { bidi, openClient, silent } from "./harness.js";
import { serverDefaults } from "../../support/defaults.js";

const descriptorSetUrl = new URL("../../../../gen/stasis.binpb", import.meta.url);
type InfoMethod = typeof ServerReflection.method.serverReflectionInfo;
type Request = MessageInitShape<InfoMethod["input"]>;

/** Sends all requests on one stream and returns the answers. */
async function ask(
  requests: readonly Request["messageRequest"][],
  service: typeof ServerReflection | typeof ServerReflectionAlpha = ServerReflection,
): Promise<ServerReflectionResponse[]> {
  await using server = createGrpcServer({
    ...serverDefaults,
    implementations: [bindService(SnapshotService, {})],
    descriptorSet: await readFile(descriptorSetUrl),
    logger: silent,
  });
  const { address } = await server.listenTcp({ host: "127.0.0.1", port: 0 });
  const client = openClient(address);
  try {
    const call = bidi(client, service.method.serverReflectionInfo as InfoMethod);
    const answers: ServerReflectionResponse[] = [];
    for (const messageRequest of requests) call.write({ host: "h", messageRequest } as Request);
    call.end();
    for await (const answer of call) answers.push(answer);
    assert.equal(answers.length, requests.length);
    return answers;
  } finally {
    client.close();
  }
}

function filesOf(answer: ServerReflectionResponse | undefined): FileDescriptorProto[] {
  const response = answer?.messageResponse;
  assert.equal(response?.case, "fileDescriptorResponse");
  return response.value.fileDescriptorProto.map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
}

/** Returns the files in the order that the registry requires. */
function importsFirst(files: readonly FileDescriptorProto[]): FileDescriptorProto[] {
  const sorted = new Set<FileDescriptorProto>();
  const add = (file: FileDescriptorProto | undefined): void => {
    if (file === undefined || sorted.has(file)) return;
    for (const name of file.dependency) add(files.find((one) => one.name === name));
    sorted.add(file);
  };
  for (const file of files) add(file);
  return [...sorted];
}

test("all services of the server are listed, and no others", async () => {
  for (const service of [ServerReflection, ServerReflectionAlpha]) {
    const [answer] = await ask([{ case: "listServices", value: "*" }], service);
    assert.equal(answer?.messageResponse.case, "listServicesResponse");
    assert.deepEqual(
      answer.messageResponse.value.service.map(({ name }) => name),
      [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "stasis.v1.SnapshotService",
      ],
    );
    assert.equal(answer.validHost, "h");
    assert.equal(answer.originalRequest?.messageRequest.case, "listServices");
  }
});

test("every kind of symbol is found in its file", async () => {
  const symbols: Record<string, string> = {
    "stasis.v1.SnapshotService": "stasis/v1/snapshot_service.proto",
    "stasis.v1.SnapshotService.Create": "stasis/v1/snapshot_service.proto",
    "stasis.v1.CreateRequest": "stasis/v1/snapshot_service.proto",
    "stasis.v1.CreateRequest.chunk": "stasis/v1/snapshot_service.proto",
    "stasis.v1.CreateRequest.frame": "stasis/v1/snapshot_service.proto",
    "stasis.v1.ErrorReason": "stasis/v1/errors.proto",
    "stasis.v1.ERROR_REASON_DRAINING": "stasis/v1/errors.proto",
    ".stasis.v1.ErrorReason": "stasis/v1/errors.proto",
    "google.rpc.ErrorInfo": "google/rpc/error_details.proto",
    "google.rpc.BadRequest.FieldViolation": "google/rpc/error_details.proto",
    "google.rpc.Status": "google/rpc/status.proto",
    "grpc.health.v1.HealthCheckResponse.ServingStatus": "grpc/health/v1/health.proto",
    "grpc.health.v1.HealthCheckResponse.SERVING": "grpc/health/v1/health.proto",
  };
  for (const [symbol, fileName] of Object.entries(symbols)) {
    const [answer] = await ask([{ case: "fileContainingSymbol", value: symbol }]);
    assert.equal(filesOf(answer)[0]?.name, fileName, symbol);
  }
});

test("a file comes with all its imports, so that types can be built from it", async () => {
  const symbol = "stasis.v1.SnapshotService";
  const [answer] = await ask([{ case: "fileContainingSymbol", value: symbol }]);
  const file = importsFirst(filesOf(answer));
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file }));
  assert.ok(registry.getService(symbol)?.method["create"] !== undefined);
  assert.ok(registry.getMessage("google.protobuf.Timestamp") !== undefined);
});

test("the files contain their comments", async () => {
  const fileName = "stasis/v1/snapshot_service.proto";
  const [answer] = await ask([{ case: "fileByFilename", value: fileName }]);
  const comments = filesOf(answer)[0]?.sourceCodeInfo?.location.map((one) => one.leadingComments);
  assert.ok(comments?.some((text) => text.includes("Stores the snapshots of one node")));
});

test("on one stream a file is sent again only if it is requested again", async () => {
  const service = { case: "fileContainingSymbol", value: "stasis.v1.SnapshotService" } as const;
  const timestamp = { case: "fileByFilename", value: "google/protobuf/timestamp.proto" } as const;
  const [first, again, imported] = await ask([service, service, timestamp]);
  assert.ok(filesOf(first).length > 1);
  assert.deepEqual(
    filesOf(again).map(({ name }) => name),
    ["stasis/v1/snapshot_service.proto"],
  );
  assert.deepEqual(
    filesOf(imported).map(({ name }) => name),
    ["google/protobuf/timestamp.proto"],
  );
});

test("an unknown symbol answers NOT_FOUND, and the stream continues", async () => {
  const answers = await ask([
    { case: "fileByFilename", value: "no/such.proto" },
    { case: "fileContainingSymbol", value: "no.such.Symbol" },
    {
      case: "fileContainingExtension",
      value: { containingType: "google.rpc.Status", extensionNumber: 5 } as never,
    },
    { case: "allExtensionNumbersOfType", value: "no.such.Message" },
    { case: undefined },
    { case: "allExtensionNumbersOfType", value: "google.rpc.Status" },
  ]);
  const codes = answers.map(({ messageResponse }) =>
    messageResponse.case === "errorResponse" ? messageResponse.value.errorCode : "no error",
  );
  assert.deepEqual(codes, [5, 5, 5, 5, 3, "no error"]);
  const last = answers.at(-1)?.messageResponse;
  assert.equal(last?.case, "allExtensionNumbersResponse");
  assert.deepEqual(last.value.extensionNumber, []);
});
