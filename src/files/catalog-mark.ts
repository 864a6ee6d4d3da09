// Reads and writes the mark: a text file beside the catalog that names the newest event in it. If
// the catalog does not contain that event, the catalog is an older copy that somebody has restored.
// The file trails the catalog and is never made durable: a missing or unreadable mark proves
// nothing.
import { readLoosely, replaceLoosely } from "./durable.js";
import type { Layout } from "./layout.js";

interface CatalogMark {
  readonly sequence: number;
  readonly mark: string;
}

export async function readCatalogMark(layout: Layout): Promise<CatalogMark | undefined> {
  const found = (await readLoosely(layout.catalogMark)) as Partial<CatalogMark> | undefined;
  const { sequence, mark } = found ?? {};
  if (!Number.isSafeInteger(sequence) || typeof mark !== "string") return undefined;
  return { sequence: Number(sequence), mark };
}

/** Writes the mark. A failure loses nothing, because an older mark is true as well. */
export async function writeCatalogMark(
  layout: Layout,
  { sequence, mark }: CatalogMark,
): Promise<void> {
  await replaceLoosely(layout.catalogMark, { sequence, mark });
}
