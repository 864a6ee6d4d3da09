// Tests that a file in very many extents is written again in the background. Users of the snapshot
// do not notice, and a copy that fails or is interrupted changes nothing.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { linkSync, statSync } from "node:fs";
import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/base/clock.js";
import { createLogger } from "../../src/base/logger.js";
import { replaceFileOperations, disk } from "../../src/holes/file-operations.js";
import { countExtents } from "../../src/holes/shared-extents.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { unobservedStore } from "../../src/observe/ports.js";
import type { SnapshotStore, StoreDelta } from "../../src/store/snapshot-store.js";
import { openStore } from "../../src/store/store.js";
import { assertClean } from "../support/clean.js";
import { collect } from "../support/chunks.js";
import { storeDefaults } from "../support/defaults.js";
import { eventually } from "../support/eventually.js";
import { cannotMount, compareFiles, withFilesystem } from "../support/scratch.js";
import { kib, mib } from "./contents.js";
import {
  deltaOf,
  makeDelta,
  makeExpected,
  pageBytes,
  storeWhole,
  untilDone,
  verifyIntact,
  type Change,
} from "./delta-scene.js";

const sizeBytes = 4 * mib;
const maxFileExtents = 100;

interface Opened {
  readonly store: SnapshotStore;
  /** The outcomes of rewriting so far. */
  readonly outcomes: string[];
}

async function withStore(
  root: string,
  bound: number | undefined,
  body: (opened: Opened) => Promise<void>,
): Promise<void> {
  const outcomes: string[] = [];
  const options = { ...storeDefaults, freeSpaceReserveBytes: 0 };
  await using store = await openStore({
    root,
    clock: systemClock,
    logger: createLogger("silent"),
    options: bound === undefined ? options : { ...options, maxFileExtents: bound },
    observer: { ...unobservedStore, rewritten: (outcome) => outcomes.push(outcome) },
  });
  await body({ store, outcomes });
}

/** Every second page changes, so that each page of data in the child is an extent of its own. */
const everySecond: readonly Change[] = Array.from(
  { length: sizeBytes / pageBytes / 2 },
  (_, at) => ({
    kind: "data",
    offset: 2 * at * pageBytes,
    length: pageBytes,
  }),
);

interface Made {
  readonly at: (name: string) => string;
  readonly root: string;
  /** Directory with the content that the delta must produce. */
  readonly expected: string;
}

/** Stores the parent, and makes the delta. The parent has a hole at its end. */
async function makePair(directory: string): Promise<Made> {
  const at = (name: string): string => join(directory, name);
  const root = at("root");
  const content: Change[] = [{ kind: "data", offset: 0, length: sizeBytes - 512 * kib }];
  await makeDelta(at("parent"), sizeBytes, content);
  await makeDelta(at("delta"), sizeBytes, everySecond);
  const changed = everySecond.map(({ offset, length }) => ({ offset, length }));
  const expected = await makeExpected(at("expected"), at("parent"), at("delta"), changed);
  await withStore(root, undefined, async ({ store }) => {
    await storeWhole(store, "parent", at("parent"));
  });
  return { at, root, expected };
}

const memoryOf = ({ layout }: SnapshotStore, { config }: Snapshot): string =>
  join(layout.filesDirectory(config.id), "memory");

async function extentsOf(path: string): Promise<number> {
  await using file = await open(path, "r");
  return (await countExtents(file.fd)) ?? 0;
}

function createChild(store: SnapshotStore, request: StoreDelta, { at }: Made): Promise<Snapshot> {
  return store.createDeltaFromDirectory(request, { path: at("delta") }, untilDone());
}

/** Fails unless the child has the content that the delta must produce. */
async function requireSame(store: SnapshotStore, child: Snapshot, made: Made): Promise<void> {
  await compareFiles(memoryOf(store, child), join(made.expected, "memory"));
  await verifyIntact(store, child.config.id);
  assert.equal(store.inspect(child.config.id).digest, child.digest);
}

const onXfs = (body: (made: Made) => Promise<void>) => () =>
  withFilesystem("xfs", 600, async (directory) => {
    const made = await makePair(directory);
    await body(made);
    assert.deepEqual(await readdir(join(made.root, "staging")), []);
    await assertClean(made.root);
  });

const skip = cannotMount("xfs");

