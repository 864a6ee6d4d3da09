// A text file beside the catalog with the newest event that the catalog is known to hold. A catalog
// that does not hold it is an older copy, put back. It trails the catalog and is never made durable:
// a mark that is missing or cannot be read says nothing.
import { readFile, rename, writeFile } from "node:fs/promises";
import type { Layout } from "./layout.js";

export interface CatalogMark {
  readonly sequence: number;
  readonly mark: string;
}

export async function readCatalogMark(layout: Layout): Promise<CatalogMark | undefined> {
  try {
    const text = await readFile(layout.catalogMark, "utf8");
    const { sequence, mark } = JSON.parse(text) as Partial<CatalogMark>;
    if (!Number.isSafeInteger(sequence) || typeof mark !== "string") return undefined;
    return { sequence: Number(sequence), mark };
  } catch {
    return undefined;
  }
}

/** Nothing is lost when it fails: an older mark is as true. */
export async function writeCatalogMark(layout: Layout, mark: CatalogMark): Promise<void> {
  const { sequence, mark: random } = mark;
  const temporary = `${layout.catalogMark}.tmp`;
  await writeFile(temporary, `${JSON.stringify({ sequence, mark: random })}\n`, { mode: 0o600 });
  await rename(temporary, layout.catalogMark);
}
