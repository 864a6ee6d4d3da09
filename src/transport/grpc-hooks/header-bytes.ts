// Counts the bytes of a stream's headers after decompression.
//
// Relies on: node:http2 passes the raw headers, names and values in turn, as the fourth argument of
// the event `stream`. Node joins the values of equal names without copying them. A value is copied,
// possibly hundreds of kilobytes, when code reads it. So no code may read the headers of a stream
// before this count.
// For: SETTINGS_MAX_HEADER_LIST_SIZE binds a client only after it has acknowledged the settings,
// and HPACK can name a header of 4 KB with one byte. Without the count a connection of a few
// kilobytes makes the daemon hold gigabytes (test/unit/transport/stream-gate.test.ts).
// If it changes: without raw headers the first stream throws, which is loud.

/** The overhead of a header beside its name and value (RFC 9113, 6.5.2). */
const perHeaderBytes = 32;

export function headerBytes(rawHeaders: readonly string[]): number {
  let bytes = (rawHeaders.length / 2) * perHeaderBytes;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}