test(
  "a file that reaches the bound is written again, with its bytes and holes",
  { skip },
  onXfs((made) =>
    withStore(made.root, maxFileExtents, async ({ store, outcomes }) => {
      const child = await createChild(store, deltaOf("child"), made);
      await eventually("the copy", () => outcomes.length > 0);
      assert.deepEqual(outcomes, ["OK"]);
      assert.ok((await extentsOf(memoryOf(store, child))) < maxFileExtents);
      assert.equal(statSync(memoryOf(store, child)).mode & 0o777, 0o440);
      await requireSame(store, child, made);
      await requireSame(store, await createChild(store, deltaOf("again"), made), made);
      await store.delete({ refs: ["parent"], allowMissing: false });
      await requireSame(store, child, made);
    }),
  ),
);

test(
  "a file below the bound stays",
  { skip },
  onXfs((made) =>
    withStore(made.root, 100_000, async ({ store, outcomes }) => {
      const child = await createChild(store, deltaOf("child"), made);
      const before = await extentsOf(memoryOf(store, child));
      assert.ok(before > maxFileExtents, String(before));
      await store[Symbol.asyncDispose]();
      assert.deepEqual(outcomes, []);
      assert.equal(await extentsOf(memoryOf(store, child)), before);
    }),
  ),
);

test(
  "a file whose holes need as many extents stays",
  { skip },
  onXfs(async (made) => {
    const { at } = made;
    await makeDelta(at("sparse"), sizeBytes, everySecond);
    const page: Change = { kind: "data", offset: 0, length: pageBytes };
    const delta = await makeDelta(at("page"), sizeBytes, [page]);
    await withStore(made.root, maxFileExtents, async ({ store, outcomes }) => {
      await storeWhole(store, "sparse", at("sparse"));
      const request = deltaOf("child", { parent: "sparse" });
      const child = await store.createDeltaFromDirectory(request, { path: delta }, untilDone());
      assert.ok((await extentsOf(memoryOf(store, child))) > maxFileExtents);
      // Snapshots are looked at one after the other.
      await createChild(store, deltaOf("second"), made);
      await eventually("the copy of the second", () => outcomes.length > 0);
      assert.ok((await extentsOf(memoryOf(store, child))) > maxFileExtents);
    });
  }),
);

/**
 * Stores a child with the default bound, which its files do not reach. A repeated request makes the
 * store look at its files again.
 */
async function storeFragmented(made: Made, name: string): Promise<StoreDelta> {
  const request = { ...deltaOf(name), requestId: randomUUID() };
  await withStore(made.root, undefined, async ({ store }) => {
    const child = await createChild(store, request, made);
    assert.ok((await extentsOf(memoryOf(store, child))) > maxFileExtents);
  });
  return request;
}

test(
  "a file stays in place while a caller has the path of its directory",
  { skip },
  onXfs(async (made) => {
    const request = await storeFragmented(made, "child");
    await withStore(made.root, maxFileExtents, async ({ store, outcomes }) => {
      const path = memoryOf(store, store.inspect("child"));
      const { ino } = statSync(path);
      const lease = await store.openDataDirectory("child", { force: false }, untilDone());
      const child = await createChild(store, request, made);
      // Snapshots are looked at one after the other, so the first was looked at before the second.
      await createChild(store, deltaOf("second"), made);
      await eventually("the copy of the second", () => outcomes.length > 0);
      assert.equal(statSync(path).ino, ino);
      await lease[Symbol.asyncDispose]();
      await eventually("the copy of the first", () => outcomes.length > 1);
      assert.notEqual(statSync(path).ino, ino);
      assert.deepEqual(outcomes, ["OK", "OK"]);
      await requireSame(store, child, made);
    });
  }),
);

test(
  "a download that has begun ends with the same bytes, and a file with a clone's link stays",
  { skip },
  onXfs(async (made) => {
    const request = await storeFragmented(made, "child");
    const linked = await storeFragmented(made, "linked");
    await withStore(made.root, maxFileExtents, async ({ store, outcomes }) => {
      const other = memoryOf(store, store.inspect("linked"));
      linkSync(other, made.at("link"));
      const { ino } = statSync(other);
      await createChild(store, linked, made);
      const options = { force: false, verify: true, envelope: true, compression: "none" } as const;
      const whole = { ...options, sparseFormat: "gnu" } as const;
      const before = await (async () => {
        await using source = await store.download("child", whole, untilDone());
        await createChild(store, request, made);
        await eventually("the copy", () => outcomes.length > 0);
        return await collect(source.bytes);
      })();
      await using again = await store.download("child", whole, untilDone());
      assert.ok((await collect(again.bytes)).equals(before));
      assert.deepEqual(outcomes, ["OK"]);
      assert.equal(statSync(other).ino, ino);
    });
    await rm(made.at("link"));
  }),
);

