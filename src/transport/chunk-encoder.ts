// Encodes the frames that carry bulk data by hand: the generated codec copies their bytes twice.
import { ScalarType, type DescField, type DescMessage, type DescOneof } from "@bufbuild/protobuf";
import { encodeBytesField, type EncodedMessage } from "../wire/bytes-field.js";
import { freeGiven } from "../wire/given-bytes.js";

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

/**
 * Encodes `message` if it is a frame of bulk data; the data is copied when the result is, once, and freed
 * with that if it was given away: the copy may wait for a slow reader.
 */
export function encodeBytesFrame(shape: FrameShape, message: object): EncodedMessage | undefined {
  if ("$unknown" in message && message.$unknown !== undefined) return undefined;
  const frame: unknown = Reflect.get(message, shape.oneofName);
  if (typeof frame !== "object" || frame === null || !("case" in frame) || !("value" in frame)) {
    return undefined;
  }
  const { case: name, value } = frame;
  const fieldNumber = typeof name === "string" ? shape.bytesCases.get(name) : undefined;
  if (fieldNumber === undefined || !(value instanceof Uint8Array)) return undefined;
  const encoded = encodeBytesField(fieldNumber, value);
  return noBuffer({
    byteLength: encoded.byteLength,
    copy(target, targetStart) {
      const copied = encoded.copy(target, targetStart);
      freeGiven(value);
      return copied;
    },
  });
}

/**
 * grpc-js copies what it sends into a buffer of its own, behind its five bytes of frame. Handing it
 * something to copy that is no Buffer yet saves a copy of all data, a third of the CPU time of a
 * download. It uses `byteLength` and `copy` and nothing else; if that changes, asking for `length`
 * fails, so that no unwritten memory is ever sent.
 */
function noBuffer(message: EncodedMessage): EncodedMessage {
  return Object.defineProperty(message, "length", {
    get() {
      throw new TypeError("a chunk was used as a Buffer, which it is not");
    },
  });
}
