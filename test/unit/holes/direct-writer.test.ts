// Tests direct writes. The bytes are right for any pieces, and large pieces leave no pages in the
// page cache. Data that a filesystem refuses is written normally, and a failing disk is reported.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import fc from "fast-check";
import { createDirectWriter } from "../../../src/holes/direct-writer.js";
import {
  createThreadSemaphore,
  createWriteSlots,
  type ThreadSemaphore,
  type WriteSlots,
} from "../../../src/holes/write-slots.js";
import {
  cannotMount,
  patternBytes,
  withFilesystem,
  withScratchDir,
} from "../../support/scratch.js";

const run = promisify(execFile);
const mib = 1024 * 1024;
const twoAtOnce = createWriteSlots(createThreadSemaphore(2));

interface Cut {
  /** The length of the hole before the piece. */
  readonly gapBytes: number;
  readonly bytes: number;
}

/**
 * Writes pieces of a pattern. Checks that the observer saw the same bytes, and returns the expected
 * file.
 */
async function writeCuts(
  path: string,
  cuts: readonly Cut[],
  slots: WriteSlots = twoAtOnce,
): Promise<Buffer> {
  const expected = Buffer.alloc(cuts.reduce((sum, cut) => sum + cut.gapBytes + cut.bytes, 0));
  const seen = Buffer.alloc(expected.length);
  let seenUntil = 0;
  const fd = openSync(path, "wx");
  const writer = createDirectWriter(fd, path, slots, {
    update: (offset, bytes) => {
      assert.ok(offset >= seenUntil, `${offset} after ${seenUntil}`);
      seen.set(bytes, offset);
      seenUntil = offset + bytes.length;
    },
  });
  try {
    let offset = 0;
    const writes: Promise<unknown>[] = [];
    for (const { gapBytes, bytes } of cuts) {
      offset += gapBytes;
      const piece = patternBytes(bytes, offset);
      piece.copy(expected, offset);
      const { written } = await writer.write(offset, piece);
      // At this point the memory belongs to the caller again.
      piece.fill(0);
      written.catch(() => undefined);
      writes.push(written);
      offset += bytes;
    }
    await writer.flush();
    await Promise.all(writes);
  } finally {
    closeSync(fd);
  }
  assert.ok(seen.equals(expected), "what the observer saw");
  return expected;
}

const lengths = fc.oneof(
  fc.integer({ min: 1, max: 20_000 }),
  fc.integer({ min: 1, max: 3 * mib }),
  fc.constantFrom(4096, 256 * 1024, mib, mib - 1536, mib + 4095),
);
const cutsOfAnyKind = fc.array(
  fc.record({ gapBytes: fc.constantFrom(0, 0, 0, 1, 512, 4096, 70_000), bytes: lengths }),
  { minLength: 1, maxLength: 12 },
);

test("pieces in ascending order are written correctly", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "file");
    await fc.assert(
      fc.asyncProperty(cutsOfAnyKind, async (cuts) => {
        await rm(path, { force: true });
        const expected = await writeCuts(path, cuts);
        const written = await readFile(path);
        assert.ok(written.equals(expected.subarray(0, written.length)));
        assert.equal(written.length, expected.length);
      }),
      { numRuns: 60, endOnFailure: true },
    );
  }));

test("without a free permit the thread writes by itself, and all permits are released", () =>
  withScratchDir(async (directory) => {
    const semaphore = createThreadSemaphore(1);
    const slots = createWriteSlots(semaphore);
    for (const others of [true, false]) {
      if (others) assert.ok(semaphore.tryAcquire());
      const path = join(directory, `${others}`);
      assert.ok((await writeCuts(path, shifted, slots)).equals(await readFile(path)));
      if (others) semaphore.release();
    }
    assert.ok(semaphore.tryAcquire() && !semaphore.tryAcquire());
  }));

test("no write starves if another thread takes the released permit", () =>
  withScratchDir(async (directory) => {
    const semaphore = createThreadSemaphore(1);
    let takenAway = 0;
    const contended: ThreadSemaphore = {
      ...semaphore,
      release() {
        semaphore.release();
        // This acts like another thread that takes the permit and keeps it.
        if (takenAway++ === 0) assert.ok(semaphore.tryAcquire());
      },
    };
    const path = join(directory, "file");
    const expected = await writeCuts(path, shifted, createWriteSlots(contended));
    assert.ok(expected.equals(await readFile(path)));
    assert.ok(takenAway > 0);
  }));

