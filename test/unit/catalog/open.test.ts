// Tests how a catalog is opened: its settings, migrations, damage, locks and failing disks.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { migrate, migrations } from "../../../src/catalog/migrations.js";
import { openConnection } from "../../../src/catalog/connection.js";
import { openCatalog, type Catalog } from "../../../src/catalog/open.js";
import { Database } from "../../../src/catalog/sqlite.js";
import {
  configOf,
  idOf,
  idsOf,
  store,
  testClock,
  throwsReason,
  withCatalog,
  withScratch,
} from "./support.js";
import { storeDefaults } from "../../support/defaults.js";

const here = dirname(fileURLToPath(import.meta.url));
/** Tests run from <checkout>/<build directory>/test/unit/catalog. */
const fixtures = join(here, "..", "..", "..", "..", "test", "fixtures");
const writerProgram = join(here, "catalog-writer.js");

function open(path: string): Catalog {
  return openCatalog(path, { clock: testClock(), maxEvents: storeDefaults.maxEvents });
}

/** Makes a catalog with `rows` snapshots, and closes it. */
function makeCatalog(path: string, rows: number): void {
  const catalog = open(path);
  for (let n = 0; n < rows; n++) store(catalog, idOf(n + 100), { name: `n${n}` });
  catalog.close();
}

test("each commit is synced to disk before it is acknowledged", async (t) => {
  if (spawnSync("strace", ["-V"]).status !== 0) {
    t.skip("strace is not installed");
    return;
  }
  await withScratch((directory) => {
    const log = join(directory, "trace");
    const commits = 20;
    execFileSync("strace", [
      ...["-f", "-o", log, "-e", "trace=fsync,fdatasync,write"],
      ...[process.execPath, writerProgram, join(directory, "catalog.db"), String(commits)],
    ]);
    const marks = { "==begin": false, "==end": false };
    let syncs = 0;
    for (const line of readFileSync(log, "utf8").split("\n")) {
      if (line.includes("==begin")) marks["==begin"] = true;
      if (line.includes("==end")) marks["==end"] = true;
      if (marks["==begin"] && !marks["==end"] && /\bf(data)?sync\(/.test(line)) syncs += 1;
    }
    assert(marks["==end"]);
    assert(syncs >= commits, `${syncs} syncs for ${commits} commits`);
  });
});

test("the settings for durability are effective after writes", async () => {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    for (let round = 0; round < 2; round++) {
      // Opening writes once, then checks the settings, and throws an error if one is not effective.
      const catalog = open(path);
      store(catalog, idOf(round));
      catalog.close();
    }
    const database = new Database(path);
    assert.equal(database.pragma("journal_mode", { simple: true }), "wal");
    assert.equal(database.pragma("user_version", { simple: true }), migrations.at(-1)?.version);
    database.close();
  });
});

test("an open catalog has no shared memory file, and no other process can open it", async () => {
  await withCatalog(({ catalog, path, reopen }) => {
    store(catalog, idOf("a"));
    assert.equal(existsSync(`${path}-shm`), false);
    throwsReason(() => open(path), "ROOT_LOCKED");
    store(catalog, idOf("b"));
    store(reopen(), idOf("c"));
    assert.equal(existsSync(`${path}-shm`), false);
  });
});

test("a catalog may be closed twice, also by disposing it", async () => {
  await withScratch(async (directory) => {
    const path = join(directory, "catalog.db");
    {
      await using catalog = open(path);
      catalog.close();
      catalog.close();
      throwsReason(() => catalog.get("x"), "INTERNAL");
    }
    open(path).close();
  });
});

for (const { version } of migrations) {
  test(`a catalog of version ${version} is read by this version`, () => readsVersion(version));
}

