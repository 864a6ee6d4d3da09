// Reads and writes store.json, which contains the version of the store as a whole. A start reads it
// before anything else. A program that only knows a lower version refuses the store before it
// changes anything. In every version the file is an object with an integer `format`.
//
// Builds that are older than this file (format 1) do not read it. They refuse the store because of
// the catalog's schema.
import { join } from "node:path";
import { z } from "zod";
import { buildInfo, describeBuild } from "../base/build-info.js";
import { isStoreError } from "../base/errors.js";
import type { Logger } from "../base/logger.js";
import { formatUnsupported } from "../model/format.js";
import { ioError, isErrno, withIoError } from "../holes/errno.js";
import { fsyncDirectory, removeTree, writeNewFile } from "./durable.js";
import type { Layout } from "./layout.js";
import { readStart } from "./small-text.js";
import { disk } from "../holes/file-operations.js";

/**
 * 1  no store.json; builds up to commit 0608b27
 * 2  store.json; the catalog has schema version 5 or higher
 */
export const storeFormat = 2;

const schema = z.object({
  format: z.number().int().positive(),
  writtenBy: z.object({ version: z.string(), commit: z.string() }).optional().catch(undefined),
});

type StoreFile = z.infer<typeof schema>;

/** Throws FORMAT_UNSUPPORTED for a store that a newer program has written. Changes nothing. */
export function requireKnownFormat(layout: Pick<Layout, "root">): void {
  requireKnown(layout, readStoreFile(layout));
}

/**
 * Records the format in which this program writes to the store. Call this under the lock on the
 * root, before anything is written in the store's newest formats. An unreadable file is damaged and
 * is written again, which is safe because the catalog, the manifests and the tables have versions
 * of their own. Returns false if the disk has no space for the file. In that case only the
 * catalog's schema keeps older programs away until the next start.
 */
export async function claimFormat(
  layout: Pick<Layout, "root">,
  logger: Pick<Logger, "warn">,
): Promise<boolean> {
  const found = readStoreFile(layout);
  requireKnown(layout, found);
  if (found === "damaged") {
    logger.warn({ path: pathIn(layout) }, "store.json cannot be understood: writing it again");
  }
  const writtenBy = buildInfo();
  if (found !== undefined && found !== "damaged" && isSame(found, writtenBy)) return true;
  const text = JSON.stringify({ format: storeFormat, writtenBy }, null, 2);
  try {
    await replaceStoreFile(layout, Buffer.from(`${text}\n`));
    return true;
  } catch (error) {
    if (!isStoreError(error, "STORAGE_FULL")) throw error;
    logger.warn({ err: error, path: pathIn(layout) }, "no room for the version of the store");
    return false;
  }
}

/**
 * Replaces the file. This always uses the same temporary name, so that the next start replaces what
 * a crash leaves.
 */
async function replaceStoreFile(layout: Pick<Layout, "root">, bytes: Uint8Array): Promise<void> {
  const path = pathIn(layout);
  const temporary = `${path}.tmp`;
  await removeTree(temporary);
  try {
    await writeNewFile(temporary, bytes);
    await withIoError({ what: "replace the file", path }, () => disk.rename(temporary, path));
  } catch (error) {
    await disk.unlink(temporary).catch(() => undefined);
    throw error;
  }
  await fsyncDirectory(layout.root);
}

function isSame(
  { format, writtenBy }: StoreFile,
  { version, commit }: StoreFile["writtenBy"] & {},
): boolean {
  return format === storeFormat && writtenBy?.version === version && writtenBy.commit === commit;
}

function requireKnown(
  { root }: Pick<Layout, "root">,
  found: StoreFile | "damaged" | undefined,
): void {
  if (found === undefined || found === "damaged" || found.format <= storeFormat) return;
  const { format, writtenBy } = found;
  throw formatUnsupported(`the store ${root}`, format, storeFormat, {
    file: pathIn({ root }),
    ...(writtenBy === undefined ? {} : { writtenBy: `stasis ${describeBuild(writtenBy)}` }),
  });
}

function pathIn({ root }: Pick<Layout, "root">): string {
  return join(root, "store.json");
}

const maxBytes = 64 * 1024;

/**
 * Reads the file. Returns undefined if there is no such file, as in a new store or one of format 1,
 * and `damaged` if its content cannot be understood.
 */
function readStoreFile(layout: Pick<Layout, "root">): StoreFile | "damaged" | undefined {
  const path = pathIn(layout);
  let text: string;
  try {
    text = readStart(path, maxBytes);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw ioError(error, { what: "read the version of the store", path });
  }
  try {
    const { success, data } = schema.safeParse(JSON.parse(text));
    return success ? data : "damaged";
  } catch {
    return "damaged";
  }
}
