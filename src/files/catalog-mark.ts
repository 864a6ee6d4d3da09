// A text file beside the catalog with the newest event that the catalog is known to hold. A catalog
// that does not hold it is an older copy, put back. It trails the catalog and is never made durable:
// a mark that is missing or cannot be read says nothing.
import { readLoosely, replaceLoosely } from "./durable.js";
import type { Layout } from "./layout.js";

export interface CatalogMark {
  readonly sequence: number;
  readonly mark: string;
}

export async function readCatalogMark(layout: Layout): Promise<CatalogMark | undefined> {
  const found = (await readLoosely(layout.catalogMark)) as Partial<CatalogMark> | undefined;
  const { sequence, mark } = found ?? {};
  if (!Number.isSafeInteger(sequence) || typeof mark !== "string") return undefined;
  return { sequence: Number(sequence), mark };
}

/** Nothing is lost when it fails: an older mark is as true. */
export async function writeCatalogMark(
  layout: Layout,
  { sequence, mark }: CatalogMark,
): Promise<void> {
  await replaceLoosely(layout.catalogMark, { sequence, mark });
}
