// Tests `stasis adopt` on stores in the layout of cocoon's source, with 50 ready snapshots, 2
// pending ones, and 1 without its directory.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { Database } from "../../src/catalog/sqlite.js";
import { connect, type Client } from "../../src/client/index.js";
import { compareStored, makeSource, piece } from "../store/contents.js";
import { runStasis } from "../unit/cli/run-stasis.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { cannotMount, withFilesystem } from "../support/scratch.js";

const readyCount = 50;
const noBtrfs = cannotMount("btrfs");

type CocoonRecord = Record<string, unknown> & { readonly id: string; readonly name: string };

/**
 * Makes `<root>/snapshot/localfile/<id>/` for each snapshot except the last one. Returns the
 * records of all snapshots.
 */
async function makeData(root: string): Promise<CocoonRecord[]> {
  const records: CocoonRecord[] = [];
  const total = readyCount + 3;
  for (let index = 0; index < total; index++) {
    const id = `SNAP${String(index).padStart(12, "0")}`;
    const directory = join(root, "snapshot", "localfile", id);
    const pending = index >= readyCount && index < total - 1;
    if (index < total - 1) await makeVm(directory, index);
    records.push({
      ...{ id, name: index % 7 === 0 ? "" : `vm-${index}`, description: `größer ${index}` },
      ...{ image: "debian:12", image_digest: "sha256:00ff", image_type: "oci" },
      ...{ image_blob_ids: { [`blob-${index}`]: {} }, hypervisor: "firecracker", cpu: 2 },
      ...{ memory: 4096 * 1024 * 1024, storage: 1048576 + index, nics: 1, queue_size: 256 },
      ...{ disk_queue_size: 128, network: "br0", no_direct_io: true, windows: index === 3 },
      ...{
        created_at: "2026-07-01T10:00:00.123456789+02:00",
        data_dir: directory,
        size_bytes: 4096,
      },
      ...(pending ? { pending: true } : { last_accessed_at: "2026-07-03T12:45:00Z" }),
    });
  }
  return records;
}

async function makeVm(directory: string, index: number): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  await makeSource(directory, [
    {
      name: "cow.raw",
      sizeBytes: 1048576 + index,
      pieces: [piece(65536 * (index % 9), 100 + index)],
    },
    { name: "memory-ranges", sizeBytes: 8192, pieces: [piece(0, 8192)] },
    { name: "state.json", sizeBytes: 10, pieces: [piece(0, 10)] },
  ]);
}

async function writeJsonIndex(
  root: string,
  records: readonly CocoonRecord[],
  more: object = {},
): Promise<void> {
  const named = records.filter(({ name }) => name !== "");
  const index = {
    snapshots: Object.fromEntries(records.map((record) => [record.id, record])),
    names: Object.fromEntries(named.map(({ id, name }) => [name, id])),
    ...more,
  };
  await mkdir(join(root, "snapshot", "db"), { recursive: true });
  await writeFile(join(root, "snapshot", "db", "snapshots.json"), `${JSON.stringify(index)}\n`);
}

/**
 * Writes an index as cocoon's `meta.db` has it: its identity, one table per namespace and kind, and
 * JSON in BLOBs.
 */
async function writeSqliteIndex(root: string, records: readonly CocoonRecord[]): Promise<Database> {
  await mkdir(join(root, "meta"), { recursive: true });
  const database = new Database(join(root, "meta", "meta.db"));
  database.pragma("journal_mode = WAL");
  database.exec(`
    CREATE TABLE meta_state (namespace TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL,
      source TEXT, sha256 TEXT, records INTEGER, applied_at TEXT);
    CREATE TABLE "snapshots__records" (id TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL);
    CREATE TABLE "snapshots__names" (id TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL);
    CREATE TABLE "snapshots__tombstones" (id TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL);
    INSERT INTO meta_state (namespace, state, records, applied_at)
      VALUES ('snapshots', 'initialized', 0, datetime('now'));
    PRAGMA application_id = ${0x434f434e};
    PRAGMA user_version = 1;`);
  const put = database.prepare(`INSERT INTO "snapshots__records" (id, data) VALUES (?, ?)`);
  for (const record of records) put.run(record.id, Buffer.from(JSON.stringify(record)));
  // The database stays open, so that the records are only in the log, as after a crash of cocoon.
  return database;
}

/** Returns the digest, the time, the mode and the allocated blocks of every file below the path. */
async function fingerprint(root: string): Promise<Record<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const prints: Record<string, string> = {};
  for (const entry of entries.filter((each) => each.isFile())) {
    const path = join(entry.parentPath, entry.name);
    const { mtimeMs, mode, blocks } = await stat(path);
    const digest = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
    prints[relative(root, path)] = `${digest} ${mtimeMs} ${mode} ${blocks}`;
  }
  return prints;
}

