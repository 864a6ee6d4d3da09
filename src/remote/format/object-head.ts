// Encodes and decodes the first 40 bytes of a pack and of a map:
//
//   offset  0   8  magic
//           8   4  version: 1
//          12   4  1 if the pieces of the object are encrypted, else 0
//          16  16  id of the repository key, binary; zeros if the pieces are not encrypted
//          32   8  zeros
import { formatUnsupported } from "../../model/format.js";
import { asBuffer } from "../../holes/zero.js";
import { ensureValid } from "./invalid.js";
import { decodeRemoteId, encodeRemoteId } from "./remote-id.js";

type ObjectMagic = "stasisPK" | "stasisMP";

export const headBytes = 40;
const objectVersion = 1;
const idStart = 16;
const idEnd = 32;

export function encodeHead(magic: ObjectMagic, keyId: string | undefined): Buffer {
  const head = Buffer.alloc(headBytes);
  head.write(magic, "latin1");
  head.writeUInt32LE(objectVersion, 8);
  if (keyId === undefined) return head;
  head.writeUInt32LE(1, 12);
  encodeRemoteId(keyId).copy(head, idStart);
  return head;
}

/**
 * Returns the id of the key that the pieces of the object need. Undefined if the pieces are not
 * encrypted.
 */
export function decodeHead(
  input: Uint8Array,
  magic: ObjectMagic,
  object: string,
): { readonly keyId: string | undefined } {
  const head = asBuffer(input);
  ensureValid(head.length === headBytes, object, `it has only ${head.length} bytes`);
  ensureValid(head.toString("latin1", 0, 8) === magic, object, "it does not start with its magic");
  const version = head.readUInt32LE(8);
  if (version > objectVersion) {
    throw formatUnsupported(`object ${object}`, version, objectVersion, { file: object });
  }
  const id = head.subarray(idStart, idEnd);
  const keyId = head.readUInt32LE(12) === 0 ? undefined : decodeRemoteId(id);
  const whole = head.equals(encodeHead(magic, keyId));
  ensureValid(whole, object, "its first bytes are not as stasis writes them");
  return { keyId };
}
