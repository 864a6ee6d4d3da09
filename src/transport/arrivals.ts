// What is known of an open stream, found again from its call: grpc-js does not show the stream.
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Metadata } from "@grpc/grpc-js";
import { streamKey, type Connections } from "./auth/connections.js";
import type { Caller } from "./callers.js";
import type { RequestAccount } from "./request-bytes.js";

export interface Arrival {
  readonly stream: ServerHttp2Stream;
  readonly caller: Caller;
  readonly request: RequestAccount;
}

export interface Arrivals {
  /** Marks the headers, so it comes before grpc-js sees them. */
  add(arrival: Arrival, headers: IncomingHttpHeaders): void;
  /** Undefined when the stream has closed. */
  of(metadata: Metadata): Arrival | undefined;
}

export function createArrivals(connections: Connections): Arrivals {
  const open = new Map<string, Arrival>();
  return {
    add(arrival, headers) {
      const { stream } = arrival;
      const key = connections.mark(stream, headers);
      open.set(key, arrival);
      stream.once("close", () => open.delete(key));
    },
    of: (metadata) => open.get(streamKey(metadata)),
  };
}
