// Makes HTTP/2 frames directly (RFC 9113, 4.1), for frames that no library sends.
export function http2Frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export const http2Preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** These are the types of frames (RFC 9113, 6). */
export const dataFrame = 0;
export const headersFrame = 1;
export const resetFrame = 3;
export const settingsFrame = 4;
export const goawayFrame = 7;
export const windowUpdateFrame = 8;
export const continuationFrame = 9;

export interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Returns all frames that arrived completely. */
export function framesOf(received: Buffer): Frame[] {
  const frames: Frame[] = [];
  for (let at = 0; at + 9 <= received.length;) {
    const end = at + 9 + received.readUIntBE(at, 3);
    if (end > received.length) break;
    const payload = received.subarray(at + 9, end);
    frames.push({
      type: received.readUInt8(at + 3),
      stream: received.readUInt32BE(at + 5),
      payload,
    });
    at = end;
  }
  return frames;
}

/** Returns the data of all frames that arrived completely or in part. */
export function dataOf(received: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at + 9 <= received.length;) {
    const end = at + 9 + received.readUIntBE(at, 3);
    if (received[at + 3] === dataFrame) parts.push(received.subarray(at + 9, end));
    at = end;
  }
  return Buffer.concat(parts);
}
