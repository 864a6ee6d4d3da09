// Sends an answer in pieces to a reader that may be slow, and ends it when nobody reads.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { StreamAnswer } from "./answer.js";

/**
 * A piece is made when the previous one has been taken, so a slow reader costs one piece. The
 * connection's idle time-out ends a reader that takes nothing.
 */
export async function sendPieces(
  response: ServerResponse,
  { contentType, pieces }: StreamAnswer,
  headOnly: boolean,
): Promise<void> {
  response.setHeader("content-type", contentType);
  response.setHeader("cache-control", "no-store");
  response.writeHead(200);
  if (!headOnly) {
    response.flushHeaders();
    for await (const piece of pieces) {
      if (response.destroyed) return;
      if (!response.write(piece)) await Promise.race([once(response, "drain"), closed(response)]);
    }
  }
  response.end();
}

function closed(response: ServerResponse): Promise<void> {
  if (response.destroyed) return Promise.resolve();
  return new Promise((resolve) => void response.once("close", resolve));
}
