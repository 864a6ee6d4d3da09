// Makes and encodes ids of objects at a remote. They are ULIDs (https://github.com/ulid/spec) in
// lower case. 10 characters of Crockford base32 give the Unix time in milliseconds, 16 give 80
// random bits. An id that was made later sorts after the others. Only costs may depend on the
// order, because the clocks of nodes differ.
import { newSnapshotId } from "../../model/name.js";

/** Bytes of an id in binary form. */
export const remoteIdBytes = 16;
/** The first character has only three bits. */
const pattern = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";
const timeLength = 10;

/** Returns a new id, which nobody has used before. */
export function newRemoteId(now: Date): string {
  let time = "";
  for (let left = now.getTime(), digit = 0; digit < timeLength; digit += 1) {
    time = alphabet.charAt(left % 32) + time;
    left = Math.floor(left / 32);
  }
  return time + newSnapshotId();
}

export function isRemoteId(text: string): boolean {
  return pattern.test(text);
}

/** Returns when the id was made, by the clock of its node. */
export function timeOfRemoteId(id: string): Date {
  let time = 0;
  for (const digit of id.slice(0, timeLength)) time = time * 32 + alphabet.indexOf(digit);
  return new Date(time);
}

/** Returns the 128 bits of an id, big-endian, so that their order is that of the ids. */
export function encodeRemoteId(id: string): Buffer {
  let value = 0n;
  for (const digit of id) value = value * 32n + BigInt(alphabet.indexOf(digit));
  return Buffer.from(value.toString(16).padStart(2 * remoteIdBytes, "0"), "hex");
}

/** Reverses `encodeRemoteId`. Any 16 bytes are an id. */
export function decodeRemoteId(bytes: Uint8Array): string {
  let value = BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
  let id = "";
  for (let digit = 0; digit < 26; digit += 1) {
    id = alphabet.charAt(Number(value & 31n)) + id;
    value >>= 5n;
  }
  return id;
}
