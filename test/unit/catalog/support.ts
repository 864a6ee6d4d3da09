// Provides catalogs in temporary directories, and snapshots for them.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../../src/base/clock.js";
import { StoreError, type ErrorReason } from "../../../src/base/errors.js";
import { openCatalog, type Catalog } from "../../../src/catalog/open.js";
import { emptyConfig, type SnapshotConfig } from "../../../src/model/config.js";
import type { SnapshotFile } from "../../../src/model/snapshot.js";
import { storeDefaults } from "../../support/defaults.js";

export const startMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export interface TestClock extends Clock {
  nowMs: number;
  /** The milliseconds by which the wall clock was set. The other clocks ignore them. */
  stepMs: number;
  bootId: string;
}

export function testClock(): TestClock {
  const clock: TestClock = {
    nowMs: startMs,
    stepMs: 0,
    bootId: "boot",
    now: () => new Date(clock.nowMs + clock.stepMs),
    monotonicMs: () => clock.nowMs - startMs,
    boot: () => ({ id: clock.bootId, elapsedMs: clock.nowMs - startMs }),
  };
  return clock;
}

export async function withScratch(
  work: (directory: string) => void | Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "stasis-catalog-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export interface Scratch {
  readonly catalog: Catalog;
  readonly clock: TestClock;
  readonly path: string;
  /** Closes the catalog and opens the same file again. */
  reopen(): Catalog;
}

export async function withCatalog(work: (scratch: Scratch) => void | Promise<void>): Promise<void> {
  await withScratch(async (directory) => {
    const clock = testClock();
    const path = join(directory, "catalog.db");
    let catalog = openCatalog(path, { clock, maxEvents: storeDefaults.maxEvents });
    const reopen = (): Catalog => {
      catalog.close();
      catalog = openCatalog(path, { clock, maxEvents: storeDefaults.maxEvents });
      return catalog;
    };
    try {
      await work({ catalog, clock, path, reopen });
      assert.deepEqual(catalog.checkIntegrity(), []);
    } finally {
      catalog.close();
    }
  });
}

/** Returns a valid id that begins with `prefix`. */
export function idOf(prefix: string | number): string {
  return String(prefix).padEnd(16, "0");
}

export function configOf(changes: Partial<SnapshotConfig> = {}): SnapshotConfig {
  return { ...emptyConfig(), ...changes };
}

export function fileOf(name: string, sizeBytes = 4096): SnapshotFile {
  return { name, sizeBytes, allocatedBytes: sizeBytes / 2, mode: 0o600, digest: `sha256:${name}` };
}

export interface StoreOptions {
  readonly replace?: boolean;
  readonly inUse?: boolean;
  readonly createdAtMs?: number;
  readonly files?: readonly SnapshotFile[];
}

/** Stores a snapshot like the domain, first as pending and then as ready. */
export function store(
  catalog: Catalog,
  id: string,
  changes: Partial<SnapshotConfig> = {},
  options: StoreOptions = {},
): ReturnType<Catalog["markReady"]> {
  const { replace = false, inUse = false, createdAtMs = startMs } = options;
  const config = configOf({ ...changes, id });
  const createdAt = new Date(createdAtMs);
  catalog.insertPending({ id, config, createdAt, kind: "create", replace });
  return catalog.markReady(id, {
    config,
    createdAt,
    files: options.files ?? [fileOf("memory")],
    digest: "sha256:00",
    chargedBytes: 0,
    replace,
    keepReplaced: () => inUse,
  });
}

export function throwsReason(work: () => unknown, reason: ErrorReason): StoreError {
  try {
    work();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    assert.equal(error.reason, reason, error.text);
    return error;
  }
  throw new assert.AssertionError({ message: `expected ${reason}, nothing was thrown` });
}

export function idsOf(snapshots: readonly { config: SnapshotConfig }[]): string[] {
  return snapshots.map((snapshot) => snapshot.config.id);
}
