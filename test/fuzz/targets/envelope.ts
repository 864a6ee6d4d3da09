// Fuzzes envelopes. An envelope that is accepted can be written, and then has the same meaning.
import assert from "node:assert/strict";
import { decodeEnvelope, encodeEnvelope } from "../../../src/archive/envelope.js";
import { parsed } from "../only-store-errors.js";

const reasons = ["ARCHIVE_INVALID", "LIMIT_EXCEEDED", "ENVELOPE_VERSION_UNSUPPORTED"] as const;

export function fuzz(data: Buffer): void {
  const envelope = parsed(reasons, () => decodeEnvelope(data));
  if (envelope === undefined) return;
  const { config, files = [], claims } = envelope;
  const again = decodeEnvelope(encodeEnvelope(config, files, claims));
  assert.deepEqual(again.config, config, "the configuration changed on its way");
  assert.deepEqual(again.files ?? [], files);
  assert.deepEqual(again.claims, claims);
  assert.equal(Object.getPrototypeOf(config.labels), Object.prototype);
}
