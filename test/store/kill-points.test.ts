// Kills the daemon during a take-over and during a deletion, at each system call that makes a
// change durable. Afterwards the effect is complete or absent, and acknowledged snapshots stay.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { chmod, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type Client } from "../../src/client/index.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { run } from "../support/child.js";
import { assertClean } from "../support/clean.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { eventually } from "../support/eventually.js";
import { reopen } from "../support/reopen.js";
import { cannotStrace, withScratchDir } from "../support/scratch.js";
import {
  compareDirectories,
  compareStored,
  entriesOf,
  makeSource,
  mib,
  packDirectory,
  piece,
} from "./contents.js";

const skip = cannotStrace() || cannotAttach();
/** The bound exceeds the number of points in any call, so that an endless loop fails. */
const maxPoints = 60;

/** Returns why strace cannot attach to a process that is not its own child, or false. */
function cannotAttach(): string | false {
  const path = "/proc/sys/kernel/yama/ptrace_scope";
  if (process.getuid?.() === 0 || !existsSync(path)) return false;
  return readFileSync(path, "utf8").startsWith("0") ? false : `${path} is not 0`;
}

interface Scene {
  readonly root: string;
  /** `source` is the directory that is handed over to the store, and `twin` has the same files. */
  readonly source: string;
  readonly twin: string;
}

interface Step {
  readonly syscalls: readonly string[];
  prepare(client: Client, scene: Scene): Promise<unknown>;
  act(client: Client, scene: Scene): Promise<unknown>;
  /** Checks the state after a restart, and restores the state from which `prepare` begins. */
  check(store: SnapshotStore, scene: Scene, acknowledged: boolean): Promise<void>;
}

/**
 * Kills the daemon at the n-th call of `syscall` by any thread, while it serves `act` or finishes
 * the work after the answer. Returns false if there are fewer such calls.
 */
async function killAt(step: Step, scene: Scene, syscall: string, n: number): Promise<boolean> {
  await using daemon = await startDaemonProcess(scene.root);
  await using client = connect(daemon.address);
  await step.prepare(client, scene);
  await using strace = run("strace", [
    ...["-f", "-p", String(daemon.pid), "-e", `trace=${syscall}`],
    ...["-e", `inject=${syscall}:signal=KILL:when=${n}`],
  ]);
  await strace.line(/^strace: Process \d+ attached/);
  const acknowledged = await step.act(client, scene).then(
    () => true,
    () => false,
  );
  const killed = !acknowledged || (await isKilledLater(daemon, scene.root));
  await daemon.kill();
  // Check reports no problem for an interrupted call, which only the next start completes or
  // undoes.
  await assertClean(scene.root);
  await using store = await reopen(scene.root);
  for (const part of ["staging", "trash", "quarantine"] as const) {
    assert.deepEqual(await entriesOf(scene.root, part), [], `${part} after ${syscall} ${n}`);
  }
  await step.check(store, scene, acknowledged);
  await store[Symbol.asyncDispose]();
  await assertClean(scene.root);
  return killed;
}

/**
 * Waits until the background work is done or the daemon was killed. Returns true if the daemon was
 * killed.
 */
async function isKilledLater(daemon: DaemonProcess, root: string): Promise<boolean> {
  let killed = false;
  void daemon.exited.then(() => (killed = true));
  await eventually("an empty trash", async () => {
    return killed || (await entriesOf(root, "trash")).length === 0;
  });
  return killed;
}

function everyPoint(title: string, step: Step): void {
  for (const syscall of step.syscalls) {
    test(`killed at every ${syscall} of ${title}`, { skip }, () =>
      withScratchDir(async (scratch) => {
        const file = { name: "cow.raw", sizeBytes: mib, pieces: [piece(4096, 5000)] };
        const scene = {
          root: join(scratch, "root"),
          source: await makeSource(join(scratch, "source"), [file]),
          twin: await makeSource(join(scratch, "twin"), [file]),
        };
        let n = 1;
        while (await killAt(step, scene, syscall, n)) {
          n += 1;
          assert.ok(n <= maxPoints, "no end of calls");
        }
        assert.ok(n > 1, `it makes no ${syscall}`);
      }),
    );
  }
}

function isStored(store: SnapshotStore): boolean {
  return store.list({ pageSize: 10 }).totalSize > 0;
}

everyPoint("a take-over", {
  syscalls: ["fsync", "renameat2", ...(process.arch === "x64" ? ["chmod"] : [])],
  prepare: () => Promise.resolve(),
  act: (client, { source: directory }) =>
    client.createFromDirectory({ directory, config: { name: "web" } }),
  async check(store, { root, source, twin }, acknowledged) {
    if (isStored(store)) {
      const { id } = store.inspect("web").config;
      await compareStored(store.layout.filesDirectory(id), twin);
      assert.ok(!existsSync(source), "in the store and where it was");
      const target = { path: source };
      await store.exportToDirectory("web", target, { force: false }, AbortSignal.timeout(60_000));
      await unlink(join(source, "snapshot.json"));
      await chmod(source, (await stat(twin)).mode);
      await store.delete({ refs: ["web"], allowMissing: false });
    } else {
      assert.ok(!acknowledged, "acknowledged, and gone");
      assert.deepEqual(await entriesOf(root, "data"), []);
    }
    await compareDirectories(source, twin);
    assert.equal((await stat(source)).mode, (await stat(twin)).mode, "mode of the directory");
  },
});

everyPoint("a delete", {
  syscalls: ["fsync", "renameat2", "unlink"],
  prepare: (client, { source }) =>
    client.create({ config: { name: "web" } }, packDirectory(source)),
  act: (client) => client.delete("web"),
  async check(store, { root, twin }, acknowledged) {
    if (!isStored(store)) {
      assert.deepEqual(await entriesOf(root, "data"), []);
      return;
    }
    assert.ok(!acknowledged, "acknowledged, and back again");
    const { id } = store.inspect("web").config;
    await compareStored(store.layout.filesDirectory(id), twin);
    await store.delete({ refs: ["web"], allowMissing: false });
  },
});
