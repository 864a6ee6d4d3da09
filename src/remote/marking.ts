// Reads which objects of a remote are in use. docs/remote-protocols.md, "Collect", defines the
// order in which a collection reads them, and the reasons.
import { z } from "zod";
import {
  claimsPrefix,
  mapKey,
  packKey,
  packsOfPush,
  snapshotOfKey,
  snapshotsPrefix,
} from "./format/keys.js";
import { requestEach, smallRequests } from "./request-each.js";
import { readCommit, readPacks, type RemoteReader } from "./remote-map.js";
import { readJson } from "./stored-json.js";
import { unlessMissing } from "./unusable.js";

/** What the claims protect. */
export interface ClaimedKeys {
  /** Keys of maps and borrowed packs. */
  readonly keys: Set<string>;
  /** Beginnings of the keys of packs. */
  readonly prefixes: Set<string>;
}

const claimSchema = z.strictObject({
  version: z.literal(1),
  push: z.string(),
  snapshot: z.string(),
  borrowed: z.array(z.string()),
});

/**
 * Lists the claims and reads each. A claim that has gone since the listing does not count, and
 * neither do those in `expired`.
 */
export async function readClaims(
  reader: RemoteReader,
  expired: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ClaimedKeys> {
  const claimed: ClaimedKeys = { keys: new Set(), prefixes: new Set() };
  const listed: string[] = [];
  for await (const { key } of reader.bucket.list(claimsPrefix, { signal })) {
    if (!expired.has(key)) listed.push(key);
  }
  await requestEach(smallRequests, listed, async (key) => {
    const claim = await readJson(reader, key, { schema: claimSchema, what: "a claim" }, signal);
    if (claim === undefined) return;
    claimed.prefixes.add(packsOfPush(claim.push));
    claimed.keys.add(mapKey(claim.snapshot));
    for (const pack of claim.borrowed) claimed.keys.add(pack);
  });
  return claimed;
}

/**
 * The keys of the map and the packs of each snapshot, by its id. The keys are undefined if the map
 * is missing.
 */
export type NamedKeys = Map<string, readonly string[] | undefined>;

/**
 * Lists the snapshots, and reads the packs of those that `known` does not have. These objects never
 * change, so what was read once stays true. A snapshot that has gone since the listing does not
 * count. `onRead` is called for each snapshot.
 */
export async function readNamedKeys(
  reader: RemoteReader,
  known: NamedKeys,
  signal: AbortSignal,
  onRead: () => void = () => undefined,
): Promise<NamedKeys> {
  const ids: string[] = [];
  for await (const { key } of reader.bucket.list(snapshotsPrefix, { signal })) {
    const id = snapshotOfKey(key);
    if (id !== undefined) ids.push(id);
  }
  const named: NamedKeys = new Map();
  // Snapshots of one machine share most packs. Each key is in memory once.
  const texts = new Map<string, string>();
  const shared = (key: string): string => {
    const text = texts.get(key) ?? key;
    texts.set(text, text);
    return text;
  };
  await requestEach(smallRequests, ids, async (id) => {
    if (known.has(id)) {
      named.set(id, known.get(id));
      return;
    }
    onRead();
    const commit = await unlessMissing(() => readCommit(reader, id, signal));
    if (commit === undefined) return;
    const packs = await unlessMissing(() => readPacks(reader, commit, signal));
    named.set(id, packs && [mapKey(id), ...packs.map((pack) => shared(packKey(pack)))]);
  });
  return named;
}
