// Encodes the chunk frames of Create and Import by hand, because they carry nearly all bytes. A
// test compares them with the generated codec.
import { encodeBytesField, type CopyObserver, type EncodedMessage } from "../wire/bytes-field.js";

/** Largest chunk on the wire, in bytes. */
export const maxChunkBytes = 1024 * 1024;

/** `bytes chunk = 2` of CreateRequest and ImportRequest. */
const chunkField = 2;

/** Encodes a chunk frame. `bytes` is copied when the frame is copied. */
export function encodeChunk(bytes: Uint8Array, onCopied?: CopyObserver): EncodedMessage {
  return encodeBytesField(chunkField, bytes, onCopied);
}