for (const operation of ["rename", "open"] as const) {
  test(
    `a copy that fails at ${operation} changes nothing, and the next delta tries again`,
    { skip },
    onXfs(async (made) => {
      const request = await storeFragmented(made, "child");
      await withStore(made.root, maxFileExtents, async ({ store, outcomes }) => {
        const path = memoryOf(store, store.inspect("child"));
        const { ino } = statSync(path);
        {
          const real = disk[operation] as (...args: unknown[]) => Promise<unknown>;
          const failing = (...args: unknown[]): Promise<unknown> =>
            String(args[0]).includes("/staging/")
              ? Promise.reject(Object.assign(new Error("EIO"), { code: "EIO", syscall: operation }))
              : real(...args);
          using _ = replaceFileOperations({ [operation]: failing });
          await createChild(store, request, made);
          await eventually("the failure", () => outcomes.length > 0);
        }
        assert.deepEqual(outcomes, ["IO_FAILED"]);
        assert.equal(statSync(path).ino, ino);
        await eventually("no staging", async () => {
          return (await readdir(join(made.root, "staging"))).length === 0;
        });
        const child = await createChild(store, request, made);
        await eventually("the copy", () => outcomes.length > 1);
        assert.deepEqual(outcomes, ["IO_FAILED", "OK"]);
        await requireSame(store, child, made);
      });
    }),
  );
}

/**
 * Makes all operations of `disk` fail, beginning with number `first` (counted from 0), as if the
 * daemon had been killed.
 */
function stopAt(first: number): Disposable & { readonly stopped: () => boolean } {
  let count = 0;
  const stopped = (): boolean => count > first;
  const replaced = Object.entries(disk).map(([name, real]) => {
    const stopping = (...args: unknown[]): unknown => {
      count += 1;
      if (!stopped()) return (real as (...args: unknown[]) => unknown)(...args);
      const error = Object.assign(new Error("EIO"), { code: "EIO", syscall: name });
      if (name.endsWith("Sync")) throw error;
      return Promise.reject(error);
    };
    return [name, stopping] as const;
  });
  const restore = replaceFileOperations(Object.fromEntries(replaced));
  return { stopped, [Symbol.dispose]: () => restore[Symbol.dispose]() };
}

test(
  "after a stop at any change of a file, the next start has the same snapshot",
  { skip },
  onXfs(async (made) => {
    const request = await storeFragmented(made, "child");
    let inode: number | undefined;
    for (let first = 0, ended = false; !ended; first += 1) {
      assert.ok(first < 100, "it ends");
      const opened = { stops: false };
      await withStore(made.root, maxFileExtents, async ({ store, outcomes }) => {
        inode ??= statSync(memoryOf(store, store.inspect("child"))).ino;
        using stop = stopAt(first);
        await createChild(store, request, made);
        await eventually("the outcome", () => outcomes.length > 0);
        opened.stops = stop.stopped();
        if (!opened.stops) assert.deepEqual(outcomes, ["OK"]);
        await store[Symbol.asyncDispose]();
      });
      await withStore(made.root, undefined, async ({ store }) => {
        const child = store.inspect("child");
        assert.deepEqual(await readdir(join(made.root, "staging")), [], `stop at ${first}`);
        await requireSame(store, child, made);
        ended = !opened.stops || statSync(memoryOf(store, child)).ino !== inode;
      });
    }
  }),
);

test(
  "a deletion ends the copy",
  { skip },
  onXfs(async (made) => {
    const request = await storeFragmented(made, "child");
    await withStore(made.root, maxFileExtents, async ({ store }) => {
      await createChild(store, request, made);
      await store.delete({ refs: ["child"], allowMissing: false });
      await eventually("no files", async () => {
        const left = ["staging", "trash"].map((name) => readdir(join(made.root, name)));
        return (await Promise.all(left)).flat().length === 0;
      });
    });
  }),
);
