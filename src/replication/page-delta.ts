// Encodes the pages that differ between two versions of a block, and the pages that are not all
// zeros.
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";

/** Size of a page in everything that is sent. */
export const sentPageBytes = 4096;

/** Some pages of a block. */
export interface PageSet {
  /** Size of a page. Page N begins at byte N × `pageBytes`. */
  readonly pageBytes: number;
  /** Numbers of the pages, ascending. */
  readonly pages: readonly number[];
}

interface PageDelta extends PageSet {
  /** The bytes of these pages, one after the other. */
  readonly data: Uint8Array;
  readonly deflated: boolean;
}

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);
/** Level 1 costs a fraction of what the link costs, and higher levels gain little. */
const deflateLevel = 1;
/**
 * Compressed data that takes at least this share of the plain data is not sent: it is not worth the
 * receiver's time.
 */
const worthwhile = 0.9;

/** The forms in which a difference may be sent. */
interface DeltaForms {
  readonly plain: boolean;
  readonly deflated: boolean;
}

/**
 * Encodes the difference between two blocks of equal length. Undefined if no allowed form saves
 * enough bytes. The plain form saves none if all pages changed.
 */
export async function encodeDelta(
  base: Uint8Array,
  target: Uint8Array,
  forms: DeltaForms = { plain: true, deflated: true },
): Promise<PageDelta | undefined> {
  const pageBytes = sentPageBytes;
  const pages = changedPagesOf(base, target);
  const set = { pageBytes, pages };
  const changedBytes = bytesOf(set, target.length);
  const plain = new Uint8Array(changedBytes);
  const difference = new Uint8Array(changedBytes);
  let position = 0;
  for (const page of pages) {
    const start = page * pageBytes;
    const length = pageLength(set, page, target.length);
    plain.set(target.subarray(start, start + length), position);
    for (let index = 0; index < length; index += 1) {
      difference[position + index] = (target[start + index] ?? 0) ^ (base[start + index] ?? 0);
    }
    position += length;
  }
  if (forms.deflated && changedBytes > 0) {
    const data = await deflate(difference, { level: deflateLevel });
    if (data.length < changedBytes * worthwhile) return { ...set, data, deflated: true };
  }
  return changedBytes === target.length || !forms.plain
    ? undefined
    : { ...set, data: plain, deflated: false };
}

/**
 * Applies a delta and returns the block. Undefined if the delta cannot belong to a block of this
 * length.
 */
export async function applyDelta(
  base: Uint8Array,
  { pageBytes, pages, data, deflated }: PageDelta,
): Promise<Uint8Array | undefined> {
  const set = { pageBytes, pages };
  if (pages.some((page) => page * pageBytes >= base.length)) return undefined;
  const changedBytes = bytesOf(set, base.length);
  const bytes = deflated ? await inflateTo(data, changedBytes) : data;
  if (bytes?.length !== changedBytes) return undefined;
  const target = Uint8Array.from(base);
  let position = 0;
  for (const page of pages) {
    const start = page * pageBytes;
    const length = pageLength(set, page, base.length);
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

const zeroPage = Buffer.alloc(sentPageBytes);

/** Encodes the pages that are not all zeros. Undefined if no page is all zeros. */
export function encodeNonzeroPages(block: Uint8Array): NonzeroPages | undefined {
  const pageBytes = sentPageBytes;
  const pages: number[] = [];
  for (let start = 0; start < block.length; start += pageBytes) {
    const page = block.subarray(start, start + pageBytes);
    if (zeroPage.compare(page, 0, page.length, 0, page.length) !== 0) pages.push(start / pageBytes);
  }
  if (pages.length === Math.ceil(block.length / pageBytes)) return undefined;
  const set = { pageBytes, pages };
  const data = new Uint8Array(bytesOf(set, block.length));
  let position = 0;
  for (const page of pages) {
    const start = page * pageBytes;
    data.set(block.subarray(start, start + pageBytes), position);
    position += pageLength(set, page, block.length);
  }
  return { ...set, data };
}

/**
 * Returns the block of `length` bytes that has these pages and is zero elsewhere. Returns undefined
 * if the pages do not fit in such a block.
 */
export async function applyNonzeroPages(
  length: number,
  pages: NonzeroPages,
): Promise<Uint8Array | undefined> {
  return applyDelta(new Uint8Array(length), { ...pages, deflated: false });
}

/**
 * Decompresses the data, and limits the output, because a few bytes on the wire can expand to
 * gigabytes.
 */
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
  for (let start = 0; start < target.length; start += sentPageBytes) {
    const end = Math.min(start + sentPageBytes, target.length);
    if (left.compare(target, start, end, start, end) !== 0) pages.push(start / sentPageBytes);
  }
  return pages;
}

function bytesOf(set: PageSet, blockLength: number): number {
  return set.pages.reduce((sum, page) => sum + pageLength(set, page, blockLength), 0);
}

function pageLength({ pageBytes }: PageSet, page: number, blockLength: number): number {
  return Math.min(pageBytes, blockLength - page * pageBytes);
}
