// Tests the command `stasis du`: sparse files, files that share blocks, and its table.
import assert from "node:assert/strict";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { renderSpace } from "../../../src/cli/space-table.js";
import { SnapshotSchema, connect, type Space } from "../../../src/client/index.js";
import { startTestDaemon } from "../../support/daemon.js";
import {
  cannotMount,
  makeSparseFile,
  patternBytes,
  withFilesystem,
} from "../../support/scratch.js";
import { runStasis } from "./run-stasis.js";
import { openPastMode } from "../../support/tamper.js";

const mib = 1024 * 1024;
/**
 * The size in bytes of the part of `two` that the test rewrites. It is XFS's allocation unit for
 * copies on write.
 */
const changed = 128 * 1024;

interface SpaceJson {
  readonly name: string;
  readonly sizeBytes: string;
  readonly allocatedBytes: string;
  readonly sharedBytes: string | null;
  readonly onDiskBytes: string | null;
}

interface DuJson {
  readonly snapshots: readonly SpaceJson[];
  readonly total: SpaceJson;
}

async function makeDisk(directory: string): Promise<void> {
  await mkdir(directory);
  const bytes = patternBytes(mib, 7);
  await makeSparseFile(join(directory, "cow.raw"), 64 * mib, [{ offset: 32 * mib, bytes }]);
}

test("du: holes take no space, blocks are those of the files, and the largest snapshot comes first", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const stasis = (...args: string[]) => runStasis(["--addr", address, ...args]);
  const source = join(scratch, "vm");
  await makeDisk(source);
  assert.equal((await stasis("create", source, "--name", "sparse")).code, 0);
  const small = join(scratch, "small");
  await mkdir(small);
  await makeSparseFile(join(small, "memory"), 5000, [{ offset: 0, bytes: patternBytes(5000, 1) }]);
  assert.equal((await stasis("create", small, "--name", "small")).code, 0);
  const { snapshots, total } = JSON.parse((await stasis("du", "--json")).stdout) as DuJson;
  assert.deepEqual(
    snapshots.map(({ name, sizeBytes, allocatedBytes }) => [name, sizeBytes, allocatedBytes]),
    [
      ["sparse", String(64 * mib), String(mib)],
      ["small", "5000", "8192"],
    ],
  );
  assert.equal(total.sizeBytes, String(64 * mib + 5000));
  assert.equal(total.allocatedBytes, String(mib + 8192));
  const one = JSON.parse((await stasis("du", "small", "small", "--json")).stdout) as DuJson;
  assert.deepEqual(
    one.snapshots.map(({ name }) => name),
    ["small"],
  );
  assert.equal(one.total.allocatedBytes, "8192");
  const table = (await stasis("du")).stdout;
  assert.match(table, /^ID +SIZE +ON-DISK +SHARED +CHARGED +NAME$/m);
  assert.match(table, / 64 MiB +1 MiB +\S+.* sparse$/m);
  assert.notEqual((await stasis("du", "nobody")).code, 0);
});

for (const kind of ["xfs", "btrfs"] as const) {
  test(
    `du: blocks that snapshots share on ${kind} are shown, and the total counts them once`,
    { skip: cannotMount(kind) },
    async (t) => {
      await withFilesystem(kind, 400, async (mountPoint) => {
        const { address, daemon } = await startTestDaemon(t, { root: join(mountPoint, "root") });
        try {
          const stasis = (...args: string[]) => runStasis(["--addr", address, ...args]);
          await makeDisk(join(mountPoint, "vm"));
          assert.equal((await stasis("create", join(mountPoint, "vm"), "--name", "one")).code, 0);
          const before = JSON.parse((await stasis("du", "--json")).stdout) as DuJson;
          assert.equal(before.total.sharedBytes, "0");
          // The exported copy shares its blocks with the stored files. The import of the copy
          // becomes a second snapshot, which shares them too.
          const copy = join(mountPoint, "copy");
          await using client = connect(address);
          await client.exportToDirectory({ ref: "one", directory: copy });
          await client.importFromDirectory({ directory: copy, name: "two" });
          // The test rewrites a part in the middle of the stored file of `two`, and empties the
          // copy.
          const { snapshot } = await client.inspect("two");
          await using file = await openPastMode(join(snapshot?.dataDir ?? "", "cow.raw"));
          await file.write(patternBytes(changed, 9), 0, changed, 32 * mib + changed);
          await file.sync();
          await using shared = await open(join(copy, "cow.raw"), "r+");
          await shared.truncate(0);
          await shared.sync();
          const after = JSON.parse((await stasis("du", "--json")).stdout) as DuJson;
          for (const { allocatedBytes, sharedBytes } of after.snapshots) {
            assert.equal(allocatedBytes, String(mib));
            // The filesystem btrfs reports an extent as shared if any part of it is shared.
            assert.ok(
              [mib - changed, ...(kind === "btrfs" ? [mib] : [])].includes(Number(sharedBytes)),
            );
          }
          assert.equal(after.total.onDiskBytes, String(mib + changed));
          assert.match(
            (await stasis("du")).stdout,
            /^Together they take 1.13 MiB, each shared block/m,
          );
        } finally {
          await daemon.stop();
        }
      });
    },
  );
}

test(
  "du: if the filesystem does not report shared blocks, their number is unknown",
  { skip: cannotMount("tmpfs") },
  async (t) => {
    await withFilesystem("tmpfs", 20, async (mountPoint) => {
      const { address, daemon } = await startTestDaemon(t, { root: join(mountPoint, "root") });
      try {
        const stasis = (...args: string[]) => runStasis(["--addr", address, ...args]);
        await makeDisk(join(mountPoint, "vm"));
        assert.equal((await stasis("create", join(mountPoint, "vm"))).code, 0);
        const { total } = JSON.parse((await stasis("du", "--json")).stdout) as DuJson;
        assert.deepEqual([total.allocatedBytes, total.sharedBytes], [String(mib), null]);
        assert.match((await stasis("du")).stdout, / unknown /);
      } finally {
        await daemon.stop();
      }
    });
  },
);

test("du: bars show the allocated blocks and the shared part of them", () => {
  const row = (id: string, allocatedBytes: number, sharedBytes: number | undefined) => {
    const space: Space = { sizeBytes: 10 * mib, allocatedBytes, sharedBytes, shared: [] };
    const config = { id, name: `vm/${id}` };
    return { snapshot: create(SnapshotSchema, { config, chargedBytes: 3n * 1024n }), space };
  };
  const total = {
    sizeBytes: 30 * mib,
    allocatedBytes: 4 * mib,
    sharedBytes: mib,
    onDiskBytes: 3 * mib,
  };
  const rows = [row("a", 2 * mib, mib), row("b", mib, 0), row("c", 0, 0)];
  const lines = renderSpace(rows, total, { bars: true }).split("\n");
  assert.match(lines[1] ?? "", / {2}█{12}▒{12} {2}vm\/a$/);
  assert.match(lines[2] ?? "", / {2}█{12} {14}vm\/b$/);
  assert.match(lines[3] ?? "", /0 B +3 KiB +vm\/c$/);
  assert.match(lines[4] ?? "", /^ +30 MiB +4 MiB +1 MiB +9 KiB +3 in all$/);
  assert.equal(lines[6], "█ its own  ▒ shared with other files");
  assert.doesNotMatch(renderSpace(rows, total, { bars: false }), /[█▒]/);
});
