// Intercepts the status with which grpc-js itself refuses a message that is too large.
//
// Relies on: grpc-js calls `this.sendStatus` with RESOURCE_EXHAUSTED when a message exceeds the
// maximum (`handleDataFrame` in server-interceptors.js), so that an own property takes precedence.
// For: grpc-js would answer at once, without a reason, while the handler still runs. Instead the
// call ends like any other failure, and what it has begun is undone before its caller is answered.
// If it changes: the caller gets a RESOURCE_EXHAUSTED without details. That is silent in the
// daemon; the contract test fails.
import { status as grpcStatus, type ServerInterceptingCallInterface } from "@grpc/grpc-js";

/**
 * Calls `onRefusal` in place of the status with which grpc-js refuses a message. A status with
 * `detailsKey` in its metadata is ours and passes through.
 */
export function interceptBareRefusals(
  raw: ServerInterceptingCallInterface,
  detailsKey: string,
  onRefusal: (details: string) => void,
): void {
  const sendStatus = raw.sendStatus.bind(raw);
  raw.sendStatus = (status) => {
    const isBare = (status.metadata?.get(detailsKey) ?? []).length === 0;
    if (!isBare || status.code !== grpcStatus.RESOURCE_EXHAUSTED) sendStatus(status);
    else onRefusal(status.details ?? "");
  };
}
