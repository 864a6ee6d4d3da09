// Sends an answer in pieces to a reader that may be slow, and ends the answer when nobody reads it.
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { StreamAnswer } from "./answer.js";

/**
 * Sends the pieces of an answer. A piece is made when the reader has received the previous one, so
 * a slow reader costs the memory of one piece. The connection's idle time-out disconnects a reader
 * that reads nothing.
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
