// Turns errors into gRPC statuses. No other file does.
import { randomBytes } from "node:crypto";
import { create, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { anyPack, type Any } from "@bufbuild/protobuf/wkt";
import { Metadata, status as grpcStatus } from "@grpc/grpc-js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/ts/google/rpc/error_details_pb.js";
import { StatusSchema } from "../../gen/ts/google/rpc/status_pb.js";
import { firstError, isStoreError, StoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { detailsKey, errorDomain } from "../wire/status-details.js";
import { withMessageFields } from "./field-names.js";

/**
 * Trailers above about 60 KB hang a whole grpc-js connection. gRPC's C core and Java refuse header
 * lists above 8 KiB. At most 4 KiB of details (5.4 KiB in base64) and 2 KiB of message stay below
 * both limits.
 */
const maxDetailsBytes = 4096;
const maxMessageBytes = 1024;
/** Length of the message in transit: percent-encoded, with up to three characters per byte. */
const maxEncodedMessageBytes = 2048;

/** The status with which grpc-js ends a call. */
export interface WireStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

export const okStatus: WireStatus = {
  code: grpcStatus.OK,
  details: "OK",
  metadata: new Metadata(),
};

interface FailedCall {
  readonly method: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/**
 * Returns the error as the caller may see it, with the names of the fields of the message. An error
 * of an aborted operation becomes the reason of the abort. An unexpected error becomes INTERNAL
 * without its message. The log has the message and the cause under an incident id.
 */
export function toCallError(thrown: unknown, call: FailedCall): StoreError {
  const error = firstError(thrown);
  if (call.signal.aborted && isAbortError(error)) {
    const reason: unknown = call.signal.reason;
    if (isStoreError(reason)) return reason;
  }
  if (isStoreError(error) && error.reason !== "INTERNAL") {
    if (error.code === "INTERNAL" || error.code === "DATA_LOSS") {
      call.logger.error({ method: call.method, reason: error.reason, err: error }, error.message);
    }
    return withMessageFields(error);
  }
  const incident = randomBytes(6).toString("hex");
  call.logger.error({ method: call.method, incident, err: thrown }, "unexpected error in a call");
  return new StoreError("INTERNAL", `${call.method} failed unexpectedly, incident ${incident}`, {
    hint: "The daemon's log has the cause under this incident",
    metadata: { incident },
    cause: error,
  });
}

function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** Returns the gRPC status of an error, with its reason in `grpc-status-details-bin`. */
export function wireStatus(error: StoreError): WireStatus {
  const code = grpcStatus[error.code];
  const details = cutMessage(error.text);
  const metadata = new Metadata();
  metadata.set(detailsKey, encodeDetails(error, code, details));
  return { code, details, metadata };
}

/** Limits how many facts of an error are sent. The first of `detailLimits` that fits applies. */
interface DetailLimits {
  readonly entries: number;
  /** Maximum number of characters of each text. */
  readonly characters: number;
  readonly withMessage: boolean;
}

const detailLimits: readonly DetailLimits[] = [
  { entries: 1000, characters: 4096, withMessage: true },
  { entries: 64, characters: 512, withMessage: true },
  { entries: 16, characters: 64, withMessage: true },
  { entries: 4, characters: 64, withMessage: false },
  { entries: 0, characters: 64, withMessage: false },
];

function encodeDetails(error: StoreError, code: number, message: string): Buffer {
  let encoded = new Uint8Array();
  for (const limits of detailLimits) {
    const status = create(StatusSchema, {
      code,
      message: limits.withMessage ? message : "",
      details: packDetails(error, limits),
    });
    encoded = toBinary(StatusSchema, status);
    if (encoded.length <= maxDetailsBytes) break;
  }
  return Buffer.from(encoded);
}

function packDetails(error: StoreError, limits: DetailLimits): Any[] {
  const text = (value: string): string => cutText(value, limits.characters);
  const details = [pack(ErrorInfoSchema, errorInfo(error, limits))];
  if (error.retryAfterMs !== undefined) {
    details.push(pack(RetryInfoSchema, { retryDelay: durationOf(error.retryAfterMs) }));
  }
  if (error.resource !== undefined) {
    details.push(
      pack(ResourceInfoSchema, {
        resourceType: text(error.resource.type),
        resourceName: text(error.resource.name),
        description: text(error.message),
      }),
    );
  }
  if (error.fields.length > 0 && limits.entries > 0) {
    const fieldViolations = error.fields.slice(0, limits.entries).map((violation) => ({
      field: text(violation.field),
      description: text(violation.description),
      reason: error.reason,
    }));
    details.push(pack(BadRequestSchema, { fieldViolations }));
  }
  if (error.code === "FAILED_PRECONDITION") {
    const subject = error.resource === undefined ? "" : text(error.resource.name);
    const violation = { type: error.reason, subject, description: text(error.message) };
    details.push(pack(PreconditionFailureSchema, { violations: [violation] }));
  }
  return details;
}

function errorInfo(
  error: StoreError,
  limits: DetailLimits,
): MessageInitShape<typeof ErrorInfoSchema> {
  const metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(error.metadata).slice(0, limits.entries)) {
    metadata[cutText(key, 64)] = cutText(value, limits.characters);
  }
  // The status text joins message and hint. With this detail a client can separate them again.
  if (error.hint !== undefined && limits.entries > 0) {
    metadata["hint"] = cutText(error.hint, limits.characters);
  }
  return { reason: error.reason, domain: errorDomain, metadata };
}

function pack<D extends DescMessage>(schema: D, init: MessageInitShape<D>): Any {
  return anyPack(schema, create(schema, init));
}

function durationOf(milliseconds: number): { seconds: bigint; nanos: number } {
  const whole = Math.max(0, Math.floor(milliseconds));
  return { seconds: BigInt(Math.floor(whole / 1000)), nanos: (whole % 1000) * 1_000_000 };
}

/**
 * Replaces lone surrogates by U+FFFD. A lone surrogate has no UTF-8 and would break the status in
 * transit.
 */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

const ellipsis = "…";

function cutText(text: string, characters: number): string {
  if (text.length <= characters) return wellFormed(text);
  // Cutting may split a surrogate pair. The lone half is replaced like any other, and then dropped.
  return wellFormed(text.slice(0, characters - 1)).replace(/\ufffd$/, "") + ellipsis;
}

function cutMessage(text: string): string {
  const whole = wellFormed(text);
  if (fitsMessage(whole, "")) return whole;
  let low = 0;
  let high = Math.min(whole.length, maxMessageBytes);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fitsMessage(wellFormed(whole.slice(0, middle)), ellipsis)) low = middle;
    else high = middle - 1;
  }
  return cutText(whole, low + 1);
}

function fitsMessage(text: string, suffix: string): boolean {
  const message = text + suffix;
  if (Buffer.byteLength(message) > maxMessageBytes) return false;
  return encodeURI(message).length <= maxEncodedMessageBytes;
}
