// Room on the disk: what stands between an upload and a full one. Looked at before an upload, while
// it is written, and before it is published.
import { statfsSync } from "node:fs";
import { StoreError } from "../base/errors.js";
import type { SnapshotFile } from "../model/snapshot.js";
import type { StoreContext } from "./context.js";

/** Bytes of running uploads, by the prefix of their callers. */
export interface Space {
  /** What they have written. */
  readonly writing: Map<string, number>;
  /** What those take that are all there, and not in the catalog yet. */
  readonly settled: Map<string, number>;
}

export function createSpace(): Space {
  return { writing: new Map(), settled: new Map() };
}

/**
 * One upload's account. Disposing it closes the account, in the moment in which the catalog has its
 * snapshot, or when its files are removed. May be disposed twice.
 */
export interface Allowance extends Disposable {
  /** Called before so many bytes are written. Throws STORAGE_FULL. */
  take(bytes: number): void;
  /**
   * Called when all files are there, which may have come by other ways than being written. The room
   * is theirs from then on: of several uploads that end together no more pass than fit.
   */
  checkWhole(files: readonly SnapshotFile[]): void;
}

/** So much is written between two looks at the disk. */
const stepBytes = 8 * 1024 * 1024;

/** Throws STORAGE_FULL where there is no room to begin with. Synchronous, as its caller needs it. */
export function openAllowance(context: StoreContext): Allowance {
  const { namePrefix } = context;
  const { writing, settled } = context.space;
  checkFree(context);
  const used = usedBytes(context);
  const own = { written: 0, settled: 0 };
  let untilLook = stepBytes;
  checkQuotas(context, used, writing);
  return {
    take(bytes) {
      own.written += bytes;
      add(writing, namePrefix, bytes);
      untilLook -= bytes;
      if (untilLook > 0) return;
      untilLook = stepBytes;
      used.store = storeBytes(context);
      checkFree(context);
      checkQuotas(context, used, writing);
    },
    checkWhole(files) {
      const bytes = files.reduce((sum, file) => sum + file.allocatedBytes, 0);
      own.settled += bytes;
      add(settled, namePrefix, bytes);
      checkQuotas(context, usedBytes(context), settled);
    },
    [Symbol.dispose]() {
      add(writing, namePrefix, -own.written);
      add(settled, namePrefix, -own.settled);
      Object.assign(own, { written: 0, settled: 0 });
    },
  };
}

interface Used {
  store: number;
  readonly prefix: number;
}

function usedBytes(context: StoreContext): Used {
  return { store: storeBytes(context), prefix: prefixBytes(context) };
}

function add(account: Map<string, number>, namePrefix: string, bytes: number): void {
  const sum = (account.get(namePrefix) ?? 0) + bytes;
  if (sum > 0) account.set(namePrefix, sum);
  else account.delete(namePrefix);
}

/** Of all callers whose names have the prefix. */
function sumOf(account: ReadonlyMap<string, number>, namePrefix: string): number {
  let sum = 0;
  for (const [prefix, bytes] of account) if (prefix.startsWith(namePrefix)) sum += bytes;
  return sum;
}

function checkQuotas(
  { namePrefix, options }: StoreContext,
  used: Used,
  running: ReadonlyMap<string, number>,
): void {
  // Callers who are confined to some names are not told how much others have.
  const isTold = namePrefix === "";
  checkQuota("max_store", used.store + sumOf(running, ""), options.maxStoreBytes, isTold);
  if (namePrefix === "") return;
  const own = used.prefix + sumOf(running, namePrefix);
  checkQuota("prefix_quota", own, options.prefixQuotaBytes, true);
}

function storeBytes({ catalog, options }: StoreContext): number {
  return options.maxStoreBytes === 0 ? 0 : catalog.totals().allocatedBytes;
}

function prefixBytes({ catalog, namePrefix, options }: StoreContext): number {
  if (namePrefix === "" || options.prefixQuotaBytes === 0) return 0;
  return catalog.allocatedBytesNamed(namePrefix);
}

function checkQuota(
  limit: "max_store" | "prefix_quota",
  bytes: number,
  maxBytes: number,
  isTold: boolean,
): void {
  if (maxBytes === 0 || bytes <= maxBytes) return;
  const whose = limit === "max_store" ? "the store" : "the caller's prefix of names";
  const actual = isTold ? `${bytes} bytes` : "too much";
  throw new StoreError(
    "STORAGE_FULL",
    `the snapshots of ${whose} would take ${actual} on disk; at most ${maxBytes} bytes are allowed (${limit})`,
    {
      hint: "Delete snapshots, or have the limit raised",
      metadata: { limit, max: String(maxBytes), ...(isTold && { actual: String(bytes) }) },
    },
  );
}

function checkFree({ layout, namePrefix, options }: StoreContext): void {
  const { freeSpaceReserveBytes: reserveBytes } = options;
  if (reserveBytes === 0) return;
  const { bavail, bsize } = statfsSync(layout.root);
  const freeBytes = bavail * bsize;
  if (freeBytes >= reserveBytes) return;
  const isTold = namePrefix === "";
  throw new StoreError(
    "STORAGE_FULL",
    `the filesystem of the store has ${isTold ? `${freeBytes} bytes` : "too little"} left; ${reserveBytes} bytes are kept free`,
    {
      hint: "Delete snapshots or add space",
      metadata: { limit: "reserve", ...(isTold && { free_bytes: String(freeBytes) }) },
    },
  );
}
