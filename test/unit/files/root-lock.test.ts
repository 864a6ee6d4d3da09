// Tests that a root has at most one daemon: within a process, between processes, through symlinks,
// and after kill -9. This also holds with builds that lock with SQLite, on a full disk, and on
// filesystems whose locks do not work.
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { StoreError, type ErrorReason } from "../../../src/base/errors.js";
import { createLogger } from "../../../src/base/logger.js";
import {
  describeSelf,
  livenessOf,
  type LockHolder as Described,
} from "../../../src/files/lock-holder.js";
import { guardRoot } from "../../../src/files/root-guard.js";
import {
  heartbeatMs,
  lockForReading,
  lockRoot,
  type RootLockFiles,
} from "../../../src/files/root-lock.js";
import { cannotMount, withFilesystem, withScratchDir } from "../../support/scratch.js";

const holderProgram = fileURLToPath(new URL("root-lock-holder.js", import.meta.url));

function filesIn(root: string): RootLockFiles {
  return { root, lockDatabase: join(root, "lock.db"), lockInfo: join(root, "lock.info") };
}

async function rejectsWith(work: Promise<unknown>, reason: ErrorReason): Promise<StoreError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof StoreError, `expected ${reason}, got ${String(error)}`);
  assert.equal(error.reason, reason, error.text);
  return error;
}

interface Holder {
  readonly child: ChildProcess;
  /** Tries to lock this root in the process, and returns the outcome. */
  tryLock(root: string): Promise<string>;
}

