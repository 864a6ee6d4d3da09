// Converts the pages of a block between the wire and a page set. On the wire they are a
// `page_bitmap` with `page_bytes`. Peers from before the bitmap use `changed_pages`.
import { blockBytes } from "../files/block-table.js";
import { sentPageBytes, type PageSet } from "./page-delta.js";

const minPageBytes = 512;
/** Bits of `changed_pages`. */
const maskBits = 64;

interface WirePages {
  /** Bit N stands for page N of 4,096 bytes. The field is 0 if there is a bitmap. */
  readonly changedPages: bigint;
  /** Bit N modulo 8 of byte N / 8 stands for page N. */
  readonly pageBitmap: Uint8Array;
  /** Size of a page; 0 = no bitmap. */
  readonly pageBytes: number;
}

const noPages: WirePages = { changedPages: 0n, pageBitmap: new Uint8Array(0), pageBytes: 0 };

/**
 * Returns the fields for pages of a block of this length. An undefined `set` means a whole block.
 */
export function pagesToWire(
  set: PageSet | undefined,
  blockLength: number,
  asBitmap: boolean,
): WirePages {
  if (set === undefined) return noPages;
  const { pages, pageBytes } = set;
  if (!asBitmap) {
    const changedPages = pages.reduce((mask, page) => mask | (1n << BigInt(page)), 0n);
    return { ...noPages, changedPages };
  }
  const pageBitmap = new Uint8Array(bitmapBytes(pageBytes, blockLength));
  for (const page of pages)
    pageBitmap[page >>> 3] = (pageBitmap[page >>> 3] ?? 0) | (1 << (page & 7));
  return { changedPages: 0n, pageBitmap, pageBytes };
}

/** Returns the pages. Undefined if the fields cannot describe pages of a block of this length. */
export function pagesFromWire(
  { changedPages, pageBitmap, pageBytes }: WirePages,
  blockLength: number,
): PageSet | undefined {
  const pages: number[] = [];
  if (pageBytes === 0) {
    if (pageBitmap.length > 0) return undefined;
    for (let page = 0; page < maskBits; page += 1) {
      if ((changedPages >> BigInt(page)) & 1n) pages.push(page);
    }
    return { pageBytes: sentPageBytes, pages };
  }
  const isPower = Number.isInteger(Math.log2(pageBytes));
  if (!isPower || pageBytes < minPageBytes || pageBytes > blockBytes) return undefined;
  if (changedPages !== 0n || pageBitmap.length !== bitmapBytes(pageBytes, blockLength)) {
    return undefined;
  }
  for (let page = 0; page < pageBitmap.length * 8; page += 1) {
    if (((pageBitmap[page >>> 3] ?? 0) >>> (page & 7)) & 1) pages.push(page);
  }
  return { pageBytes, pages };
}

function bitmapBytes(pageBytes: number, blockLength: number): number {
  return Math.ceil(Math.ceil(blockLength / pageBytes) / 8);
}