async function readsVersion(version: number): Promise<void> {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    const database = new Database(path);
    database.exec(readFileSync(join(fixtures, "catalog-v1.sql"), "utf8"));
    migrate(database, migrations.slice(0, version));
    assert.equal(database.pragma("user_version", { simple: true }), version);
    database.close();
    const catalog = open(path);
    assert.deepEqual(catalog.checkIntegrity(), []);
    assert.equal(catalog.nodeId(), "0123456789abcdef");
    const snapshot = catalog.resolveRef("web/1");
    assert.deepEqual(snapshot, {
      config: configOf({
        id: "aaaa000000000000",
        name: "web/1",
        description: "fixture",
        image: "debian:12",
        imageDigest: "sha256:ab",
        imageBlobIds: ["blob-1", "blob-2"],
        hypervisor: "firecracker",
        cpu: 2,
        memoryBytes: 4294967296,
        labels: { tier: "web" },
        unknown: { envelope: {}, config: { future: "[1.50]" } },
      }),
      state: "ready",
      createdAt: new Date(1_700_000_000_123),
      lastAccessedAt: new Date(1_700_000_001_000),
      sizeBytes: 10737418240,
      allocatedBytes: 4096,
      // This is an estimate, because version 1 did not measure the charge.
      chargedBytes: 48718,
      digest: "sha256:cd",
      parentDigest: "",
      protected: true,
      corrupt: false,
      files: [
        {
          name: "cow.raw",
          sizeBytes: 10737418240,
          allocatedBytes: 4096,
          mode: 0o600,
          digest: "sha256:ef",
        },
      ],
    });
    const filter = { labels: { tier: "web" } };
    assert.deepEqual(idsOf(catalog.list({ pageSize: 5, filter }).snapshots), ["aaaa000000000000"]);
    assert.deepEqual(catalog.listPinnedBlobs("", 9), ["blob-1", "blob-2"]);
    assert.equal(catalog.findRequest("00000000-0000-4000-8000-000000000001")?.state, "finished");
    assert.equal(catalog.pendingUploads()[0]?.id, "bbbb000000000000");
    assert.deepEqual(catalog.eventPosition(), { sequence: 0, mark: "" });
    store(catalog, idOf("c"));
    assert.equal(catalog.totals().count, 2);
    catalog.close();
  });
}

test("a migration happens completely or not at all, and only once", async () => {
  await withScratch((directory) => {
    const database = new Database(join(directory, "catalog.db"));
    migrate(database);
    const newest = migrations.at(-1)?.version ?? 0;
    const version = newest + 1;
    const broken = { version, sql: "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1)" };
    assert.throws(() => {
      migrate(database, [...migrations, broken]);
    }, /nowhere/);
    assert.equal(database.pragma("user_version", { simple: true }), newest);
    assert.equal(
      database.prepare("SELECT count(*) FROM sqlite_master WHERE name = 'half'").pluck().get(),
      0,
    );
    const sound = { version, sql: "CREATE TABLE whole (a INTEGER) STRICT" };
    migrate(database, [...migrations, sound]);
    migrate(database, [...migrations, sound]);
    assert.equal(database.pragma("user_version", { simple: true }), version);
    database.close();
  });
});

test("a catalog of a newer stasis is not changed", async () => {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    makeCatalog(path, 1);
    const database = new Database(path);
    database.pragma("user_version = 99");
    database.close();
    const before = readFileSync(path);
    const error = throwsReason(() => open(path), "FORMAT_UNSUPPORTED");
    assert.match(error.message, /version 99.*written by a newer stasis/);
    assert.deepEqual(readFileSync(path), before);
  });
});

