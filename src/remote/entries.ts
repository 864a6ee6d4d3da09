// Reads entries of packs with few requests: one GET reads entries that are near each other.
import { kib, mib } from "../base/sizes.js";
import type { Extent } from "../model/extent.js";
import { packKey } from "./format/keys.js";
import type { PackRecord } from "./format/map.js";
import { openEntry } from "./format/pack.js";
import { requestEach } from "./request-each.js";
import type { RemoteReader } from "./remote-map.js";

/** An entry of a pack, and where it is. */
export interface EntryPlace {
  readonly pack: PackRecord;
  readonly offset: number;
  /** Bytes of the entry as stored. */
  readonly bytes: number;
}

/**
 * If at most this many bytes lie between two entries, they are read with the entries, rather than
 * with a second request.
 */
const maxGapBytes = 128 * kib;
const maxRangeBytes = 4 * mib;
const requestsInFlight = 4;

interface PlannedRange extends Extent {
  readonly pack: PackRecord;
  readonly entries: readonly EntryPlace[];
}

/** Returns the key of an entry in the result of `readEntries`. */
export function entryKey({ pack, offset }: Pick<EntryPlace, "pack" | "offset">): string {
  return `${pack.push}-${pack.sequence}@${offset}`;
}

/**
 * Returns the encoded blocks by `entryKey`. All are in memory together, so the caller must not
 * request many.
 */
export async function readEntries(
  reader: RemoteReader,
  wanted: Iterable<EntryPlace>,
  signal: AbortSignal,
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  await requestEach(requestsInFlight, planRanges(wanted), async (range) => {
    for (const [key, bytes] of await readRange(reader, range, signal)) found.set(key, bytes);
  });
  return found;
}

/**
 * Returns ranges inside packs that contain all entries, in the order of the packs' first entries.
 */
function planRanges(wanted: Iterable<EntryPlace>): PlannedRange[] {
  const byPack = new Map<string, EntryPlace[]>();
  for (const entry of wanted) {
    const key = packKey(entry.pack);
    const others = byPack.get(key);
    if (others === undefined) byPack.set(key, [entry]);
    else others.push(entry);
  }
  return [...byPack.values()].flatMap((entries) => joinEntries(entries));
}

function joinEntries(entries: readonly EntryPlace[]): PlannedRange[] {
  const ranges: { pack: PackRecord; offset: number; length: number; entries: EntryPlace[] }[] = [];
  for (const entry of [...entries].sort((a, b) => a.offset - b.offset)) {
    const { pack, offset, bytes } = entry;
    const last = ranges.at(-1);
    const gap = last === undefined ? Infinity : offset - last.offset - last.length;
    const length = last === undefined ? 0 : offset + bytes - last.offset;
    if (last === undefined || gap > maxGapBytes || length > maxRangeBytes) {
      ranges.push({ pack, offset, length: bytes, entries: [entry] });
    } else {
      // The caller may want the same entry twice.
      last.length = Math.max(last.length, length);
      last.entries.push(entry);
    }
  }
  return ranges;
}

async function readRange(
  { bucket, repository }: RemoteReader,
  { pack, offset, length, entries }: PlannedRange,
  signal: AbortSignal,
): Promise<(readonly [key: string, bytes: Uint8Array])[]> {
  const range = { offset, length };
  const bytes = await bucket.get(packKey(pack), { range, maxBytes: length, signal });
  const seal = repository.sealOf(pack.push, pack.keyId);
  return entries.map((entry) => {
    const start = entry.offset - offset;
    const stored = bytes.subarray(start, start + entry.bytes);
    return [entryKey(entry), openEntry(pack, seal, entry.offset, stored)] as const;
  });
}
