// Encodes the frames of bulk data without the generated codec, which copies their bytes twice.
import { ScalarType, type DescField, type DescMessage, type DescOneof } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { encodeBytesField, encodePlacedBytes, type EncodedMessage } from "../wire/bytes-field.js";
import { bytesOf, freeIfOwned, OwnedChunk } from "../wire/chunk.js";

/**
 * The shape of a message that consists of one oneof with at least one `bytes` field. The message
 * may say with an `int64` where the bytes belong.
 */
interface FrameShape {
  readonly oneofName: string;
  /** The `int64` field beside the oneof. Undefined if there is no such field. */
  readonly place: { readonly name: string; readonly fieldNumber: number } | undefined;
  /** Field numbers of the `bytes` cases, by the name of the case. */
  readonly bytesCases: ReadonlyMap<string, number>;
}

/**
 * Returns the frame shape of a message type. Undefined if the message is not a frame of bulk data.
 */
export function frameShapeOf(descriptor: DescMessage): FrameShape | undefined {
  const [oneof, place, ...others] = descriptor.members;
  if (oneof?.kind !== "oneof" || others.length > 0) return undefined;
  if (place !== undefined && !isPlace(place)) return undefined;
  const bytesCases = new Map(
    (oneof satisfies DescOneof).fields
      .filter(isBytesField)
      .map((field) => [field.localName, field.number]),
  );
  if (bytesCases.size === 0) return undefined;
  const { localName: oneofName } = oneof;
  const placed = place && { name: place.localName, fieldNumber: place.number };
  return { oneofName, bytesCases, place: placed };
}

function isPlace(member: DescField | DescOneof): member is DescField {
  return (
    member.kind === "field" &&
    member.fieldKind === "scalar" &&
    member.scalar === ScalarType.INT64 &&
    member.presence === FeatureSet_FieldPresence.IMPLICIT
  );
}

function isBytesField(field: DescField): boolean {
  return field.fieldKind === "scalar" && field.scalar === ScalarType.BYTES;
}

/**
 * A frame of bulk data that owns its chunk. It replaces the generated message with the same field.
 */
export interface OwnedFrame {
  readonly frame: { readonly case: "chunk"; readonly value: OwnedChunk };
  /** Where the bytes belong, if the message says so. */
  readonly offset?: bigint;
}

/**
 * Frames up to this size are encoded at once if their message has an offset. They are not scheduled
 * as bulk data is, so that the read of a page does not wait for downloads.
 */
const maxSmallBytes = 64 * 1024;

/**
 * Encodes `message` if it is a frame of bulk data. Unless the frame is encoded at once, its data is
 * copied once, when grpc-js copies the result. An owned chunk is freed right after the first copy,
 * because sending may wait for a slow reader.
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
  const encoded = encodeFrame(shape, message, fieldNumber, bytesOf(value));
  const frees = {
    byteLength: encoded.byteLength,
    copy(target: Buffer, targetStart: number) {
      const copied = encoded.copy(target, targetStart);
      freeIfOwned(value);
      return copied;
    },
  };
  return shape.place !== undefined && encoded.byteLength <= maxSmallBytes
    ? encodeNow(frees)
    : frees;
}

function encodeFrame(
  { place }: FrameShape,
  message: object,
  fieldNumber: number,
  data: Uint8Array,
): EncodedMessage {
  if (place === undefined) return encodeBytesField(fieldNumber, data);
  const value: unknown = Reflect.get(message, place.name);
  const placed = { fieldNumber: place.fieldNumber, value: Number(value ?? 0n) };
  return encodePlacedBytes(fieldNumber, data, placed);
}

function encodeNow(message: EncodedMessage): Buffer {
  const bytes = Buffer.allocUnsafe(message.byteLength);
  message.copy(bytes, 0);
  return bytes;
}