test("noise, a truncated file and a damaged page are STORED_DATA_CORRUPT, or the check finds them", async () => {
  await withScratch((directory) => {
    const noise = join(directory, "noise.db");
    writeFileSync(noise, "noise ".repeat(20_000));
    throwsReason(() => open(noise), "STORED_DATA_CORRUPT");

    const path = join(directory, "catalog.db");
    makeCatalog(path, 50);
    const sound = readFileSync(path);
    const pageBytes = 4096;
    let found = 0;
    for (let page = 0; page < sound.length / pageBytes; page++) {
      const damaged = Buffer.from(sound);
      damaged.fill(0x5a, page * pageBytes, (page + 1) * pageBytes);
      writeFileSync(path, damaged);
      found += problemsOf(path) > 0 ? 1 : 0;
    }
    assert.equal(found, sound.length / pageBytes);

    writeFileSync(path, sound);
    truncateSync(path, pageBytes * 3);
    assert(problemsOf(path) > 0);
    writeFileSync(path, sound);
    assert.equal(problemsOf(path), 0);
  });
});

/** Returns the number of problems that opening and checking find. */
function problemsOf(path: string): number {
  let catalog: Catalog;
  try {
    catalog = open(path);
  } catch (error) {
    throwsReason(() => {
      throw error;
    }, "STORED_DATA_CORRUPT");
    return 1;
  }
  try {
    return catalog.checkIntegrity().length;
  } finally {
    catalog.close();
  }
}

test("the check finds totals that do not match the rows", async () => {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    makeCatalog(path, 3);
    const database = new Database(path);
    database.exec("UPDATE totals SET ready_count = 7");
    database.close();
    const catalog = open(path);
    assert.deepEqual(catalog.checkIntegrity(), [
      "the total count is recorded as 7, the rows add up to 3",
    ]);
    catalog.close();
  });
});

test("a configuration that is not a JSON object is STORED_DATA_CORRUPT", async () => {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    makeCatalog(path, 1);
    for (const text of ["{", "[]", "null", "7"]) {
      const database = new Database(path);
      database.prepare("UPDATE snapshots SET config = ?").run(text);
      database.close();
      const catalog = open(path);
      throwsReason(() => catalog.resolveRef("n0"), "STORED_DATA_CORRUPT");
      catalog.close();
    }
  });
});

test("an empty file becomes a catalog, and a missing directory is a clear error", async () => {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    writeFileSync(path, "");
    makeCatalog(path, 1);
    assert(statSync(path).size > 0);
    throwsReason(() => open(join(directory, "none", "catalog.db")), "IO_FAILED");
  });
});

test("commits survive a process that ends without closing", async () => {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    // The writer kills itself after its last commit.
    const { signal } = spawnSync(process.execPath, [writerProgram, path, "25", "kill"]);
    assert.equal(signal, "SIGKILL");
    const catalog = open(path);
    assert.equal(catalog.totals().count, 25);
    assert.deepEqual(catalog.checkIntegrity(), []);
    catalog.close();
  });
});

test("after a failed write the catalog accepts no writes, and reads continue", async () => {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    makeCatalog(path, 5);
    // A limit on the size of files makes the next write to the log fail with EFBIG.
    const { stdout, stderr } = spawnSync(
      "bash",
      [
        "-c",
        `ulimit -f 256; exec "$0" "$@"`,
        process.execPath,
        writerProgram,
        path,
        "500",
        "until-failure",
      ],
      { encoding: "utf8" },
    );
    const [first, second, reads] = stdout.trim().split("\n");
    assert.equal(first, "IO_FAILED unknown", stderr);
    assert.equal(second, "IO_FAILED none");
    assert.equal(reads, "n0");
    const catalog = open(path);
    assert.deepEqual(catalog.checkIntegrity(), []);
    assert(catalog.totals().count >= 5);
    catalog.close();
  });
});

test("a transaction that fails leaves no changes", async () => {
  await withScratch((directory) => {
    const path = join(directory, "catalog.db");
    const connection = openConnection(path);
    const boom = new Error("boom");
    const error = throwsReason(
      () =>
        connection.write("step", () => {
          throw boom;
        }),
      "INTERNAL",
    );
    assert.equal(error.cause, boom);
    assert.equal(
      connection.write("step", () => 7),
      7,
    );
    connection.close();
  });
});