async function compareAdopted(
  client: Client,
  root: string,
  records: readonly CocoonRecord[],
): Promise<void> {
  for (const record of records.slice(0, readyCount)) {
    const filter = { labels: { "cocoon/id": record.id } };
    const { snapshots, totalSize } = await client.list({ filter });
    assert.equal(totalSize, 1n, record.id);
    const { config, dataDir } = snapshots[0] ?? assert.fail();
    await compareStored(dataDir, join(root, "snapshot", "localfile", record.id));
    assert.equal(config?.name, record.name);
    assert.equal(config.description, record["description"]);
    assert.deepEqual(config.imageBlobIds, Object.keys(record["image_blob_ids"] as object));
    assert.equal(config.storage, BigInt(record["storage"] as number));
    assert.equal(config.windows, record["windows"]);
    assert.equal(config.labels["cocoon/created-at"], record["created_at"]);
  }
}

for (const kind of ["json", "sqlite"] as const) {
  test(`a store with its index in ${kind} is adopted and stays unchanged`, async (t) => {
    const { address } = await startTestDaemon(t);
    const root = await makeScratch(t, "stasis-cocoon-");
    const records = await makeData(root);
    if (kind === "json") await writeJsonIndex(root, records);
    else {
      const database = await writeSqliteIndex(root, records);
      t.after(() => database.close());
    }
    const before = await fingerprint(root);
    const client = connect(address);
    t.after(() => client.close());
    const adopt = (...args: string[]) => runStasis(["--addr", address, "adopt", root, ...args]);

    const dry = await adopt("--dry-run");
    assert.match(dry.stdout, /^50 planned, 2 pending, 1 missing$/m, dry.stderr);
    assert.equal((await client.list({})).totalSize, 0n);

    const real = await adopt();
    assert.equal(real.code, 11, real.stderr);
    assert.match(real.stdout, /^50 adopted, 2 pending, 1 missing$/m);
    await compareAdopted(client, root, records);
    assert.deepEqual(await fingerprint(root), before);

    // The test simulates an interrupted run that has not reached these snapshots.
    await client.delete({ refs: ["vm-1", "vm-2"] });
    const again = await adopt("--json");
    const { snapshots } = JSON.parse(again.stdout) as { snapshots: { outcome: string }[] };
    const adopted = snapshots.filter(({ outcome }) => outcome === "adopted");
    assert.equal(adopted.length, 2);
    await compareAdopted(client, root, records);
  });
}

test("an index of generation 2 is read, and one of a later generation is refused", async (t) => {
  const { address } = await startTestDaemon(t);
  const root = await makeScratch(t, "stasis-cocoon-");
  const adopt = (...args: string[]) => runStasis(["--addr", address, "adopt", root, ...args]);
  const database = await writeSqliteIndex(root, (await makeData(root)).slice(0, 1));
  t.after(() => database.close());
  database.exec(`
    CREATE TABLE "vms_firecracker__placements" (id TEXT NOT NULL PRIMARY KEY, data TEXT NOT NULL);
    PRAGMA user_version = 2;`);
  const adopted = await adopt();
  assert.equal(adopted.stdout.trimEnd().split("\n").at(-1), "1 adopted", adopted.stderr);
  database.pragma("user_version = 3");
  const refused = await adopt();
  assert.match(refused.stderr, /schema version 3, this stasis knows 2/);
  assert.notEqual(refused.code, 0);
});

/**
 * Returns the record of a deletion in which cocoon was interrupted: `leased` before cocoon changed
 * a file, `deleting` afterwards.
 */
function tombstone(phase: "leased" | "deleting"): object {
  return {
    ...{ lease_id: "L", phase, leased_at: "2026-07-01T10:00:00Z" },
    payload: { kind: "record", mode: "aggregate", cleanup: {} },
  };
}

for (const kind of ["json", "sqlite"] as const) {
  test(`snapshots that cocoon is deleting are skipped, with its index in ${kind}`, async (t) => {
    const { address } = await startTestDaemon(t);
    const root = await makeScratch(t, "stasis-cocoon-");
    const records = (await makeData(root)).slice(0, 3);
    const [first, second] = records.map(({ id }) => id);
    const tombstones = {
      [first ?? ""]: tombstone("leased"),
      [second ?? ""]: tombstone("deleting"),
    };
    if (kind === "json") await writeJsonIndex(root, records, { tombstones });
    else {
      const database = await writeSqliteIndex(root, records);
      t.after(() => database.close());
      const put = database.prepare(`INSERT INTO "snapshots__tombstones" (id, data) VALUES (?, ?)`);
      for (const [id, text] of Object.entries(tombstones)) {
        put.run(id, Buffer.from(JSON.stringify(text)));
      }
    }
    const { stdout, stderr, code } = await runStasis(["--addr", address, "adopt", root]);
    assert.match(stdout, /^2 adopted, 1 deleting$/m, stderr);
    assert.match(stdout, new RegExp(`^deleting +${second} `, "m"));
    assert.equal(code, 0);
  });
}

