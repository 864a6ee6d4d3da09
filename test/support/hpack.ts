// Makes header blocks directly (HPACK, RFC 7541), for lists that no library would send.

/**
 * Encodes an integer with a prefix of this many bits (5.1). `first` contains the bits before the
 * prefix.
 */
function integer(first: number, bits: number, value: number): Buffer {
  const max = (1 << bits) - 1;
  if (value < max) return Buffer.of(first | value);
  const bytes = [first | max];
  let rest = value - max;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function text(value: string): Buffer {
  return Buffer.concat([integer(0, 7, value.length), Buffer.from(value, "latin1")]);
}

/** Encodes a header that is added to the dynamic table (6.2.1). */
export function literalHeader(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), text(name), text(value)]);
}

/**
 * Encodes a header of the static or the dynamic table (6.1). The newest entry of the dynamic table
 * has the index 62.
 */
export function indexedHeader(index: number): Buffer {
  return integer(0x80, 7, index);
}

export const newestIndex = 62;
const methodPost = indexedHeader(3);
const schemeHttp = indexedHeader(6);

/** Encodes all headers of a gRPC call. They fill four entries of the dynamic table. */
export function grpcHeaders(path: string): Buffer {
  return Buffer.concat([
    methodPost,
    schemeHttp,
    literalHeader(":authority", "localhost"),
    literalHeader(":path", path),
    literalHeader("content-type", "application/grpc"),
    literalHeader("te", "trailers"),
  ]);
}

/**
 * Encodes the same headers in six bytes. `added` is the number of headers added to the table since.
 */
export function grpcHeadersAgain(added: number): Buffer {
  const entries = [3, 2, 1, 0].map((age) => indexedHeader(newestIndex + added + age));
  return Buffer.concat([methodPost, schemeHttp, ...entries]);
}
