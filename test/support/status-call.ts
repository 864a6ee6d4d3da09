// Makes one call through grpc-js and the generated messages, as a client in another language would
// see the call.
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { anyUnpack, type Any } from "@bufbuild/protobuf/wkt";
import { Client, Metadata, credentials, status, type ServiceError } from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/ts/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/ts/google/rpc/status_pb.js";

/** Describes how a call ended: `OK`, or the code with the content of `grpc-status-details-bin`. */
export interface CallStatus {
  readonly code: string;
  readonly message: string;
  readonly domain: string | undefined;
  readonly reason: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields of google.rpc.BadRequest. */
  readonly fields: readonly string[];
  /** The `type name` of google.rpc.ResourceInfo. */
  readonly resource: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly hasPrecondition: boolean;
  readonly detailsBytes: number;
}

const limitMs = 30_000;

/** Sends the requests one after the other, half-closes, and reads to the end. */
export async function callForStatus<I extends DescMessage>(
  address: string,
  method: DescMethod & { readonly input: I },
  requests: readonly MessageInitShape<I>[],
): Promise<CallStatus> {
  const client = new Client(address, credentials.createInsecure());
  try {
    return await new Promise<CallStatus>((resolve) => {
      const call = client.makeBidiStreamRequest(
        `/${method.parent.typeName}/${method.name}`,
        (request: MessageInitShape<I>) =>
          Buffer.from(toBinary(method.input, create(method.input, request))),
        (bytes: Buffer) => bytes,
        new Metadata(),
        { deadline: Date.now() + limitMs },
      );
      call.on("data", () => undefined);
      call.on("error", (error: ServiceError) => resolve(statusOf(error)));
      call.on("end", () => resolve(statusOf({ code: status.OK, details: "" })));
      for (const request of requests) call.write(request);
      call.end();
    });
  } finally {
    client.close();
  }
}

function statusOf(ended: {
  readonly code: status;
  readonly details: string;
  readonly metadata?: Metadata;
}): CallStatus {
  const [binary] = ended.metadata?.get("grpc-status-details-bin") ?? [];
  const bytes = binary instanceof Uint8Array ? binary : new Uint8Array(0);
  const { details } = fromBinary(StatusSchema, bytes);
  const first = <T>(unpack: (any: Any) => T | undefined): T | undefined =>
    details.map(unpack).find((found) => found !== undefined);
  const info = first((any) => anyUnpack(any, ErrorInfoSchema));
  const resource = first((any) => anyUnpack(any, ResourceInfoSchema));
  const retry = first((any) => anyUnpack(any, RetryInfoSchema))?.retryDelay;
  const badRequest = first((any) => anyUnpack(any, BadRequestSchema));
  return {
    code: status[ended.code],
    message: ended.details,
    domain: info?.domain,
    reason: info?.reason,
    metadata: info?.metadata ?? {},
    fields: badRequest?.fieldViolations.map(({ field }) => field) ?? [],
    resource:
      resource === undefined ? undefined : `${resource.resourceType} ${resource.resourceName}`,
    retryAfterMs:
      retry === undefined ? undefined : Number(retry.seconds) * 1000 + retry.nanos / 1e6,
    hasPrecondition: first((any) => anyUnpack(any, PreconditionFailureSchema)) !== undefined,
    detailsBytes: bytes.length,
  };
}
