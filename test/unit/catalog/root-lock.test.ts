// One root, one daemon: within a process, between processes, through symlinks, after kill -9.
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { lockRoot, type RootLockFiles } from "../../../src/catalog/root-lock.js";
import { throwsReason, withScratch } from "./support.js";

const holderProgram = join(dirname(fileURLToPath(import.meta.url)), "root-lock-holder.js");

function filesIn(root: string): RootLockFiles {
  return { lockDatabase: join(root, "lock.db"), lockInfo: join(root, "lock.info") };
}

interface Holder {
  readonly child: ChildProcess;
  /** What came of the attempt to lock this root. */
  tryLock(root: string): Promise<string>;
}

function startHolder(): Holder {
  const child = spawn(process.execPath, [holderProgram], { stdio: ["pipe", "pipe", "inherit"] });
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

test("a locked root refuses a second lock in the same process, also through a symlink", async () => {
  await withScratch((directory) => {
    const lock = lockRoot(filesIn(directory));
    symlinkSync(directory, join(directory, "self"));
    for (const root of [directory, join(directory, "self")]) {
      const error = throwsReason(() => lockRoot(filesIn(root)), "ROOT_LOCKED");
      assert.equal(error.metadata["pid"], String(process.pid));
      assert.match(error.message, new RegExp(`process ${process.pid} on `));
    }
    lock.release();
    lock.release();
    lockRoot(filesIn(directory)).release();
  });
});

test("release is what disposing does, and removes the text about the holder", async () => {
  await withScratch(async (directory) => {
    const files = filesIn(directory);
    {
      await using lock = lockRoot(files);
      assert(lock);
      assert(existsSync(files.lockInfo));
    }
    assert.equal(existsSync(files.lockInfo), false);
    lockRoot(files).release();
  });
});

test("another process is refused, told who holds the root, and let in after kill -9", async () => {
  await withScratch(async (directory) => {
    const { child, tryLock } = startHolder();
    try {
      assert.equal(await tryLock(directory), "locked");
      symlinkSync(directory, join(directory, "self"));
      for (const root of [directory, join(directory, "self")]) {
        const error = throwsReason(() => lockRoot(filesIn(root)), "ROOT_LOCKED");
        assert.equal(error.metadata["pid"], String(child.pid));
        assert.match(error.text, /Stop that daemon/);
      }
    } finally {
      await stop(child, "SIGKILL");
    }
    // The killed holder could not remove its text: it must not stand in the way.
    assert(existsSync(filesIn(directory).lockInfo));
    lockRoot(filesIn(directory)).release();
  });
});

test("of processes that try in the same instant exactly one gets the root", async () => {
  await withScratch(async (directory) => {
    const holders = [startHolder(), startHolder()];
    try {
      // Each warms up alone; then they race, each round for another root.
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
  });
});

test("a lock outlives the object that lockRoot returned", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  await withScratch((directory) => {
    lockRoot(filesIn(directory));
    collectGarbage();
    throwsReason(() => lockRoot(filesIn(directory)), "ROOT_LOCKED");
  });
});

test("text about the holder that makes no sense is not shown", async () => {
  await withScratch((directory) => {
    const files = filesIn(directory);
    const lock = lockRoot(files);
    for (const text of ["", "not json", "[]", "null", '{"pid":"x"}']) {
      writeFileSync(files.lockInfo, text);
      const error = throwsReason(() => lockRoot(files), "ROOT_LOCKED");
      assert.match(error.message, /in use by another process$/);
    }
    lock.release();
  });
});

test("a root that is not there, or a lock file that is something else, is a clear error", async () => {
  await withScratch((directory) => {
    const missing = throwsReason(() => lockRoot(filesIn(join(directory, "none"))), "IO_FAILED");
    assert.match(missing.message, /directory of the database does not exist/);
    writeFileSync(join(directory, "lock.db"), "x".repeat(8192));
    throwsReason(() => lockRoot(filesIn(directory)), "STORED_DATA_CORRUPT");
  });
});
