// Protects the packs of a push from collections. A push writes a claim, and reads the intents of
// collections. docs/remote-protocols.md gives the order, and the reason for each step.
import { z } from "zod";
import { isStoreError } from "../base/errors.js";
import { mib } from "../base/sizes.js";
import { decodeJson, encodeJson } from "./format/checked-json.js";
import { remoteDataInvalid } from "./format/invalid.js";
import { claimKey, collectionsPrefix, packKey, type PackName } from "./format/keys.js";
import type { RemoteReader } from "./remote-map.js";
import type { Bucket } from "./s3/bucket.js";
import { untilStored } from "./until-stored.js";

/** An intent lists the keys of a collection, and may be long: 64 MiB are a million keys. */
const maxIntentBytes = 64 * mib;

interface Claim {
  readonly push: string;
  /** Id of the snapshot that the push is about to make. */
  readonly snapshot: string;
  readonly borrowed: Iterable<PackName>;
}

/**
 * Stores a claim, which says that the packs and the map of this push, and the packs that it
 * borrows, are in use. `number` is the number of the push's next claim. Returns the number of the
 * claim that was stored, which is higher if keys are burnt.
 */
export async function putClaim(
  { bucket, repository }: RemoteReader,
  { push, snapshot, borrowed }: Claim,
  number: number,
  signal: AbortSignal,
): Promise<number> {
  const content = { version: 1, push, snapshot, borrowed: [...borrowed].map(packKey).sort() };
  const burnt = await untilStored((count) => {
    const key = claimKey(push, number + count);
    return bucket.putOnce(key, encodeJson(key, content, repository.sealFor(key)), signal);
  });
  return number + burnt;
}

const intentSchema = z.strictObject({
  version: z.literal(1),
  keys: z.array(z.string()),
});

/** Returns the keys of the packs and maps that running collections are about to delete. */
export async function doomedKeys(reader: RemoteReader, signal: AbortSignal): Promise<Set<string>> {
  const doomed = new Set<string>();
  for await (const { key } of reader.bucket.list(collectionsPrefix, { signal })) {
    for (const each of (await doomedOf(reader, key, signal)) ?? []) doomed.add(each);
  }
  return doomed;
}

/** Returns the keys of one intent. Undefined if the intent is not there any more. */
export async function doomedOf(
  { bucket, repository }: RemoteReader,
  intent: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const bytes = await intentAt(bucket, intent, signal);
  if (bytes === undefined) return undefined;
  const content = decodeJson(intent, bytes, (keyId) => repository.sealOf(intent, keyId));
  const parsed = intentSchema.safeParse(content);
  if (!parsed.success) throw remoteDataInvalid(intent, "it is not the intent of a collection");
  return parsed.data.keys;
}

/**
 * Returns the intent. Undefined if the collection has ended since the list was made. The keys of
 * the intent are then missing from the result of `doomedKeys`. The HEAD of each pack, which
 * follows, finds the deleted packs.
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
