// Header blocks by hand (HPACK, RFC 7541), for lists that no library would send.

/** An integer behind a prefix of so many bits (5.1). `first` has the bits before it. */
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

/** A header that is put into the dynamic table (6.2.1). */
export function literalHeader(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), text(name), text(value)]);
}

/**
 * A header of the static or the dynamic table (6.1). The newest of the dynamic one has the index
 * 62.
 */
export function indexedHeader(index: number): Buffer {
  return integer(0x80, 7, index);
}

export const newestIndex = 62;
const methodPost = indexedHeader(3);
const schemeHttp = indexedHeader(6);

/** All that a gRPC call needs. It fills four entries of the dynamic table. */
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

/** The same again in six bytes, if `added` headers have been put into the table since. */
export function grpcHeadersAgain(added: number): Buffer {
  const entries = [3, 2, 1, 0].map((age) => indexedHeader(newestIndex + added + age));
  return Buffer.concat([methodPost, schemeHttp, ...entries]);
}
