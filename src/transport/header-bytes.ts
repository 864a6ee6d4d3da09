// How many bytes the headers of a stream have once they are decompressed.
//
// SETTINGS_MAX_HEADER_LIST_SIZE bounds them only when the client has acknowledged it, and HPACK can
// name a header of 4 KB with a single byte. Node joins headers of equal names without a copy; the
// copy of hundreds of kilobytes is made when somebody reads such a value. So nobody may read the
// headers of a stream before they were counted here.

/** What each header counts beside its name and value (RFC 9113, 6.5.2). */
const perHeader = 32;

/** `rawHeaders` has names and values in turn, as the event `stream` of node:http2 brings them. */
export function headerBytes(rawHeaders: readonly string[]): number {
  let bytes = (rawHeaders.length / 2) * perHeader;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}
