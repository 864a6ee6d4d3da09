// Encodes and decodes the JSON objects of a remote. Such an object has these lines of text:
//
//   {
//   "checksum": "blake3:<hex>",
//   "key": "<id of the repository key, or empty>",
//   "content": <JSON>
//   }
//
// The checksum covers the exact bytes of the content. In an encrypted object the content is a
// string: the base64 of the sealed JSON.
import { digestOf } from "../../files/block-digest.js";
import { asBuffer } from "../../holes/zero.js";
import { ensureValid, remoteDataInvalid } from "./invalid.js";
import { isRemoteId } from "./remote-id.js";
import type { Seal } from "./seal.js";

/** The largest object that a reader loads. */
export const maxJsonBytes = 64 * 1024 * 1024;

const head = '{\n"checksum": "blake3:';
const keyHead = '",\n"key": "';
const contentHead = '",\n"content": ';
const end = "\n}\n";
const hexDigits = 64;
const idLength = 26;

/** Encodes an object. `key` is the key of the object, from which it must be read again. */
export function encodeJson(key: string, content: unknown, seal: Seal): Uint8Array {
  const plain = JSON.stringify(content, null, 1);
  const text =
    seal.keyId === undefined
      ? plain
      : JSON.stringify(asBuffer(seal.seal(Buffer.from(plain), key)).toString("base64"));
  const checksum = digestOf("blake3", Buffer.from(text)).toString("hex");
  const { keyId = "" } = seal;
  return Buffer.from(`${head}${checksum}${keyHead}${keyId}${contentHead}${text}${end}`);
}

/**
 * Returns the content. `sealOf` returns the seal for the id of a key, or throws. The decoder is
 * strict: for anything that `encodeJson` would not write, it throws REMOTE_DATA_INVALID.
 */
export function decodeJson(
  key: string,
  input: Uint8Array,
  sealOf: (keyId: string | undefined) => Seal,
): unknown {
  const { keyId, text } = splitJson(key, asBuffer(input));
  const seal = sealOf(keyId);
  const parsed = parse(key, text);
  if (keyId === undefined) return parsed;
  ensureValid(typeof parsed === "string", key, "its content is not a string");
  const sealed = Buffer.from(parsed, "base64");
  ensureValid(sealed.toString("base64") === parsed, key, "its content is not base64");
  const plain = seal.open(sealed, key);
  ensureValid(plain !== undefined, key, "it cannot be decrypted");
  return parse(key, asBuffer(plain).toString());
}

function splitJson(key: string, bytes: Buffer) {
  const keyStart = head.length + hexDigits + keyHead.length;
  const text = bytes.toString("latin1", 0, keyStart + idLength + contentHead.length);
  const id = text.slice(keyStart, text.indexOf('"', keyStart));
  const contentStart = keyStart + id.length + contentHead.length;
  const contentEnd = bytes.length - end.length;
  const checksum = text.slice(head.length, head.length + hexDigits);
  const whole =
    contentEnd > contentStart &&
    text.startsWith(`${head}${checksum}${keyHead}${id}${contentHead}`) &&
    bytes.toString("latin1", contentEnd) === end;
  ensureValid(whole, key, "it is cut off, or not an object of stasis");
  ensureValid(id === "" || isRemoteId(id), key, "the id of its key is malformed");
  const content = bytes.subarray(contentStart, contentEnd);
  const found = digestOf("blake3", content).toString("hex");
  ensureValid(found === checksum, key, "its checksum does not match");
  return { keyId: id === "" ? undefined : id, text: content.toString() };
}

function parse(key: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw remoteDataInvalid(key, "its content is not JSON");
  }
}
