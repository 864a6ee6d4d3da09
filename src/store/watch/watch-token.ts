// Encodes and decodes the token with which a watch continues. The token is an opaque text that is
// valid only for one history of events.
import { fieldInvalid } from "../../base/errors.js";
import type { EventPosition } from "../../catalog/open.js";

interface WatchPosition extends EventPosition {
  /** Random name of the catalog. A rebuilt catalog has another one. */
  readonly nodeId: string;
}

const tokenPattern = /^[A-Za-z0-9_-]{1,128}$/;
const positionPattern = /^w1\.([0-9a-f]+)\.(0|[1-9]\d*)\.([0-9a-f]*)$/;

export function encodeWatchToken({ nodeId, sequence, mark }: WatchPosition): string {
  return Buffer.from(`w1.${nodeId}.${sequence}.${mark}`).toString("base64url");
}

/** Decodes a token. Throws FIELD_INVALID unless stasis, in any version, made the token. */
export function decodeWatchToken(token: string): WatchPosition {
  const text = tokenPattern.test(token) ? Buffer.from(token, "base64url").toString("latin1") : "";
  const [, nodeId, digits, mark] = positionPattern.exec(text) ?? [];
  const sequence = Number(digits);
  if (nodeId === undefined || mark === undefined || !Number.isSafeInteger(sequence)) {
    const expected = "empty, or the token of a message of Watch";
    const hint = "Watch without a token, then list";
    throw fieldInvalid("resumeToken", expected, token, hint);
  }
  return { nodeId, sequence, mark };
}
