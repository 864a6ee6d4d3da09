// Finds the packs that a push has stored before it was cut off. The journal says which block each
// entry is. The footers of the packs say where the entries are, and prove that they hold these
// blocks. docs/remote-protocols.md, "To resume a push", gives the order of the requests.
import { z } from "zod";
import type { WholeIndex } from "../files/block-access.js";
import { digestBytes } from "../files/block-digest.js";
import type { PushJournal } from "../files/push-journal.js";
import { blockEncodings, type BlockEncoding } from "./format/block-codec.js";
import { packKey } from "./format/keys.js";
import type { PackRecord } from "./format/map.js";
import {
  decodePackFooter,
  decodePackTail,
  footerRecordBytes,
  tailBytes,
  type PackEntry,
} from "./format/pack.js";
import { isRemoteId } from "./format/remote-id.js";
import { sealedOverhead } from "./format/seal.js";
import type { RemoteReader } from "./remote-map.js";
import { requestEach, smallRequests } from "./request-each.js";
import { isUnusable } from "./unusable.js";

/** A block of the pushed snapshot: the index of its file, and its number in the file. */
export interface BlockOfPush {
  readonly file: number;
  readonly block: number;
}

/** Consecutive entries of a pack that are consecutive blocks of one file. */
type Run = readonly [file: number, block: number, count: number];

/** An earlier push of the same data, by this node. */
export interface JournaledPush {
  /** Id of the push. */
  readonly push: string;
  readonly packs: readonly NotedPack[];
}

interface NotedPack {
  readonly record: PackRecord;
  /** Id of the base at the remote to whose blocks the patches refer. Empty without a base. */
  readonly base: string;
  readonly runs: readonly Run[];
}

const remoteId = z.string().refine(isRemoteId);
const count = z.int().min(0).max(0xffff_ffff);
const startSchema = z.strictObject({
  version: z.literal(1),
  push: remoteId,
  nodeId: z.string(),
  digest: z.string(),
});
const packSchema = z.strictObject({
  pack: z.strictObject({
    push: remoteId,
    attempt: count,
    sequence: count,
    bytes: count,
    keyId: remoteId.optional(),
  }),
  base: z.union([remoteId, z.literal("")]),
  runs: z.array(z.tuple([count, count, count])),
});

/** Notes that a push begins, and forgets the earlier one. */
export function noteStart(
  journal: PushJournal,
  start: Omit<z.infer<typeof startSchema>, "version">,
): Promise<void> {
  return journal.restart({ version: 1, ...start });
}

/**
 * Reads the journal of an earlier push. Returns undefined if the journal is empty, or if it was the
 * push of another node or of other data.
 */
export async function readJournal(
  journal: PushJournal,
  { nodeId, digest }: { readonly nodeId: string; readonly digest: string },
): Promise<JournaledPush | undefined> {
  const [first, ...notes] = await journal.notes();
  const { data: start } = startSchema.safeParse(first);
  if (start === undefined || start.nodeId !== nodeId || start.digest !== digest) return undefined;
  const packs = notes.flatMap((note) => {
    const { data } = packSchema.safeParse(note);
    if (data?.pack.push !== start.push) return [];
    const record = { ...data.pack, keyId: data.pack.keyId };
    return [{ record, base: data.base, runs: data.runs }];
  });
  return { push: start.push, packs };
}

/**
 * Notes that a pack is stored. `blocks` has the block of each of its entries. `base` is the id of
 * the push's base, or empty.
 */
export function notePack(
  journal: PushJournal,
  { pack, base }: { readonly pack: PackRecord; readonly base: string },
  blocks: readonly BlockOfPush[],
): Promise<void> {
  const runs: [number, number, number][] = [];
  for (const { file, block } of blocks) {
    const last = runs.at(-1);
    if (last?.[0] === file && last[1] + last[2] === block) last[2] += 1;
    else runs.push([file, block, 1]);
  }
  return journal.add({ pack, base, runs });
}

/** An entry of a pack that an earlier run of the push has stored. */
export interface StoredEntry {
  readonly pack: PackRecord;
  readonly offset: number;
  readonly bytes: number;
  readonly encoding: BlockEncoding;
}

/** The blocks that an earlier run of the push has stored. */
export interface StoredBlocks {
  /** The packs that have these blocks. */
  readonly packs: readonly PackRecord[];
  find(at: BlockOfPush): StoredEntry | undefined;
}

interface FoundRun {
  readonly first: number;
  readonly count: number;
  readonly pack: PackRecord;
  /** True if entries that are patches can be used. */
  readonly patches: boolean;
  /** Offset, stored bytes and number of the encoding of each entry. */
  readonly entries: Uint32Array;
}

