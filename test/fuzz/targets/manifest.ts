// Fuzzes the inner text of manifests. The checksum and the digest are valid unless the first byte
// selects otherwise.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { decodeManifest, encodeManifest, snapshotDigest } from "../../../src/files/manifest.js";
import { parsed } from "../only-store-errors.js";

const members = [
  ...["version", "id", "revision", "config", "createdAt", "protected", "files", "digest"],
  ...["name", "sizeBytes", "allocatedBytes", "mode", "labels", "imageBlobIds", "unknown"],
];
/**
 * Maps each objection of the schema to a counter. A library without instrumentation checks the
 * schema, so its objection, with the path, is counted as a branch. No objection is counted if the
 * modules have no counters.
 */
const objections = new Map<string, number>();
const counts = (globalThis.fuzzModule as typeof globalThis.fuzzModule | undefined)?.(512, members);

function count(message: string): void {
  const index = objections.get(message) ?? objections.size;
  objections.set(message, index);
  if (counts !== undefined && index < counts.length) counts[index] = 1;
}

export function fuzz(data: Buffer): void {
  const choice = data[0] ?? 0;
  const text = choice % 2 === 0 ? data.subarray(1) : withDigest(data.subarray(1));
  const checksum = createHash("sha256").update(text).digest("hex");
  const framed = Buffer.concat([
    Buffer.from(`{\n"checksum": "sha256:${checksum}",\n"manifest": `),
    text,
    Buffer.from("\n}\n"),
  ]);
  const file = choice % 16 === 0 ? text : framed;
  const manifest = parsed(
    ["STORED_DATA_CORRUPT", "FORMAT_UNSUPPORTED"],
    () => decodeManifest(file, "manifest.json"),
    (message) => count(message.replace(/\d+/g, "").split(`"`, 1).join()),
  );
  if (manifest === undefined) return;
  const again = decodeManifest(encodeManifest(manifest), "manifest.json");
  assert.equal(JSON.stringify(again), JSON.stringify(manifest), "it changed on its way");
}

/** Sets the digest of the files, if there is one, because no mutation produces it by chance. */
function withDigest(text: Buffer): Buffer {
  try {
    const body = JSON.parse(text.toString()) as { files: []; digest: string };
    body.digest = snapshotDigest(body.files);
    return Buffer.from(JSON.stringify(body));
  } catch {
    return text;
  }
}
