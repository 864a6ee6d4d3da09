// Encodes the pages that differ between two versions of a block, and the pages that are not all
// zeros.
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";

/** Bytes per bit of `changed_pages`. */
const pageBytes = 4096;

interface PageDelta {
  /** Bit N: `data` contains page N of the block. */
  readonly changedPages: bigint;
  readonly data: Uint8Array;
  readonly deflated: boolean;
}

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);
/** Level 1 costs a fraction of what the link costs, and higher levels gain little. */
const deflateLevel = 1;
/** Compression that saves less is not worth the receiver's time. */
const worthwhile = 0.9;

/**
 * The difference between two blocks of equal length. Undefined if nearly all pages changed, so that
 * nothing would be saved.
 */
export async function encodeDelta(
  base: Uint8Array,
  target: Uint8Array,
): Promise<PageDelta | undefined> {
  const pages = changedPagesOf(base, target);
  const changedBytes = pages.reduce((sum, page) => sum + pageLength(page, target.length), 0);
  const plain = new Uint8Array(changedBytes);
  const difference = new Uint8Array(changedBytes);
  let changedPages = 0n;
  let position = 0;
  for (const page of pages) {
    changedPages |= 1n << BigInt(page);
    const start = page * pageBytes;
    const length = pageLength(page, target.length);
    plain.set(target.subarray(start, start + length), position);
    for (let index = 0; index < length; index += 1) {
      difference[position + index] = (target[start + index] ?? 0) ^ (base[start + index] ?? 0);
    }
    position += length;
  }
  if (changedBytes === 0) return { changedPages, data: plain, deflated: false };
  const data = await deflate(difference, { level: deflateLevel });
  if (data.length < changedBytes * worthwhile) return { changedPages, data, deflated: true };
  return changedBytes === target.length
    ? undefined
    : { changedPages, data: plain, deflated: false };
}

/** The block. Undefined if the delta cannot belong to a block of this length. */
export async function applyDelta(
  base: Uint8Array,
  { changedPages, data, deflated }: PageDelta,
): Promise<Uint8Array | undefined> {
  const pages: number[] = [];
  for (let page = 0; page < 64; page += 1) {
    if ((changedPages >> BigInt(page)) & 1n) pages.push(page);
  }
  if (pages.some((page) => page * pageBytes >= base.length)) return undefined;
  const changedBytes = pages.reduce((sum, page) => sum + pageLength(page, base.length), 0);
  const bytes = deflated ? await inflateTo(data, changedBytes) : data;
  if (bytes?.length !== changedBytes) return undefined;
  const target = Uint8Array.from(base);
  let position = 0;
  for (const page of pages) {
    const start = page * pageBytes;
    const length = pageLength(page, base.length);
    if (deflated) {
      for (let index = 0; index < length; index += 1) {
        target[start + index] = (base[start + index] ?? 0) ^ (bytes[position + index] ?? 0);
      }
    } else {
      target.set(bytes.subarray(position, position + length), start);
    }
    position += length;
  }
  return target;
}

type NonzeroPages = Omit<PageDelta, "deflated">;

const zeroPage = Buffer.alloc(pageBytes);

/** Undefined if no page is all zeros. */
export function encodeNonzeroPages(block: Uint8Array): NonzeroPages | undefined {
  const pages: number[] = [];
  for (let start = 0; start < block.length; start += pageBytes) {
    const page = block.subarray(start, start + pageBytes);
    if (zeroPage.compare(page, 0, page.length, 0, page.length) !== 0) pages.push(start / pageBytes);
  }
  if (pages.length === Math.ceil(block.length / pageBytes)) return undefined;
  const data = new Uint8Array(pages.reduce((sum, page) => sum + pageLength(page, block.length), 0));
  let changedPages = 0n;
  let position = 0;
  for (const page of pages) {
    const start = page * pageBytes;
    changedPages |= 1n << BigInt(page);
    data.set(block.subarray(start, start + pageBytes), position);
    position += pageLength(page, block.length);
  }
  return { changedPages, data };
}

/** The block of this length. Undefined if these cannot be its pages. */
export async function applyNonzeroPages(
  length: number,
  { changedPages, data }: NonzeroPages,
): Promise<Uint8Array | undefined> {
  return applyDelta(new Uint8Array(length), { changedPages, data, deflated: false });
}

/** Limits the output: a few bytes on the wire can expand to gigabytes. */
async function inflateTo(data: Uint8Array, length: number): Promise<Uint8Array | undefined> {
  if (length === 0) return undefined;
  try {
    return await inflate(data, { maxOutputLength: length });
  } catch {
    return undefined;
  }
}

function changedPagesOf(base: Uint8Array, target: Uint8Array): number[] {
  const left = Buffer.from(base.buffer, base.byteOffset, base.byteLength);
  const pages: number[] = [];
  for (let start = 0; start < target.length; start += pageBytes) {
    const end = Math.min(start + pageBytes, target.length);
    if (left.compare(target, start, end, start, end) !== 0) pages.push(start / pageBytes);
  }
  return pages;
}

function pageLength(page: number, blockLength: number): number {
  return Math.min(pageBytes, blockLength - page * pageBytes);
}
