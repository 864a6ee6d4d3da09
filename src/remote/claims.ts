// Protects the packs of a push from collections. A push writes a claim, and reads the intents of
// collections. docs/remote-protocols.md gives the order, and the reason for each step.
import { z } from "zod";
import { claimKey, collectionsPrefix, packKey, type PackName } from "./format/keys.js";
import type { RemoteReader } from "./remote-map.js";
import { readJson, storeJson } from "./stored-json.js";

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
  reader: RemoteReader,
  { push, snapshot, borrowed }: Claim,
  number: number,
  signal: AbortSignal,
): Promise<number> {
  const content = { version: 1, push, snapshot, borrowed: [...borrowed].map(packKey).sort() };
  const keyOf = (count: number): string => claimKey(push, number + count);
  return number + (await storeJson(reader, keyOf, content, signal)).number;
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

/**
 * Returns the keys of one intent. Undefined if the collection has ended since its intent was
 * listed. The keys are then missing from the result of `doomedKeys`. The HEAD of each pack, which
 * follows, finds the deleted packs.
 */
export async function doomedOf(
  reader: RemoteReader,
  intent: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const what = "the intent of a collection";
  return (await readJson(reader, intent, { schema: intentSchema, what }, signal))?.keys;
}