function startHolder(...args: string[]): Holder {
  const child = spawn(process.execPath, [holderProgram, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { stdin, stdout } = child;
  const lines = createInterface({ input: stdout });
  const tryLock = async (root: string): Promise<string> => {
    stdin.write(`${root}\n`);
    const [outcome] = (await once(lines, "line")) as [string];
    return outcome;
  };
  return { child, tryLock };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

test("a locked root refuses a second lock in the same process, also through a symlink", () =>
  withScratchDir(async (directory) => {
    const lock = await lockRoot(filesIn(directory));
    symlinkSync(directory, join(directory, "self"));
    for (const root of [directory, join(directory, "self")]) {
      const error = await rejectsWith(lockRoot(filesIn(root)), "ROOT_LOCKED");
      assert.equal(error.metadata["pid"], String(process.pid));
      assert.match(error.message, new RegExp(`process ${process.pid} on `));
    }
    lock.release();
    lock.release();
    (await lockRoot(filesIn(directory))).release();
  }));

test("disposing releases the lock, and the text then says that nobody has locked the root", () =>
  withScratchDir(async (directory) => {
    const files = filesIn(directory);
    const read = (): Record<string, unknown> =>
      JSON.parse(readFileSync(files.lockInfo, "utf8")) as Record<string, unknown>;
    {
      await using lock = await lockRoot(files);
      assert.equal(read()["nonce"], lock.holder.nonce);
      assert.equal(read()["endedAt"], undefined);
    }
    assert.equal(typeof read()["endedAt"], "string");
    (await lockRoot(files)).release();
  }));

test("another process is refused with the holder's name, and admitted after kill -9", () =>
  withScratchDir(async (directory) => {
    const { child, tryLock } = startHolder();
    try {
      assert.equal(await tryLock(directory), "locked");
      symlinkSync(directory, join(directory, "self"));
      for (const root of [directory, join(directory, "self")]) {
        const error = await rejectsWith(lockRoot(filesIn(root)), "ROOT_LOCKED");
        assert.equal(error.metadata["pid"], String(child.pid));
        assert.match(error.text, /Stop that daemon/);
      }
    } finally {
      await stop(child, "SIGKILL");
    }
    // The killed holder could not update its text, which must not block the next holder.
    assert(existsSync(filesIn(directory).lockInfo));
    (await lockRoot(filesIn(directory))).release();
  }));

test("of several concurrent processes exactly one gets the root", () =>
  withScratchDir(async (directory) => {
    const holders = [startHolder(), startHolder()];
    try {
      // Each process first locks a root alone, to warm up. Then all compete, each round for another
      // root.
      for (const [index, holder] of holders.entries()) {
        const root = join(directory, `warm-${index}`);
        mkdirSync(root);
        assert.equal(await holder.tryLock(root), "locked");
      }
      for (let round = 0; round < 40; round++) {
        const root = join(directory, String(round));
        mkdirSync(root);
        const outcomes = await Promise.all(holders.map((holder) => holder.tryLock(root)));
        assert.deepEqual(outcomes.sort(), ["ROOT_LOCKED", "locked"]);
      }
    } finally {
      await Promise.all(holders.map(({ child }) => stop(child, "SIGKILL")));
    }
  }));

test("a malformed text about the holder is not shown, but its process is found", () =>
  withScratchDir(async (directory) => {
    const files = filesIn(directory);
    const lock = await lockRoot(files);
    for (const text of ["", "not json", "[]", "null", '{"pid":"x"}']) {
      writeFileSync(files.lockInfo, text);
      const error = await rejectsWith(lockRoot(files), "ROOT_LOCKED");
      assert.match(error.message, new RegExp(`in use by process ${process.pid} \\(`));
    }
    lock.release();
  }));

test("a missing root is a clear error, and so is a lock file of another type", () =>
  withScratchDir(async (directory) => {
    const missing = await rejectsWith(lockRoot(filesIn(join(directory, "none"))), "IO_FAILED");
    assert.match(missing.message, /cannot open the lock of the root: ENOENT/);
    const files = filesIn(directory);
    writeFileSync(join(directory, "target"), "", { mode: 0o644 });
    symlinkSync(join(directory, "target"), files.lockDatabase);
    await rejectsWith(lockRoot(files), "IO_FAILED");
    assert.equal(statSync(join(directory, "target")).mode & 0o777, 0o644);
  }));

test("builds that lock with SQLite and this build exclude each other", () =>
  withScratchDir(async (directory) => {
    const files = filesIn(directory);
    const old = startHolder("sqlite");
    try {
      const lock = await lockRoot(files);
      assert.match(await old.tryLock(directory), /SqliteError: database is locked/);
      lock.release();
      assert.equal(await old.tryLock(directory), "locked");
      for (const tryIt of [lockRoot, lockForReading]) {
        const error = await rejectsWith(tryIt(files), "ROOT_LOCKED");
        assert.equal(error.metadata["pid"], String(old.child.pid));
      }
    } finally {
      await stop(old.child, "SIGKILL");
    }
    // On some filesystems a killed holder leaves a journal.
    writeFileSync(`${files.lockDatabase}-journal`, "left");
    (await lockRoot(files)).release();
    assert.deepEqual(readdirSync(directory).sort(), ["lock.db", "lock.info"]);
  }));

test("several readers may share the lock, and readers and a daemon exclude each other", () =>
  withScratchDir(async (directory) => {
    const files = filesIn(directory);
    {
      using _nobody = await lockForReading(files);
      assert.deepEqual(readdirSync(directory), [], "looking made something");
    }
    (await lockRoot(files)).release();
    const text = readFileSync(files.lockInfo);
    {
      using _one = await lockForReading(files);
      using _other = await lockForReading(files);
      const error = await rejectsWith(lockRoot(files), "ROOT_LOCKED");
      assert.match(error.message, new RegExp(`process ${process.pid} \\(.+, run by the user`));
      assert.ok(readFileSync(files.lockInfo).equals(text));
    }
    using _lock = disposable(await lockRoot(files));
    await rejectsWith(lockForReading(files), "ROOT_LOCKED");
  }));

function disposable(lock: { release(): void }): Disposable {
  return { [Symbol.dispose]: () => lock.release() };
}

test("the lock files become private to their owner, whatever the umask and their mode were", () =>
  withScratchDir(async (directory) => {
    const files = filesIn(directory);
    const before = process.umask(0);
    try {
      (await lockRoot(files)).release();
      for (const path of [files.lockDatabase, files.lockInfo]) {
        assert.equal(statSync(path).mode & 0o777, 0o600, path);
        chmodSync(path, 0o666);
      }
      (await lockRoot(files)).release();
      for (const path of [files.lockDatabase, files.lockInfo]) {
        assert.equal(statSync(path).mode & 0o777, 0o600, path);
      }
    } finally {
      process.umask(before);
    }
  }));

test("lock.info never follows a symbolic link, neither when it is written nor when it is read", () =>
  withScratchDir(async (directory) => {
    const files = filesIn(directory);
    const target = join(directory, "target");
    writeFileSync(target, '{"pid":1,"host":"elsewhere","startedAt":"never"}');
    for (const path of [files.lockInfo, `${files.lockInfo}.tmp`]) symlinkSync(target, path);
    const lock = await lockRoot(files);
    assert.match(readFileSync(target, "utf8"), /elsewhere/);
    assert.ok(lstatSync(files.lockInfo).isFile());
    rmSync(files.lockInfo);
    symlinkSync(target, files.lockInfo);
    const error = await rejectsWith(lockRoot(files), "ROOT_LOCKED");
    assert.doesNotMatch(error.text, /elsewhere/);
    lock.release();
    assert.match(readFileSync(target, "utf8"), /elsewhere/);
  }));

test("a replaced lock file does not admit a second holder while the first is alive", () =>
  withScratchDir(async (directory) => {
    const files = filesIn(directory);
    const { child, tryLock } = startHolder();
    try {
      assert.equal(await tryLock(directory), "locked");
      rmSync(files.lockDatabase);
      const error = await rejectsWith(lockRoot(files), "ROOT_LOCKED");
      assert.equal(error.metadata["pid"], String(child.pid));
      assert.match(error.text, /lock\.db was replaced/);
      // A copy of a store is another store, although its lock.info names the same holder.
      const copy = join(directory, "copy");
      mkdirSync(copy);
      cpSync(files.lockInfo, join(copy, "lock.info"));
      (await lockRoot(filesIn(copy))).release();
    } finally {
      await stop(child, "SIGKILL");
    }
    (await lockRoot(files)).release();
  }));

const fill = (mountPoint: string): void => {
  const script = 'cat /dev/zero >"$0/fill" 2>/dev/null; for i in $(seq 999); do : >"$0/i$i"; done';
  try {
    execFileSync("sh", ["-c", script, mountPoint], { stdio: "ignore" });
  } catch {
    // The script ends with an error because the disk is full.
  }
};

test(
  "a root on a disk without a free byte or inode can be locked",
  { skip: cannotMount("tmpfs") },
  () =>
    withFilesystem("tmpfs", 1, async (mountPoint) => {
      execFileSync("mount", ["-o", "remount,nr_inodes=64", mountPoint]);
      const files = filesIn(mountPoint);
      (await lockRoot(files)).release();
      fill(mountPoint);
      assert.throws(() => writeFileSync(join(mountPoint, "more"), "x"), { code: "ENOSPC" });
      await using lock = await lockRoot(files);
      // The new text has overwritten the bytes of the old text.
      assert.ok(readFileSync(files.lockInfo, "utf8").includes(lock.holder.nonce));
    }),
);

test("a holder is recognized as alive, ended or unknown", () =>
  withScratchDir((directory) => {
    const self = describeSelf(directory);
    const none = new Set<string>();
    const parent = { ...self, pid: process.ppid, processStart: startOf(process.ppid) };
    const cases: readonly (readonly [string, Described | undefined, ReadonlySet<string>])[] = [
      ["ended", undefined, none],
      ["ended", { ...parent, endedAt: "2026-01-02T03:04:05Z" }, none],
      ["alive", parent, none],
      ["ended", { ...parent, processStart: "1" }, none],
      ["ended", { ...parent, root: "another" }, none],
      ["ended", { ...self, nonce: "of a store of this process that was closed" }, none],
      ["alive", { ...self, nonce: "held" }, new Set(["held"])],
      ["unknown", { ...parent, bootId: "another" }, none],
      ["unknown", { ...parent, pidNamespace: "another" }, none],
    ];
    for (const [expected, holder, own] of cases) {
      assert.equal(livenessOf(holder, self, own), expected, JSON.stringify(holder));
    }
    return Promise.resolve();
  }));

function startOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

/** Mounts a filesystem of a type that other machines may mount too, as network filesystems are. */
async function withSharedFilesystem(body: (mountPoint: string) => Promise<void>): Promise<void> {
  await withScratchDir(async (mountPoint) => {
    execFileSync("mount", ["-t", "ramfs", "-o", "mode=700", "ramfs", mountPoint]);
    try {
      await body(mountPoint);
    } finally {
      execFileSync("umount", [mountPoint]);
    }
  });
}

const noMounts = cannotMount("tmpfs");

test(
  "if other machines may have the files, a holder on another machine is detected",
  { skip: noMounts },
  () =>
    withSharedFilesystem(async (directory) => {
      const files = filesIn(directory);
      const elsewhere = {
        ...describeSelf(directory),
        host: "elsewhere",
        pid: 4711,
        bootId: "another",
      };
      writeFileSync(files.lockInfo, JSON.stringify(elsewhere));
      const heartbeat = setInterval(() => utimesSync(files.lockInfo, new Date(), new Date()), 500);
      try {
        const error = await rejectsWith(lockRoot(files), "ROOT_LOCKED");
        assert.match(error.message, /in use by process 4711 on elsewhere/);
        assert.match(error.hint ?? "", /the filesystem does not forward locks/);
        assert.ok(readFileSync(files.lockInfo, "utf8").includes(elsewhere.nonce));
      } finally {
        clearInterval(heartbeat);
      }
      // The holder elsewhere does not touch the file any more.
      await using lock = await lockRoot(files);
      using _guard = guardRoot(files, lock.holder, createLogger("silent"));
      const { mtimeMs } = statSync(files.lockInfo);
      await pause(2 * heartbeatMs);
      assert.ok(statSync(files.lockInfo).mtimeMs > mtimeMs, "no heartbeat");
    }),
);

test("on a local disk the holder writes no heartbeat for other machines", () =>
  withScratchDir(async (directory) => {
    const files = filesIn(directory);
    await using lock = await lockRoot(files);
    using _guard = guardRoot(files, lock.holder, createLogger("silent"));
    const { mtimeMs } = statSync(files.lockInfo);
    await pause(2 * heartbeatMs);
    assert.equal(statSync(files.lockInfo).mtimeMs, mtimeMs);
  }));
