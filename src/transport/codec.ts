// Decodes the request messages of one method, and encodes its response messages.
import { create, fromBinary, toBinary, type DescMessage } from "@bufbuild/protobuf";
import type { EncodedMessage } from "../wire/bytes-field.js";
import { StoreError } from "../base/errors.js";
import { encodeBytesFrame, frameShapeOf } from "./chunk-encoder.js";

export type Decoder = (bytes: Buffer) => unknown;
export type Encoder = (message: unknown) => EncodedMessage;

/**
 * Creates a decoder. `bytes` fields of its result are views of the encoded message, so they are not
 * copied.
 */
export function createDecoder(descriptor: DescMessage): Decoder {
  return (bytes) => {
    try {
      // The decoder drops unknown fields of a newer schema, because keeping them costs many times
      // their size.
      return fromBinary(descriptor, bytes, { readUnknownFields: false });
    } catch (cause) {
      throw new StoreError(
        "FIELD_INVALID",
        `request: expected an encoded ${descriptor.typeName}, got ${bytes.length} bytes that are not one`,
        { hint: "Generate the caller's code from this daemon's proto files", cause },
      );
    }
  };
}

export function createEncoder(descriptor: DescMessage): Encoder {
  const frameShape = frameShapeOf(descriptor);
  return (message) => {
    if (frameShape !== undefined && typeof message === "object" && message !== null) {
      const frame = encodeBytesFrame(frameShape, message);
      if (frame !== undefined) return frame;
    }
    // ServiceImplementation types the handlers, so this value has the init shape of `descriptor`.
    const encoded = toBinary(descriptor, create(descriptor, message as Record<string, unknown>));
    return Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  };
}
