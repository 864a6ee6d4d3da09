// The chunk frames of Create and Import, encoded by hand: they carry nearly all bytes. A test holds
// them equal to the generated codec.
import { encodeBytesField, type CopyObserver, type EncodedMessage } from "../wire/bytes-field.js";

/** Most bytes of a chunk on the wire. */
export const maxChunkBytes = 1024 * 1024;

/** `bytes chunk = 2` of CreateRequest and ImportRequest. */
const chunkField = 2;

/** `bytes` are copied when the frame is. */
export function encodeChunk(bytes: Uint8Array, onCopied?: CopyObserver): EncodedMessage {
  return encodeBytesField(chunkField, bytes, onCopied);
}
