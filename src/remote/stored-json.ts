// Stores and reads the small objects of the protocols: claims and intents.
import type { z } from "zod";
import { decodeJson, encodeJson, maxJsonBytes } from "./format/checked-json.js";
import { remoteDataInvalid } from "./format/invalid.js";
import type { RemoteReader } from "./remote-map.js";
import { untilStored } from "./until-stored.js";
import { unlessMissing } from "./unusable.js";

/**
 * Stores an object under the first of its keys that is not burnt. `keyOf` returns a new key for
 * each number from 0 on. Returns the key and its number. Throws REMOTE_UNREACHABLE as `untilStored`
 * does.
 */
export async function storeJson(
  { bucket, repository }: RemoteReader,
  keyOf: (number: number) => string,
  content: unknown,
  signal: AbortSignal,
): Promise<{ readonly key: string; readonly number: number }> {
  let key = "";
  const number = await untilStored((each) => {
    key = keyOf(each);
    return bucket.putOnce(key, encodeJson(key, content, repository.sealFor(key)), signal);
  });
  return { key, number };
}

/**
 * Reads an object. Returns undefined if it is missing. Throws REMOTE_DATA_INVALID unless it matches
 * the schema; `what` says in the error what it should be.
 */
export async function readJson<T>(
  { bucket, repository }: RemoteReader,
  key: string,
  { schema, what }: { readonly schema: z.ZodType<T>; readonly what: string },
  signal: AbortSignal,
): Promise<T | undefined> {
  const bytes = await unlessMissing(() => bucket.get(key, { maxBytes: maxJsonBytes, signal }));
  if (bytes === undefined) return undefined;
  const parsed = schema.safeParse(decodeJson(key, bytes, (keyId) => repository.sealOf(key, keyId)));
  if (!parsed.success) throw remoteDataInvalid(key, `it is not ${what}`);
  return parsed.data;
}
