// Reserves disk space for uploads. Each upload reserves bytes before it writes them, so that two
// uploads never use the same free space. An upload keeps its reservation until the catalog counts
// its snapshot.
import { formatBytes, formatBytesApart } from "../../base/sizes.js";
import { statfsSync } from "node:fs";
import { isStoreError, StoreError } from "../../base/errors.js";
import type { BackgroundWork, Reader, Room } from "./ports.js";

type SpacePorts = Pick<Reader, "catalog" | "layout" | "namePrefix" | "options"> & Room;
type WaitingPorts = SpacePorts & Pick<BackgroundWork, "closing">;

/**
 * One upload's reservation. Disposing of it releases the bytes. Its owner does so when the catalog
 * has the snapshot, or when the upload's files are discarded. Disposing of it twice is allowed.
 */
export interface Allowance extends Disposable {
  /**
   * Reserves this many more bytes before they are written. If they do not fit, this throws
   * STORAGE_FULL and reserves nothing.
   */
  take(bytes: number): void;
  /**
   * Returns when this many more bytes fit, or when no running removal could free space. A caller
   * that has just deleted a snapshot therefore need not wait for the space itself.
   */
  wait(bytes: number): Promise<void>;
  /**
   * Waits, as `wait` does, until a reservation of this many bytes in total fits. Call it before
   * `resize`.
   */
  waitWhole(bytes: number): Promise<void>;
  /** Throws STORAGE_FULL unless this many more bytes fit. Reserves nothing. */
  expect(bytes: number): void;
  /**
   * Changes the reservation to the size of the whole snapshot. Throws STORAGE_FULL if that is
   * larger and does not fit.
   */
  resize(bytes: number): void;
}

/** Bytes that are written between two checks of the disk. */
const stepBytes = 8 * 1024 * 1024;

/** Opens an allowance. `signal` ends waiting. */
export function openAllowance(ports: WaitingPorts, signal: AbortSignal): Allowance {
  const { namePrefix } = ports;
  const { reserved } = ports.space;
  let own = 0;
  // The initial value is 0, so the first reservation also checks the disk.
  let untilLook = 0;
  const reserve = (bytes: number): void => {
    if (bytes > 0) checkQuotas(ports, bytes);
    own += bytes;
    const sum = (reserved.get(namePrefix) ?? 0) + bytes;
    if (sum > 0) reserved.set(namePrefix, sum);
    else reserved.delete(namePrefix);
  };
  return {
    wait: (bytes) => waitForRoom(ports, bytes, signal),
    waitWhole: (bytes) => waitForRoom(ports, bytes - own, signal),
    take(bytes) {
      untilLook -= bytes;
      if (untilLook <= 0) {
        untilLook = stepBytes;
        checkFree(ports);
      }
      reserve(bytes);
    },
    expect(bytes) {
      checkQuotas(ports, bytes);
    },
    resize(bytes) {
      reserve(bytes - own);
    },
    [Symbol.dispose]() {
      reserve(-own);
    },
  };
}

async function waitForRoom(ports: WaitingPorts, bytes: number, signal: AbortSignal): Promise<void> {
  const { freeing } = ports.space;
  while (!hasRoom(ports, bytes) && freeing.isBusy()) {
    const ended = AbortSignal.any([signal, ports.closing]);
    await freeing.next(ended);
    ended.throwIfAborted();
  }
}

function hasRoom(ports: SpacePorts, bytes: number): boolean {
  try {
    checkQuotas(ports, bytes);
    return true;
  } catch (error) {
    if (!isStoreError(error, "STORAGE_FULL")) throw error;
    return false;
  }
}

/** Returns the current total that `max_store` limits. */
export function chargedBytes({ catalog, space }: SpacePorts): number {
  return catalog.totals().chargedBytes + sumOf(space.reserved, "") + sumOf(space.kept, "");
}

/** Returns the sum of all entries whose key begins with the prefix. */
export function sumOf(account: ReadonlyMap<string, number>, start: string): number {
  let sum = 0;
  for (const [key, bytes] of account) if (key.startsWith(start)) sum += bytes;
  return sum;
}

/** Throws STORAGE_FULL unless `bytes` more fit into both quotas. */
export function checkQuotas(ports: SpacePorts, bytes: number): void {
  const { catalog, namePrefix, options, space } = ports;
  const { maxStoreBytes, prefixQuotaBytes } = options;
  if (maxStoreBytes > 0) {
    const actual = chargedBytes(ports) + bytes;
    // Callers that are confined to a prefix must not learn how much others have.
    const held = namePrefix === "" ? () => catalog.heldBytes("") : undefined;
    checkQuota("max_store", actual, maxStoreBytes, held);
  }
  if (namePrefix !== "" && prefixQuotaBytes > 0) {
    const stored = catalog.chargedBytesNamed(namePrefix);
    const actual = stored + sumOf(space.reserved, namePrefix) + bytes;
    checkQuota("prefix_quota", actual, prefixQuotaBytes, () => catalog.heldBytes(namePrefix));
  }
}

/**
 * Throws STORAGE_FULL if the quota is exceeded. `countHeld` is undefined if the caller must not
 * learn the total.
 */
function checkQuota(
  limit: "max_store" | "prefix_quota",
  bytes: number,
  maxBytes: number,
  countHeld: (() => number) | undefined,
): void {
  if (bytes <= maxBytes) return;
  const isTold = countHeld !== undefined;
  const heldBytes = countHeld?.() ?? 0;
  const whose = limit === "max_store" ? "the store" : "the caller's prefix of names";
  const [wanted, max] = formatBytesApart(bytes, maxBytes);
  const actual = isTold ? wanted : "too much";
  const held =
    heldBytes > 0
      ? `; ${formatBytes(heldBytes)} of that belong to deleted or replaced snapshots that are still in use`
      : "";
  throw new StoreError(
    "STORAGE_FULL",
    `the snapshots of ${whose} would be charged ${actual}${held}; at most ${max} are allowed (${limit})`,
    {
      hint: "Delete snapshots, or have the limit raised",
      metadata: {
        limit,
        max: String(maxBytes),
        ...(isTold && { actual: String(bytes), held: String(heldBytes) }),
      },
    },
  );
}

function checkFree({ layout, namePrefix, options }: SpacePorts): void {
  const { freeSpaceReserveBytes: reserveBytes } = options;
  if (reserveBytes === 0) return;
  const { bavail, bsize } = statfsSync(layout.root);
  const freeBytes = bavail * bsize;
  if (freeBytes >= reserveBytes) return;
  const isTold = namePrefix === "";
  const [free, kept] = formatBytesApart(freeBytes, reserveBytes);
  throw new StoreError(
    "STORAGE_FULL",
    `the filesystem of the store has ${isTold ? free : "too little"} left; ${kept} are kept free`,
    {
      hint: "Delete snapshots or add space",
      metadata: { limit: "reserve", ...(isTold && { free_bytes: String(freeBytes) }) },
    },
  );
}
