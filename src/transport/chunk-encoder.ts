// Encodes the frames that carry bulk data by hand: the generated codec copies their bytes twice.
import { ScalarType, type DescField, type DescMessage, type DescOneof } from "@bufbuild/protobuf";

/** A message that has one oneof and nothing else, with at least one `bytes` field in it. */
export interface FrameShape {
  readonly oneofName: string;
  /** Field numbers of the `bytes` cases, by the name of the case. */
  readonly bytesCases: ReadonlyMap<string, number>;
}

/** Returns the frame shape of a message type, undefined if it is no frame of bulk data. */
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

/** Encodes `message` if it is a frame of bulk data, with one copy of the data. */
export function encodeBytesFrame(shape: FrameShape, message: object): Buffer | undefined {
  if ("$unknown" in message && message.$unknown !== undefined) return undefined;
  const frame: unknown = Reflect.get(message, shape.oneofName);
  if (typeof frame !== "object" || frame === null || !("case" in frame) || !("value" in frame)) {
    return undefined;
  }
  const { case: name, value } = frame;
  const fieldNumber = typeof name === "string" ? shape.bytesCases.get(name) : undefined;
  if (fieldNumber === undefined || !(value instanceof Uint8Array)) return undefined;
  return encodeBytesField(fieldNumber, value);
}

/** Wire type 2, length-delimited (protobuf encoding specification). */
const lengthDelimited = 2;

/** One `bytes` field as protobuf encodes it: tag, length, data. */
export function encodeBytesField(fieldNumber: number, data: Uint8Array): Buffer {
  const tag = (fieldNumber << 3) | lengthDelimited;
  const encoded = Buffer.allocUnsafe(varintLength(tag) + varintLength(data.length) + data.length);
  const lengthAt = writeVarint(encoded, tag, 0);
  encoded.set(data, writeVarint(encoded, data.length, lengthAt));
  return encoded;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) length++;
  return length;
}

function writeVarint(target: Buffer, value: number, start: number): number {
  let at = start;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
  target[at++] = rest;
  return at;
}
