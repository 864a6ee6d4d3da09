// Encodes one `bytes` field of a protobuf message, for the frames that carry bulk data. The
// generated codec would copy their bytes twice.

/** A message that encodes itself into memory of the caller. A `Buffer` is one. */
export interface EncodedMessage {
  readonly byteLength: number;
  /** Writes the whole message. */
  copy(target: Buffer, targetStart: number): number;
}

/** Wire type 2, length-delimited (protobuf encoding specification). */
const lengthDelimited = 2;

/** Bytes copied at once: the observer finds them in the processor's cache. */
const pieceBytes = 128 * 1024;

/** Sees a piece of the data right after it was copied; `start` is its offset in the data. */
export type CopyObserver = (piece: Uint8Array, start: number) => void;

/** Tag, length, data. `data` is read when the result is copied. */
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
