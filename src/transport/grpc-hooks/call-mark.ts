// Carries a mark from a stream to the call that grpc-js makes from it.
//
// Relies on: grpc-js makes the metadata of a call from the headers object that the event `stream`
// carries (`Metadata.fromHttp2Headers(headers)`), and keeps unknown headers. An interceptor sees
// neither the stream nor the connection, only the metadata.
// For: the caller is identified once per stream, before grpc-js has it; the call has to find that
// decision again.
// If it changes: no call finds its stream and every call is refused. That is loud, and the log says
// why: `markOf` returns undefined for a call whose stream was marked.
import type { IncomingHttpHeaders } from "node:http2";
import type { Metadata } from "@grpc/grpc-js";

const header = "stasis-connection";

/**
 * Adds the mark to the headers. Call this before grpc-js sees them. The mark replaces a header of
 * that name that the client sent, so a client cannot forge it.
 */
export function markCall(headers: IncomingHttpHeaders, mark: string): void {
  headers[header] = mark;
}

export function markOf(metadata: Metadata): string | undefined {
  const [mark] = metadata.get(header);
  return mark === undefined ? undefined : String(mark);
}
