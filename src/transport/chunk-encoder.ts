// Encodes the frames of bulk data without the generated codec, which copies their bytes twice.
import { ScalarType, type DescField, type DescMessage, type DescOneof } from "@bufbuild/protobuf";
import { encodeBytesField, type EncodedMessage } from "../wire/bytes-field.js";
import { bytesOf, freeIfOwned, OwnedChunk } from "../wire/chunk.js";

/** A message that consists of one oneof with at least one `bytes` field. */
interface FrameShape {
  readonly oneofName: string;
  /** Field numbers of the `bytes` cases, by the name of the case. */
  readonly bytesCases: ReadonlyMap<string, number>;
}

/** Returns the frame shape of a message type. Undefined if it is not a frame of bulk data. */
export function frameShapeOf(descriptor: DescMessage): FrameShape | undefined {
  const [oneof, ...others] = descriptor.members;
  if (oneof?.kind !== "oneof" || others.length > 0) return undefined;
  const bytesCases = new Map(
    (oneof satisfies DescOneof).fields
      .filter(isBytesField)
      .map((field) => [field.localName, field.number]),
  );
  return bytesCases.size === 0 ? undefined : { oneofName: oneof.localName, bytesCases };
}

function isBytesField(field: DescField): boolean {
  return field.fieldKind === "scalar" && field.scalar === ScalarType.BYTES;
}

/** A frame of bulk data that owns its chunk. It replaces the message with the same field. */
export interface OwnedFrame {
  readonly frame: { readonly case: "chunk"; readonly value: OwnedChunk };
}

/**
 * Encodes `message` if it is a frame of bulk data. The data is copied once, when grpc-js copies the
 * result. An owned chunk is freed right after that copy, because the copy may wait for a slow
 * reader.
 */
export function encodeBytesFrame(shape: FrameShape, message: object): EncodedMessage | undefined {
  if ("$unknown" in message && message.$unknown !== undefined) return undefined;
  const frame: unknown = Reflect.get(message, shape.oneofName);
  if (typeof frame !== "object" || frame === null || !("case" in frame) || !("value" in frame)) {
    return undefined;
  }
  const { case: name, value } = frame;
  const fieldNumber = typeof name === "string" ? shape.bytesCases.get(name) : undefined;
  if (fieldNumber === undefined) return undefined;
  if (!(value instanceof Uint8Array || value instanceof OwnedChunk)) return undefined;
  const encoded = encodeBytesField(fieldNumber, bytesOf(value));
  return {
    byteLength: encoded.byteLength,
    copy(target, targetStart) {
      const copied = encoded.copy(target, targetStart);
      freeIfOwned(value);
      return copied;
    },
  };
}