const fields = 3;

export const noStoredBlocks: StoredBlocks = { packs: [], find: () => undefined };

interface StoredBefore {
  readonly earlier: JournaledPush;
  /** Keys that collections are about to delete. */
  readonly doomed: ReadonlySet<string>;
  /** Id of the push's base now, or empty. Patches of another base are left out. */
  readonly base: string;
}

/**
 * Reads the footers of the journal's packs. A pack that is doomed, gone or damaged is left out.
 * Call this after the intents of collections were listed, for the same reason as
 * `head-packs-early`. `files` are the indexes of the snapshot's files.
 */
export async function readStoredBlocks(
  reader: RemoteReader,
  { earlier: { packs }, doomed, base }: StoredBefore,
  files: readonly WholeIndex[],
  signal: AbortSignal,
): Promise<StoredBlocks> {
  const runs = files.map((): FoundRun[] => []);
  const used: PackRecord[] = [];
  const candidates = packs.filter(({ record }) => !doomed.has(packKey(record)));
  await requestEach(smallRequests, candidates, async ({ record, base: of, runs: noted }) => {
    const entries = await readFooter(reader, record, noted, signal);
    if (entries === undefined || !areBlocks(entries, noted, files)) return;
    used.push(record);
    let position = 0;
    for (const [file, first, length] of noted) {
      const part = entries.slice(position, position + length);
      const run = { first, count: length, pack: record, patches: of === base };
      runs[file]?.push({ ...run, entries: packed(part) });
      position += length;
    }
  });
  for (const each of runs) each.sort((a, b) => a.first - b.first);
  return { packs: used, find: ({ file, block }) => findBlock(runs[file] ?? [], block) };
}

/** Returns the entries of a pack. Undefined if the pack is gone or is not as noted. */
async function readFooter(
  { bucket, repository }: RemoteReader,
  record: PackRecord,
  noted: readonly Run[],
  signal: AbortSignal,
): Promise<PackEntry[] | undefined> {
  const key = packKey(record);
  const expected = noted.reduce((sum, [, , length]) => sum + length, 0);
  const length = footerBytes(expected, record) + tailBytes;
  const offset = record.bytes - length;
  if (expected === 0 || offset < 0) return undefined;
  try {
    const stored = await bucket.get(key, { range: { offset, length }, maxBytes: length, signal });
    const tail = decodePackTail(stored.subarray(-tailBytes), record.bytes, key);
    if (tail.entries !== expected || tail.footerOffset !== offset) return undefined;
    const seal = repository.sealOf(record.push, record.keyId);
    return decodePackFooter(stored.subarray(0, -tailBytes), tail, record, seal);
  } catch (error) {
    if (isUnusable(error)) return undefined;
    throw error;
  }
}

function footerBytes(entries: number, { keyId }: PackRecord): number {
  return entries * footerRecordBytes + (keyId === undefined ? 0 : sealedOverhead);
}

/** Returns whether the digest of each entry is that of its block in the snapshot. */
function areBlocks(
  entries: readonly PackEntry[],
  noted: readonly Run[],
  files: readonly WholeIndex[],
): boolean {
  let position = 0;
  for (const [file, first, length] of noted) {
    const index = files[file];
    if (index?.table.algorithm !== "blake3") return false;
    for (let block = first; block < first + length; block += 1) {
      const [own, entry] = [index.digestOf(block), entries[position]];
      if (own?.length !== digestBytes || entry === undefined) return false;
      if (Buffer.compare(own, entry.digest) !== 0) return false;
      if (index.lengthOf(block) !== entry.blockBytes) return false;
      position += 1;
    }
  }
  return true;
}

/** Keeps 12 bytes of each entry, because a large snapshot has millions of them. */
function packed(entries: readonly PackEntry[]): Uint32Array {
  const numbers = new Uint32Array(entries.length * fields);
  for (const [index, { offset, bytes, encoding }] of entries.entries()) {
    numbers.set([offset, bytes, blockEncodings.indexOf(encoding)], index * fields);
  }
  return numbers;
}

function findBlock(runs: readonly FoundRun[], block: number): StoredEntry | undefined {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((runs[middle]?.first ?? 0) <= block) low = middle + 1;
    else high = middle;
  }
  const run = runs[low - 1];
  if (run === undefined || block >= run.first + run.count) return undefined;
  const at = (block - run.first) * fields;
  const [offset = 0, bytes = 0, encoding = 0] = run.entries.subarray(at, at + fields);
  const known = blockEncodings[encoding];
  if (known === undefined || (known === "patch" && !run.patches)) return undefined;
  return { pack: run.pack, offset, bytes, encoding: known };
}