/** A header shifts the pieces, as in the chunks of an archive. */
const shifted: readonly Cut[] = [
  { gapBytes: 0, bytes: mib - 1536 },
  ...Array.from({ length: 15 }, () => ({ gapBytes: 0, bytes: mib })),
  { gapBytes: 0, bytes: 1536 + 777 },
];

for (const kind of ["ext4", "xfs", "btrfs"] as const) {
  test(`on ${kind} no large piece remains in the page cache`, { skip: cannotMount(kind) }, () =>
    withFilesystem(kind, 512, async (directory) => {
      const path = join(directory, "file");
      const expected = await writeCuts(path, shifted);
      const { stdout } = await run("fincore", ["-b", "-n", "-r", "-o", "RES", path]);
      assert.ok(Number(stdout) < mib, `${stdout.trim()} bytes of ${expected.length} are cached`);
      assert.ok((await readFile(path)).equals(expected));
    }),
  );
}

test("a full disk is reported for the piece that does not fit", { skip: cannotMount("ext4") }, () =>
  withFilesystem("ext4", 24, async (directory) => {
    const cuts = Array.from({ length: 64 }, () => ({ gapBytes: 0, bytes: mib }));
    await assert.rejects(writeCuts(join(directory, "file"), cuts), { code: "ENOSPC" });
  }),
);

test("tmpfs accepts all pieces", { skip: cannotMount("tmpfs") }, () =>
  withFilesystem("tmpfs", 64, async (directory) => {
    const path = join(directory, "file");
    assert.ok((await writeCuts(path, shifted)).equals(await readFile(path)));
  }),
);

/** Returns the source text of a module name, for an import in another program. */
function moduleOf(name: string): string {
  return JSON.stringify(new URL(`../../../src/holes/${name}.js`, import.meta.url).href);
}

test("a filesystem that refuses direct writes gets ordinary writes", () =>
  withScratchDir(async (directory) => {
    const path = join(directory, "file");
    const program = `
      import { closeSync, openSync, writeSync } from "node:fs";
      import { createDirectWriter } from ${moduleOf("direct-writer")};
      import { createThreadSemaphore, createWriteSlots } from ${moduleOf("write-slots")};
      const fd = openSync(process.argv[1], "wx");
      // strace fails the first such call of each thread. This call is the one of this thread, so
      // the next ones to fail are the direct writes of the pool.
      try { writeSync(fd, "x", 0); } catch {}
      const writer = createDirectWriter(fd, process.argv[1], createWriteSlots(createThreadSemaphore(2)), { update() {} });
      for (let turn = 0; turn < 6; turn++) {
        const { written } = await writer.write(turn * ${mib}, Buffer.alloc(${mib}, turn + 1));
        await written;
      }
      await writer.flush();
      closeSync(fd);
    `;
    const strace = ["-f", "-qq", "-o", join(directory, "trace"), "-e", "trace=pwrite64"];
    const inject = ["-e", "inject=pwrite64:error=EINVAL:when=1"];
    const node = [process.execPath, "--input-type=module", "-e", program, path];
    await run("strace", [...strace, ...inject, ...node]);
    const expected = [1, 2, 3, 4, 5, 6].map((byte) => Buffer.alloc(mib, byte));
    assert.ok((await readFile(path)).equals(Buffer.concat(expected)));
    const trace = await readFile(join(directory, "trace"), "utf8");
    assert.equal(trace.split("EINVAL").length - 1, 2, "the one here and one direct write");
  }));

test(
  "a write that fails while later ones wait ends neither the thread nor the other files",
  { skip: cannotMount("ext4") },
  () =>
    withFilesystem("ext4", 8, async (directory) => {
      const path = join(directory, "file");
      const fd = openSync(path, "wx");
      const unhandled: unknown[] = [];
      const note = (error: unknown): void => void unhandled.push(error);
      process.on("unhandledRejection", note);
      try {
        const writer = createDirectWriter(fd, path, twoAtOnce, { update: () => undefined });
        const piece = patternBytes(4 * mib, 7);
        for (let index = 0; index < 8; index += 1) {
          // The test never awaits `written`: its rejection must not end the thread.
          await writer.write(index * piece.length, piece).catch(() => undefined);
        }
        await assert.rejects(writer.flush(), { code: "ENOSPC" });
        await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual(unhandled, []);
      } finally {
        process.off("unhandledRejection", note);
        closeSync(fd);
      }
    }),
);
