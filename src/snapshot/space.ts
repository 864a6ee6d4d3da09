// Room on the disk: what stands between an upload and a full one. Looked at before an upload, while
// it is written, and before it is published.
import { statfsSync } from "node:fs";
import { StoreError } from "../base/errors.js";
import type { SnapshotFile } from "../model/snapshot.js";
import type { StoreContext } from "./context.js";

/** Bytes that running uploads have written, by the prefix of their callers. */
export interface Space {
  readonly writing: Map<string, number>;
}

export function createSpace(): Space {
  return { writing: new Map() };
}

/** One upload's account. Disposing it closes the account, when its files are stored or removed. */
export interface Allowance extends Disposable {
  /** Called before so many bytes are written. Throws STORAGE_FULL. */
  take(bytes: number): void;
  /** Called when all files are there, which may have come by other ways than being written. */
  checkWhole(files: readonly SnapshotFile[]): void;
}

/** So much is written between two looks at the disk. */
const stepBytes = 8 * 1024 * 1024;

/** Throws STORAGE_FULL where there is no room to begin with. Synchronous, as its caller needs it. */
export function openAllowance(context: StoreContext): Allowance {
  const { namePrefix, options } = context;
  const { writing } = context.space;
  checkFree(context);
  const used = { store: storeBytes(context), prefix: prefixBytes(context) };
  let taken = 0;
  let untilLook = stepBytes;

  const add = (bytes: number): void => {
    taken += bytes;
    writing.set(namePrefix, (writing.get(namePrefix) ?? 0) + bytes);
  };
  const check = (): void => {
    const all = [...writing.values()].reduce((sum, bytes) => sum + bytes, 0);
    checkQuota("max_store", used.store + all, options.maxStoreBytes);
    if (namePrefix === "") return;
    const own = writing.get(namePrefix) ?? 0;
    checkQuota("prefix_quota", used.prefix + own, options.prefixQuotaBytes);
  };
  check();
  return {
    take(bytes) {
      add(bytes);
      untilLook -= bytes;
      if (untilLook > 0) return;
      untilLook = stepBytes;
      used.store = storeBytes(context);
      checkFree(context);
      check();
    },
    checkWhole(files) {
      const bytes = files.reduce((sum, file) => sum + file.allocatedBytes, 0);
      checkQuota("max_store", storeBytes(context) + bytes, options.maxStoreBytes);
      if (namePrefix === "") return;
      checkQuota("prefix_quota", prefixBytes(context) + bytes, options.prefixQuotaBytes);
    },
    [Symbol.dispose]() {
      const left = (writing.get(namePrefix) ?? 0) - taken;
      taken = 0;
      if (left > 0) writing.set(namePrefix, left);
      else writing.delete(namePrefix);
    },
  };
}

function storeBytes({ catalog, options }: StoreContext): number {
  return options.maxStoreBytes === 0 ? 0 : catalog.totals().allocatedBytes;
}

function prefixBytes({ catalog, namePrefix, options }: StoreContext): number {
  if (namePrefix === "" || options.prefixQuotaBytes === 0) return 0;
  return catalog.allocatedBytesNamed(namePrefix);
}

function checkQuota(limit: "max_store" | "prefix_quota", bytes: number, maxBytes: number): void {
  if (maxBytes === 0 || bytes <= maxBytes) return;
  const whose = limit === "max_store" ? "the store" : "the caller's prefix of names";
  throw new StoreError(
    "STORAGE_FULL",
    `the snapshots of ${whose} would take ${bytes} bytes on disk; at most ${maxBytes} are allowed (${limit})`,
    {
      hint: "Delete snapshots, or have the limit raised",
      metadata: { limit, max: String(maxBytes), actual: String(bytes) },
    },
  );
}

function checkFree({ layout, options }: StoreContext): void {
  const { freeSpaceReserveBytes: reserveBytes } = options;
  if (reserveBytes === 0) return;
  const { bavail, bsize } = statfsSync(layout.root);
  const freeBytes = bavail * bsize;
  if (freeBytes >= reserveBytes) return;
  throw new StoreError(
    "STORAGE_FULL",
    `the filesystem of the store has ${freeBytes} bytes left; ${reserveBytes} are kept free`,
    {
      hint: "Delete snapshots or add space",
      metadata: { limit: "reserve", free_bytes: String(freeBytes) },
    },
  );
}
