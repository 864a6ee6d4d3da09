// Manages what transfers that can be resumed have left: a directory for each snapshot digest that a
// pull has requested, and a journal for each push.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { DirectorySpace } from "../model/charge.js";
import { ioError, isErrno, withIoError } from "../holes/errno.js";
import { ensureDirectory, readLoosely, removeTree, replaceLoosely } from "./durable.js";
import type { Layout } from "./layout.js";
import { spaceBelow } from "./leftovers.js";
import { listPushJournals, openPushJournal, type PushJournal } from "./push-journal.js";
import { listEntries } from "./removal.js";
import { disk } from "../holes/file-operations.js";

/** The origin of a transfer, for people. No decision depends on it. */
interface TransferOrigin {
  readonly source: string;
  readonly ref: string;
}

interface KeptTransfer extends TransferOrigin {
  /** The digest, `sha256:<hex>`. */
  readonly digest: string;
  readonly usedAt: Date;
  /**
   * The end of the last pull of this digest, as a stamp of elapsed time. Undefined while a pull
   * runs, and after a crash during a pull.
   */
  readonly endedMs: number | undefined;
}

const infoName = "transfer.json";
const keyPattern = /^[0-9a-f]{64}$/;

function keyOf(digest: string): string {
  const key = digest.slice("sha256:".length);
  if (!keyPattern.test(key)) throw new Error(`expected a digest, got ${JSON.stringify(digest)}`);
  return key;
}

/**
 * The data of pulls and pushes that is kept between two calls. Replication receives the paths of
 * single files, and never the layout of the store.
 */
export interface TransferArea {
  /** Returns the pulls that can be resumed, in order of digests. */
  list(): Promise<KeptTransfer[]>;
  /**
   * Makes the directory of a pull, or opens the one that an earlier pull has left. Only one pull
   * may use it at a time.
   */
  open(digest: string, origin: TransferOrigin): Promise<OpenTransfer>;
  /**
   * Records when the last pull of this digest ended. Returns false if the pull has no directory.
   */
  noteEnd(digest: string, endedMs: number): Promise<boolean>;
  /** Returns the disk space of a pull's directory. */
  space(digest: string): Promise<DirectorySpace>;
  drop(digest: string): Promise<void>;
  /** Opens the journal of a push. `name` comes from `pushJournalName`. */
  journal(name: string): PushJournal;
  /** Lists the journals that pushes have left. */
  journals(): ReturnType<typeof listPushJournals>;
}

export interface OpenTransfer {
  /** Returns the path of the partial file for the file at `index`. */
  partPath(index: number): string;
  /** Returns the path of the block table for the file at `index`, if the table is large. */
  tablePath(index: number): string;
}

export function openTransferArea(layout: Layout): TransferArea {
  return {
    list: () => listTransfers(layout),
    open: async (digest, origin) => {
      const directory = await openTransfer(layout, digest, origin);
      return {
        partPath: (index) => join(directory, `${numbered(index)}.part`),
        tablePath: (index) => join(directory, `${numbered(index)}.blk`),
      };
    },
    noteEnd: (digest, endedMs) => noteTransferEnd(layout, digest, endedMs),
    space: (digest) => spaceBelow(transferDirectory(layout, digest)),
    drop: (digest) => removeTree(transferDirectory(layout, digest)),
    journal: (name) => openPushJournal(layout, name),
    journals: () => listPushJournals(layout),
  };
}

function transferDirectory(layout: Layout, digest: string): string {
  return join(layout.transfersRoot, keyOf(digest));
}

function numbered(index: number): string {
  return String(index).padStart(4, "0");
}

async function openTransfer(
  layout: Layout,
  digest: string,
  origin: TransferOrigin,
): Promise<string> {
  const path = transferDirectory(layout, digest);
  await ensureDirectory(path, "make the transfer's directory");
  await withIoError({ what: "write where a transfer comes from", path }, async () => {
    await replaceLoosely(join(path, infoName), origin);
    const now = new Date();
    await disk.utimes(path, now, now);
  });
  return path;
}

async function noteTransferEnd(layout: Layout, digest: string, endedMs: number): Promise<boolean> {
  const path = transferDirectory(layout, digest);
  try {
    await replaceLoosely(join(path, infoName), { ...(await readInfo(path)), endedMs });
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw ioError(error, { what: "note the transfer's end", path });
  }
}

async function listTransfers(layout: Layout): Promise<KeptTransfer[]> {
  const kept: KeptTransfer[] = [];
  for (const name of await listEntries(layout.transfersRoot)) {
    if (!keyPattern.test(name)) continue;
    const path = join(layout.transfersRoot, name);
    try {
      const { mtime } = await stat(path);
      kept.push({ digest: `sha256:${name}`, usedAt: mtime, ...(await readInfo(path)) });
    } catch (error) {
      // If the directory is missing, the pull has finished since the listing.
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }
  return kept;
}

async function readInfo(path: string): Promise<TransferOrigin & Pick<KeptTransfer, "endedMs">> {
  const found = (await readLoosely(join(path, infoName))) ?? {};
  const { source, ref, endedMs } = found as Partial<Record<string, unknown>>;
  return {
    source: typeof source === "string" ? source : "",
    ref: typeof ref === "string" ? ref : "",
    endedMs: typeof endedMs === "number" ? endedMs : undefined,
  };
}
