// Records facts about each open stream for the call that grpc-js makes from it.
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Metadata } from "@grpc/grpc-js";
import type { Connections } from "./auth/connections.js";
import type { Caller } from "./callers.js";
import { markCall, markOf } from "./grpc-hooks/call-mark.js";
import type { RequestAccount } from "./request-bytes.js";

interface Arrival {
  readonly stream: ServerHttp2Stream;
  readonly caller: Caller;
  readonly request: RequestAccount;
}

export interface Arrivals {
  /** Adds an arrival and marks the headers. Call it before grpc-js sees the headers. */
  add(arrival: Arrival, headers: IncomingHttpHeaders): void;
  /** Returns the arrival with this metadata. Undefined if the stream has closed. */
  of(metadata: Metadata): Arrival | undefined;
}

export function createArrivals(connections: Connections): Arrivals {
  const open = new Map<string, Arrival>();
  return {
    add(arrival, headers) {
      const { stream } = arrival;
      const mark = connections.markFor(stream);
      markCall(headers, mark);
      open.set(mark, arrival);
      stream.once("close", () => open.delete(mark));
    },
    of: (metadata) => open.get(markOf(metadata) ?? ""),
  };
}
