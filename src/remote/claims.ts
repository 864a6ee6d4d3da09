// Protects the packs of a push from collections. A push writes a claim, and reads the intents of
// collections. docs/remote-protocols.md gives the order, and the reason for each step.
import { z } from "zod";
import { isStoreError } from "../base/errors.js";
import { mib } from "../base/sizes.js";
import { decodeJson, encodeJson } from "./format/checked-json.js";
import { remoteDataInvalid } from "./format/invalid.js";
import { claimKey, collectionsPrefix, packKey, packOfKey, type PackName } from "./format/keys.js";
import type { RemoteReader } from "./remote-map.js";
import type { Bucket } from "./s3/bucket.js";

/** An intent lists the packs of a collection, and may be long: 64 MiB are a million packs. */
const maxIntentBytes = 64 * mib;

/**
 * Stores the claim, which says that the packs of this push, and those that it borrows, are in use.
 */
export async function putClaim(
  { bucket, repository }: RemoteReader,
  { push, number, borrowed }: { push: string; number: number; borrowed: Iterable<PackName> },
  signal: AbortSignal,
): Promise<void> {
  const key = claimKey(push, number);
  const content = { version: 1, push, borrowed: [...borrowed].map(packKey).sort() };
  await bucket.put(key, encodeJson(key, content, repository.sealFor(key)), signal);
}

const intentSchema = z.strictObject({
  version: z.literal(1),
  packs: z.array(z.string().refine((key) => packOfKey(key) !== undefined)),
});

/** Returns the keys of the packs that running collections are about to delete. */
export async function doomedPacks(
  { bucket, repository }: RemoteReader,
  signal: AbortSignal,
): Promise<Set<string>> {
  const doomed = new Set<string>();
  for await (const { key } of bucket.list(collectionsPrefix, { signal })) {
    const bytes = await intentAt(bucket, key, signal);
    if (bytes === undefined) continue;
    const content = decodeJson(key, bytes, (keyId) => repository.sealOf(key, keyId));
    const parsed = intentSchema.safeParse(content);
    if (!parsed.success) throw remoteDataInvalid(key, "it is not the intent of a collection");
    for (const pack of parsed.data.packs) doomed.add(pack);
  }
  return doomed;
}

/**
 * Returns the intent. Undefined if the collection has ended since the list was made. Its packs are
 * then missing from the result. The check that follows, of the base's snapshot or of each pack,
 * finds the deleted packs.
 */
async function intentAt(
  bucket: Bucket,
  key: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  try {
    return await bucket.get(key, { maxBytes: maxIntentBytes, signal });
  } catch (error) {
    if (isStoreError(error, "REMOTE_COPY_MISSING")) return undefined;
    throw error;
  }
}
