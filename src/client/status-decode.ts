// Converts the error of a failed call, as grpc-js reports it, into a StoreError. No other file does
// this.
import { fromBinary } from "@bufbuild/protobuf";
import { anyUnpack, type Any, type Duration } from "@bufbuild/protobuf/wkt";
import { status as Status, type Metadata } from "@grpc/grpc-js";
import {
  StoreError,
  codeOfReason,
  type ErrorCode,
  type ErrorReason,
  type StoreErrorOptions,
} from "../base/errors.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/ts/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/ts/google/rpc/status_pb.js";
import { detailsKey, errorDomain } from "../wire/status-details.js";
import { connectionError, type ConnectionFacts } from "./connection-error.js";
import { messageOf } from "../base/errors.js";

/** Facts about the call that failed, for messages. */
interface CallFacts extends ConnectionFacts {
  /** The name of the RPC, for example `List`. */
  readonly rpc: string;
  readonly timeoutMs: number | undefined;
}

/** Returns the StoreError for a failed call. The promise never rejects. */
export async function errorFromStatus(error: unknown, call: CallFacts): Promise<StoreError> {
  if (error instanceof StoreError) return error;
  if (!isStatus(error)) {
    const message = messageOf(error);
    return new StoreError("INTERNAL", `${call.rpc}: ${message}`, { cause: error });
  }
  const details = readDetails(error.metadata);
  return details?.reason === undefined
    ? await withoutReason(error, call, details)
    : withReason(error, details.reason, details);
}

interface GrpcStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata | undefined;
}

function isStatus(error: unknown): error is GrpcStatus {
  if (typeof error !== "object" || error === null) return false;
  return "code" in error && typeof error.code === "number" && "details" in error;
}

interface Details extends Pick<StoreErrorOptions, "hint" | "metadata" | "fields" | "resource"> {
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** The message without the hint, if the daemon sent them separately. */
  readonly message: string;
}

function readDetails(metadata: Metadata | undefined): Details | undefined {
  const [binary] = metadata?.get(detailsKey) ?? [];
  if (!(binary instanceof Uint8Array)) return undefined;
  try {
    const status = fromBinary(StatusSchema, binary);
    return detailsFrom(status.message, status.details);
  } catch {
    // A proxy may send any bytes here. The code and the text of the status are still valid.
    return undefined;
  }
}

function detailsFrom(message: string, any: readonly Any[]): Details {
  const info = unpackFirst(any, (entry) => anyUnpack(entry, ErrorInfoSchema));
  const badRequest = unpackFirst(any, (entry) => anyUnpack(entry, BadRequestSchema));
  const resource = unpackFirst(any, (entry) => anyUnpack(entry, ResourceInfoSchema));
  const retry = unpackFirst(any, (entry) => anyUnpack(entry, RetryInfoSchema));
  return {
    message,
    reason: info?.domain === errorDomain ? info.reason : undefined,
    metadata: info === undefined ? {} : { ...info.metadata },
    fields: (badRequest?.fieldViolations ?? []).map(({ field, description }) => ({
      field,
      description,
    })),
    retryAfterMs: retry?.retryDelay === undefined ? undefined : milliseconds(retry.retryDelay),
    ...(resource === undefined
      ? {}
      : { resource: { type: resource.resourceType, name: resource.resourceName } }),
  };
}

function unpackFirst<T>(any: readonly Any[], unpack: (entry: Any) => T | undefined): T | undefined {
  for (const entry of any) {
    const message = unpack(entry);
    if (message !== undefined) return message;
  }
  return undefined;
}

function milliseconds(duration: Duration): number {
  return Number(duration.seconds) * 1000 + Math.round(duration.nanos / 1e6);
}

function withReason(status: GrpcStatus, reason: string, details: Details): StoreError {
  const { hint, ...metadata } = details.metadata ?? {};
  const message = withoutHint(details.message || status.details, hint);
  const options = optionsFrom(status, { ...details, metadata, ...(hint ? { hint } : {}) });
  if (isReason(reason) && reason !== "UNRECOGNIZED") {
    return new StoreError(reason, message, options);
  }
  return new StoreError("UNRECOGNIZED", message, {
    ...options,
    code: codeName(status.code),
    metadata: { ...metadata, reason },
  });
}

function optionsFrom(status: GrpcStatus, details: Details | undefined): StoreErrorOptions {
  const { hint, metadata, fields, resource, retryAfterMs } = details ?? {};
  return {
    cause: status,
    ...(hint === undefined ? {} : { hint }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(fields === undefined ? {} : { fields }),
    ...(resource === undefined ? {} : { resource }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/**
 * Returns the message of a status text without its hint. The text combines both, and they can be
 * separated if the hint is known.
 */
function withoutHint(text: string, hint: string | undefined): string {
  return hint !== undefined && text.endsWith(`. ${hint}`) ? text.slice(0, -hint.length - 2) : text;
}

/**
 * Returns the error for a status without a reason. A status that grpc-js, a proxy or another server
 * made has only a code and a text.
 */
async function withoutReason(
  status: GrpcStatus,
  call: CallFacts,
  details?: Details,
): Promise<StoreError> {
  const options = optionsFrom(status, details);
  const text = `${call.rpc}: ${status.details}`;
  switch (status.code) {
    case Status.CANCELLED:
      return new StoreError("CALL_CANCELLED", `${call.rpc} was cancelled by the daemon`, options);
    case Status.DEADLINE_EXCEEDED:
      return new StoreError("DEADLINE_PASSED", deadlineText(call), {
        hint: "Give it more time, or look at the daemon's log",
        ...options,
      });
    case Status.UNAVAILABLE:
      return await connectionError(status.details, call, options);
    case Status.UNIMPLEMENTED:
      return new StoreError("NOT_IMPLEMENTED", text, {
        hint: `Check that a stasis daemon of a compatible version listens on ${call.address.text}`,
        ...options,
      });
    case Status.RESOURCE_EXHAUSTED:
      return new StoreError("LIMIT_EXCEEDED", text, options);
    case Status.INTERNAL:
      return new StoreError("INTERNAL", text, options);
    default:
      return new StoreError("UNRECOGNIZED", text, { ...options, code: codeName(status.code) });
  }
}

function deadlineText(call: CallFacts): string {
  const limit = call.timeoutMs === undefined ? "its deadline" : `${call.timeoutMs} ms`;
  return `${call.rpc} did not end within ${limit}`;
}

function isReason(text: string): text is ErrorReason {
  return Object.hasOwn(codeOfReason, text);
}

const codes: ReadonlySet<string> = new Set<ErrorCode>(Object.values(codeOfReason));

/** Returns the name of a code. Codes that stasis never sends (OUT_OF_RANGE) count as UNKNOWN. */
function codeName(code: number): ErrorCode {
  const name = Status[code];
  return name !== undefined && codes.has(name) ? (name as ErrorCode) : "UNKNOWN";
}
