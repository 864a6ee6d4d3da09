// Implements grpc.reflection.v1 and v1alpha. They serve the schema with its comments, so that
// grpcurl and buf curl need no proto files.
import { status as grpcStatus } from "@grpc/grpc-js";
import { ServerReflection } from "../../gen/ts/grpc/reflection/v1/reflection_pb.js";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/ts/grpc/reflection/v1alpha/reflection_pb.js";
import type { ServerReflectionRequest } from "../../gen/ts/grpc/reflection/v1/reflection_pb.js";
import type { ServerReflectionRequest as ServerReflectionRequestAlpha } from "../../gen/ts/grpc/reflection/v1alpha/reflection_pb.js";
import { describeValue } from "../base/errors.js";
import { bindService, type ServiceBinding } from "./handler.js";
import { createSymbolIndex, type IndexedFile, type SymbolIndex } from "./symbol-index.js";

interface ReflectionOptions {
  /** An encoded google.protobuf.FileDescriptorSet with imports and comments. */
  readonly descriptorSet: Uint8Array;
  /** Fully qualified names of the services, without reflection itself. */
  readonly serviceNames: readonly string[];
}

/**
 * Returns the services of both versions of the protocol. Their messages are identical except for
 * the package.
 */
export function createReflection(options: ReflectionOptions): readonly ServiceBinding[] {
  const index = createSymbolIndex(options.descriptorSet);
  const services = [
    ...options.serviceNames,
    ServerReflection.typeName,
    ServerReflectionAlpha.typeName,
  ].sort();
  const answerAll = <R extends ReflectionRequest>(requests: AsyncIterable<R>) =>
    answerRequests(index, services, requests);
  return [
    bindService(ServerReflection, { serverReflectionInfo: answerAll }, traits),
    bindService(ServerReflectionAlpha, { serverReflectionInfo: answerAll }, traits),
  ];
}

/**
 * Reflection serves while the daemon drains, because grpcurl needs it to query the health of a
 * stopping daemon.
 */
const traits = {
  endsOnDrain: ["serverReflectionInfo"],
  servesWhileDraining: ["serverReflectionInfo"],
} as const;

type ReflectionRequest = ServerReflectionRequest | ServerReflectionRequestAlpha;
type MessageResponse = ReturnType<typeof answer>;

async function* answerRequests<R extends ReflectionRequest>(
  index: SymbolIndex,
  services: readonly string[],
  requests: AsyncIterable<R>,
): AsyncGenerator<{ validHost: string; originalRequest: R; messageResponse: MessageResponse }> {
  // As in the reference implementation, a file is sent once per stream, unless the client requests
  // it again.
  const sentFiles = new Set<string>();
  for await (const request of requests) {
    yield {
      validHost: request.host,
      originalRequest: request,
      messageResponse: answer(index, services, request.messageRequest, sentFiles),
    };
  }
}

function answer(
  index: SymbolIndex,
  services: readonly string[],
  request: ReflectionRequest["messageRequest"],
  sentFiles: Set<string>,
) {
  switch (request.case) {
    case "fileByFilename":
      return answerFile(index, index.file(request.value), sentFiles, "file", request.value);
    case "fileContainingSymbol": {
      const symbol = request.value.replace(/^\./, "");
      return answerFile(index, index.fileOfSymbol(symbol), sentFiles, "symbol", symbol);
    }
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = request.value;
      const file = index.fileOfExtension(containingType, extensionNumber);
      const name = `${containingType} ${extensionNumber}`;
      return answerFile(index, file, sentFiles, "extension", name);
    }
    case "allExtensionNumbersOfType": {
      const numbers = index.extensionNumbers(request.value);
      if (numbers === undefined) return notFound("message", request.value);
      const value = { baseTypeName: request.value, extensionNumber: [...numbers] };
      return { case: "allExtensionNumbersResponse", value } as const;
    }
    case "listServices": {
      const value = { service: services.map((name) => ({ name })) };
      return { case: "listServicesResponse", value } as const;
    }
    case undefined:
      return errorResponse(grpcStatus.INVALID_ARGUMENT, "the request asks for nothing");
  }
}

function answerFile(
  index: SymbolIndex,
  file: IndexedFile | undefined,
  sentFiles: Set<string>,
  what: string,
  name: string,
) {
  if (file === undefined) return notFound(what, name);
  const files = index.withImports(file).filter((one) => one === file || !sentFiles.has(one.name));
  for (const one of files) sentFiles.add(one.name);
  const value = { fileDescriptorProto: files.map((one) => one.encoded) };
  return { case: "fileDescriptorResponse", value } as const;
}

function notFound(what: string, name: string) {
  return errorResponse(grpcStatus.NOT_FOUND, `no ${what} ${describeValue(name)} is known here`);
}

function errorResponse(errorCode: number, errorMessage: string) {
  return { case: "errorResponse", value: { errorCode, errorMessage } } as const;
}