test("with --move the directories are moved, and a second run reports them as adopted", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const root = join(scratch, "cocoon");
  const records = await makeData(root);
  await writeJsonIndex(root, records);
  const adopt = (...args: string[]) => runStasis(["--addr", address, "adopt", root, ...args]);
  const moved = await adopt("--move");
  assert.match(moved.stdout, /^50 adopted, 2 pending, 1 missing$/m, moved.stderr);
  assert.equal((await readdir(join(root, "snapshot", "localfile"))).length, 2);
  assert.match((await adopt("--move")).stdout, /^50 already here, 2 pending, 1 missing$/m);
});

test(
  "--reflink shares the blocks and keeps the source, or reports why it cannot",
  { skip: noBtrfs },
  (t) =>
    withFilesystem("btrfs", 256, async (mountPoint) => {
      // This is a separate test, so that its daemon has stopped before the filesystem is unmounted.
      await t.test("adoption works on btrfs, and from another filesystem", async (inner) => {
        const { address } = await startTestDaemon(inner, { root: join(mountPoint, "root") });
        const client = connect(address);
        inner.after(() => client.close());
        const adopt = (root: string) => runStasis(["--addr", address, "adopt", root, "--reflink"]);
        const near = join(mountPoint, "cocoon");
        const records = await makeData(near);
        await writeJsonIndex(near, records);
        const before = await fingerprint(near);
        const adopted = await adopt(near);
        assert.match(adopted.stdout, /^50 adopted, 2 pending, 1 missing$/m, adopted.stderr);
        await compareAdopted(client, near, records);
        assert.deepEqual(await fingerprint(near), before);
        assert.deepEqual((await readdir(mountPoint)).sort(), ["cocoon", "root"]);
        await client.collectGarbage({ policy: { evictAll: true } });
        const far = await makeScratch(inner, "stasis-cocoon-");
        await writeJsonIndex(far, (await makeData(far)).slice(0, 1));
        assert.match((await adopt(far)).stdout, /^1 failed$/m);
      });
    }),
);

test("for a truncated index the previous one is used; another directory is reported as not a store", async (t) => {
  const { address } = await startTestDaemon(t);
  const root = await makeScratch(t, "stasis-cocoon-");
  const adopt = (...args: string[]) => runStasis(["--addr", address, "adopt", root, ...args]);
  const none = await adopt();
  assert.equal(none.code, 3, none.stderr);
  assert.match(none.stderr, /contains no store of cocoon/);
  await writeJsonIndex(root, []);
  const index = join(root, "snapshot", "db", "snapshots.json");
  await rename(index, `${index}.prev`);
  await writeFile(index, '{"snapshots": {');
  const older = await adopt();
  assert.equal(older.stdout, "nothing to adopt\n");
  assert.match(older.stderr, /snapshots\.json: invalid JSON.*snapshots\.json\.prev is older/);
  await rm(`${index}.prev`);
  assert.equal((await adopt()).code, 7);
});

test("an unreadable index is an error, and no older index replaces it", async (t) => {
  const { address } = await startTestDaemon(t);
  const root = await makeScratch(t, "stasis-cocoon-");
  const refused = async (part: RegExp): Promise<void> => {
    const { stdout, stderr, code } = await runStasis(["--addr", address, "adopt", root]);
    assert.match(stderr, part, stdout);
    assert.equal(code, 7, stderr);
  };
  // The unreadable files are links to themselves and a directory, because root may open files
  // whatever their modes are.
  await writeJsonIndex(root, (await makeData(root)).slice(0, 1));
  const localfile = join(root, "snapshot", "localfile");
  await rename(localfile, join(root, "elsewhere"));
  await symlink("localfile", localfile);
  await refused(/symbolic links.*localfile/);
  await rm(localfile);
  await rename(join(root, "elsewhere"), localfile);

  await symlink("meta", join(root, "meta"));
  await refused(/symbolic links.*meta/);
  await rm(join(root, "meta"));

  const index = join(root, "snapshot", "db", "snapshots.json");
  await rename(index, `${index}.prev`);
  await mkdir(index);
  await refused(/cannot read cocoon's index.*snapshots\.json/);
});

test("an id with a path is invalid, and no file at that path is changed", async (t) => {
  const { address, scratch } = await startTestDaemon(t);
  const root = join(scratch, "cocoon");
  const victim = join(scratch, "victim");
  await makeVm(victim, 0);
  const [record] = await makeData(root);
  assert.ok(record !== undefined);
  // The test makes a directory, so that there is a snapshot to adopt.
  const data_dir = join(root, "snapshot", "localfile", record.id);
  for (const id of ["x/../victim", ".."]) {
    await writeJsonIndex(root, [{ ...record, id, data_dir }]);
    for (const way of ["--reflink", "--move"]) {
      const { stderr, code } = await runStasis(["--addr", address, "adopt", root, way]);
      assert.match(stderr, /no name of a directory/);
      assert.equal(code, 7);
    }
  }
  assert.deepEqual(await readdir(victim), ["cow.raw", "memory-ranges", "state.json"]);
});
