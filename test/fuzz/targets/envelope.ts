// Fuzzes envelopes. An envelope that is accepted can be written, and then has the same meaning.
import assert from "node:assert/strict";
import { decodeEnvelope, encodeEnvelope } from "../../../src/archive/envelope.js";
import { parsed } from "../only-store-errors.js";

const reasons = ["ARCHIVE_INVALID", "LIMIT_EXCEEDED", "ENVELOPE_VERSION_UNSUPPORTED"] as const;

export function fuzz(data: Buffer): void {
  const envelope = parsed(reasons, () => decodeEnvelope(data, { deltas: true }));
  if (envelope === undefined) return;
  const { config, files = [], claims, delta } = envelope;
  const written = encodeEnvelope(config, files, claims, delta && { delta });
  const again = decodeEnvelope(written, { deltas: true });
  assert.deepEqual(again.config, config, "the configuration changed on its way");
  assert.deepEqual(again.files ?? [], files);
  assert.deepEqual(again.claims, claims);
  assert.deepEqual(again.delta, delta);
  if (delta !== undefined) assert.throws(() => decodeEnvelope(written), /expected version 1/);
  assert.equal(Object.getPrototypeOf(config.labels), Object.prototype);
}
