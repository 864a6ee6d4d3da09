// Encodes one `bytes` field of a protobuf message, for the frames that carry bulk data. The
// generated codec would copy their bytes twice.

/** A message that encodes itself into the caller's memory. A `Buffer` is such a message. */
export interface EncodedMessage {
  readonly byteLength: number;
  /** Copies the whole message to `target`. */
  copy(target: Buffer, targetStart: number): number;
}

/** Wire type 0, a varint (protobuf encoding specification). */
const varint = 0;
/** Wire type 2, length-delimited (protobuf encoding specification). */
const lengthDelimited = 2;

/** Number of bytes copied at once, so that the observer finds them in the processor's cache. */
const pieceBytes = 128 * 1024;

/**
 * Receives each piece of the data right after it was copied. `start` is the offset of the piece in
 * the data.
 */
export type CopyObserver = (piece: Uint8Array, start: number) => void;

/** Encodes tag, length and data. `data` is read when the result is copied. */
export function encodeBytesField(
  fieldNumber: number,
  data: Uint8Array,
  onCopied?: CopyObserver,
): EncodedMessage {
  const tag = (fieldNumber << 3) | lengthDelimited;
  const headLength = varintLength(tag) + varintLength(data.length);
  return {
    byteLength: headLength + data.length,
    copy(target, targetStart) {
      const dataAt = writeVarint(target, data.length, writeVarint(target, tag, targetStart));
      for (let start = 0; start < data.length; start += pieceBytes) {
        const piece = data.subarray(start, start + pieceBytes);
        target.set(piece, dataAt + start);
        onCopied?.(piece, start);
      }
      return headLength + data.length;
    },
  };
}

/** Encodes the field with an `int64` field after it, which proto3 leaves out if it is 0. */
export function encodePlacedBytes(
  fieldNumber: number,
  data: Uint8Array,
  place: { readonly fieldNumber: number; readonly value: number },
): EncodedMessage {
  const encoded = encodeBytesField(fieldNumber, data);
  if (place.value === 0) return encoded;
  const tag = (place.fieldNumber << 3) | varint;
  const byteLength = encoded.byteLength + varintLength(tag) + varintLength(place.value);
  return {
    byteLength,
    copy(target, targetStart) {
      const end = targetStart + encoded.copy(target, targetStart);
      writeVarint(target, place.value, writeVarint(target, tag, end));
      return byteLength;
    },
  };
}

/** Returns the length of `value`, which must be a safe integer, 0 or above. */
function varintLength(value: number): number {
  let length = 1;
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) length++;
  return length;
}

function writeVarint(target: Buffer, value: number, start: number): number {
  let at = start;
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) target[at++] = (rest % 128) | 0x80;
  target[at++] = rest;
  return at;
}
