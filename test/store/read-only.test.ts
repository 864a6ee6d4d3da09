// Tests that stored files are read-only for users who reach them by path, and that the files regain
// their original modes when they leave the store.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, chown, lstat, mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect, isStoreError, type Client } from "../../src/client/index.js";
import { layoutOf } from "../../src/files/layout.js";
import { emptyConfig } from "../../src/model/config.js";
import type { SnapshotStore, StoreRequest } from "../../src/store/snapshot-store.js";
import type { User } from "../support/child.js";
import { assertClean, findingsIn } from "../support/clean.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { reopen } from "../support/reopen.js";
import { withScratchDir } from "../support/scratch.js";
import { pastModes } from "../support/tamper.js";
import { owned } from "../support/chunks.js";
import {
  compareDirectories,
  compareStored,
  entriesOf,
  makeSmallSource,
  packDirectory,
} from "./contents.js";

const never = new AbortController().signal;
const nobody: User = { uid: 65534, gid: 65534 };
/** The group and the user need no account. */
const group = 54_321;
const hypervisor: User = { uid: 65_533, gid: group };

/** Returns why tests with other users cannot run here, or false. */
function cannotSwitchUser(): string | false {
  if (process.geteuid?.() !== 0) return "skipped: only root can run programs as another user";
  const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));
  const { status } = spawnSync(process.execPath, [program, "--version"], nobody);
  return status === 0 ? false : "skipped: another user cannot run the program from here";
}

const skip = cannotSwitchUser();

/** Runs `body` with a directory that belongs to `user` and that other users may traverse. */
function withPlaceOf(user: User, body: (place: string) => Promise<void>): Promise<void> {
  return withScratchDir(async (scratch) => {
    await chmod(scratch, 0o755);
    const place = join(scratch, "place");
    await mkdir(place);
    await chmod(place, 0o755);
    await chown(place, user.uid, user.gid);
    await body(place);
  });
}

async function giveTo(directory: string, { uid, gid }: User): Promise<string> {
  for (const name of await readdir(directory)) await chown(join(directory, name), uid, gid);
  await chown(directory, uid, gid);
  return directory;
}

/**
 * Runs a command of `sh` as another user. Returns an empty string if it succeeds, "denied" if a
 * permission is missing, and otherwise the error of `sh`.
 */
function attempt(user: User, command: string, ...args: string[]): string {
  const { status, stderr } = spawnSync("sh", ["-c", command, "sh", ...args], {
    ...user,
    encoding: "utf8",
  });
  if (status === 0) return "";
  return /permission denied|cannot|can't/i.test(stderr) ? "denied" : stderr;
}

const append = 'exec 3>>"$1"';
const make = 'exec 3>"$1/new"';
const remove = 'rm -f "$1"';
const read = 'cat "$1" >/dev/null';
const list = 'ls "$1" >/dev/null';

async function modeOf(path: string): Promise<number> {
  return (await lstat(path)).mode & 0o7777;
}

async function createOn(client: Client, source: string, name: string): Promise<string> {
  const { snapshot } = await client.create({ config: { name } }, packDirectory(source));
  return snapshot?.config?.id ?? "";
}

test("the daemon's own user cannot write to files that were handed out", { skip }, () =>
  withPlaceOf(nobody, async (place) => {
    const root = join(place, "root");
    await using daemon = await startDaemonProcess(root, {}, {}, nobody);
    await using client = connect(daemon.address);
    await createOn(client, await makeSmallSource(join(place, "source")), "up");
    const given = await giveTo(await makeSmallSource(join(place, "given")), nobody);
    await client.createFromDirectory({ directory: given, config: { name: "moved" } });
    for (const name of ["up", "moved"]) {
      await using lease = await client.openDataDirectory(name);
      const { directory } = lease;
      for (const file of await readdir(directory)) {
        assert.equal(attempt(nobody, read, join(directory, file)), "");
        assert.equal(attempt(nobody, append, join(directory, file)), "denied", file);
        assert.equal(attempt(nobody, remove, join(directory, file)), "denied", file);
      }
      assert.equal(attempt(nobody, make, directory), "denied");
      // Another user cannot reach the directory.
      assert.equal(attempt(hypervisor, list, directory), "denied");
      await compareStored(directory, join(place, "source"));
    }
  }),
);

test(
  "an ordinary user can take over a directory, update, repair, replace, delete and restart",
  { skip },
  () =>
    withPlaceOf(nobody, async (place) => {
      const root = join(place, "root");
      const twin = await makeSmallSource(join(place, "twin"));
      const given = await giveTo(await makeSmallSource(join(place, "given")), nobody);
      {
        await using daemon = await startDaemonProcess(root, {}, {}, nobody);
        await using client = connect(daemon.address);
        const taken = { directory: given, config: { name: "web" } };
        const { snapshot } = await client.createFromDirectory(taken);
        await eventually("its digest", async () => {
          return (await client.inspect("web")).snapshot?.digest !== "";
        });
        await client.update({
          ref: "web",
          description: "x",
          updateMask: { paths: ["description"] },
        });
        const files = layoutOf(root).filesDirectory(snapshot?.config?.id ?? "");
        await pastModes(join(files, "extra"), async () => {
          await mkdir(join(files, "extra"));
          await chown(join(files, "extra"), nobody.uid, nobody.gid);
        });
        await chmod(join(files, "state.json"), 0o604);
        const outcomes: string[] = [];
        for await (const { finding, outcome } of client.repair({})) {
          outcomes.push(`${finding?.kind} ${outcome}`);
        }
        assert.deepEqual(outcomes.length, 2, outcomes.join());
        await compareStored(files, twin);
        await createOn(client, twin, "other");
        const other = { config: { name: "other" }, onNameConflict: 2 };
        await client.create(other, packDirectory(twin));
        await daemon.kill();
      }
      await using daemon = await startDaemonProcess(root, {}, {}, nobody);
      await using client = connect(daemon.address);
      assert.equal((await client.list({})).totalSize, 2n);
      await client.delete({ refs: ["web", "other"] });
      await eventually("an empty store", async () => {
        const left = await Promise.all((["data", "trash"] as const).map((p) => entriesOf(root, p)));
        return left.flat().length === 0;
      });
    }),
);

test("a directory with files of another user is refused and stays unchanged", { skip }, () =>
  withPlaceOf(nobody, async (place) => {
    await using daemon = await startDaemonProcess(join(place, "root"), {}, {}, nobody);
    await using client = connect(daemon.address);
    const twin = await makeSmallSource(join(place, "twin"));
    const given = await giveTo(await makeSmallSource(join(place, "given")), nobody);
    await chown(join(given, "state.json"), 1234, nobody.gid);
    const before = await stat(given);
    const taken = { directory: given, config: { name: "web" } };
    await assert.rejects(client.createFromDirectory(taken), (error) => {
      assert.ok(isStoreError(error, "FIELD_INVALID"), String(error));
      assert.match(error.message, /state\.json read-only: it belongs to user 1234/);
      assert.match(error.hint ?? "", /without --move/);
      return true;
    });
    await compareDirectories(given, twin);
    assert.equal((await stat(given)).ino, before.ino);
    assert.equal((await client.list({})).totalSize, 0n);
  }),
);

test("the data group can read the data by path, and nothing else", { skip }, () =>
  withPlaceOf(nobody, async (place) => {
    const daemonUser = { uid: nobody.uid, gid: group };
    const root = join(place, "root");
    const source = await makeSmallSource(join(place, "source"));
    const stranger: User = { uid: hypervisor.uid, gid: hypervisor.uid };
    const flags = { "data-group": String(group) };
    let old: string;
    {
      // This daemon stores a snapshot without a data group.
      await using daemon = await startDaemonProcess(root, {}, {}, daemonUser);
      await using client = connect(daemon.address);
      old = await createOn(client, source, "old");
      await daemon.kill();
    }
    await using daemon = await startDaemonProcess(root, flags, {}, daemonUser);
    await using client = connect(daemon.address);
    const given = await giveTo(await makeSmallSource(join(place, "given")), daemonUser);
    const created = await createOn(client, source, "up");
    await client.createFromDirectory({ directory: given, config: { name: "moved" } });
    for (const name of ["up", "moved", "old"]) {
      await using lease = await client.openDataDirectory(name);
      await compareStored(lease.directory, source);
      for (const file of await readdir(lease.directory)) {
        const path = join(lease.directory, file);
        assert.equal(attempt(hypervisor, read, path), "", `${name} ${file}`);
        assert.equal(attempt(hypervisor, append, path), "denied");
        assert.equal(attempt(stranger, read, path), "denied");
      }
      assert.equal(attempt(hypervisor, make, lease.directory), "denied");
      assert.equal(attempt(hypervisor, make, dirname(lease.directory)), "denied");
      assert.equal(attempt(hypervisor, list, dirname(lease.directory)), "denied");
    }
    const closed = (await readdir(root)).filter((name) => name !== "data");
    assert.ok(closed.includes("catalog.db") && closed.includes("staging"), closed.join());
    for (const name of closed) {
      assert.equal(attempt(hypervisor, read, join(root, name)), "denied", name);
      assert.equal(attempt(hypervisor, 'cd "$1"', join(root, name)), "denied", name);
    }
    for (const path of [root, join(root, "data")]) {
      assert.equal(attempt(hypervisor, list, path), "denied", path);
    }
    const snapshot = layoutOf(root).dataDirectory(created);
    assert.equal(attempt(hypervisor, read, join(snapshot, "manifest.json")), "denied");
    assert.equal(attempt(hypervisor, list, join(snapshot, "blocks")), "denied");
    await daemon.kill();
    // Without the option, the group loses its access again.
    await using without = await startDaemonProcess(root, {}, {}, daemonUser);
    const path = join(layoutOf(root).filesDirectory(old), "config.json");
    assert.equal(attempt(hypervisor, read, path), "denied");
    await without.kill();
  }),
);

test("a data group that the daemon's user is not in stops the start", { skip }, () =>
  withPlaceOf(nobody, async (place) => {
    const flags = { "data-group": String(group) };
    await assert.rejects(
      startDaemonProcess(join(place, "root"), flags, {}, nobody),
      /data_group: cannot give .* to group 54321/,
    );
  }),
);

/** Makes files with modes and owners that the store itself never uses. */
async function makeOdd(directory: string): Promise<string> {
  await makeSmallSource(directory);
  await chmod(join(directory, "state.json"), 0o2604);
  await chmod(join(directory, "cow.raw"), 0o000);
  await chmod(directory, 0o731);
  if (process.geteuid?.() !== 0) return directory;
  await giveTo(directory, { uid: 1234, gid: 4321 });
  await chmod(join(directory, "state.json"), 0o6604);
  return directory;
}

async function attributesIn(directory: string): Promise<Record<string, readonly number[]>> {
  const found: Record<string, readonly number[]> = {};
  for (const name of [".", ...(await readdir(directory))]) {
    const { mode, uid, gid, ino } = await stat(join(directory, name));
    found[name] = [mode & 0o7777, uid, gid, ino];
  }
  return found;
}

function request(name: string, storageBytes = 0): StoreRequest {
  const config = { ...emptyConfig(), name, storageBytes };
  return { config, requestId: "", onNameConflict: "fail", protected: false };
}

test("a directory that cannot be taken over regains its owners and modes", () =>
  withScratchDir(async (scratch) => {
    await using store = await reopen(join(scratch, "root"));
    const odd = await makeOdd(join(scratch, "odd"));
    const before = await attributesIn(odd);
    // The configuration gives the disk another size. The store detects this only after the rename.
    await failsWith(
      store.createFromDirectory(request("a", 7 * 1024 * 1024), { path: odd }, never),
      "ARCHIVE_INVALID",
    );
    assert.deepEqual(await attributesIn(odd), before);
    const { config, files } = await store.createFromDirectory(request("a"), { path: odd }, never);
    const stored = store.layout.filesDirectory(config.id);
    for (const name of [".", ...(await readdir(stored))]) {
      const { mode, uid } = await stat(join(stored, name));
      assert.equal(mode & 0o7777, name === "." ? 0o550 : 0o440, name);
      assert.equal(uid, process.geteuid?.(), name);
    }
    // The record contains the mode, and every exit from the store restores the mode.
    const modes = Object.fromEntries(files.map(({ name, mode }) => [name, mode]));
    assert.equal(modes["state.json"], 0o604);
    assert.equal(modes["cow.raw"], 0);
    await store.exportToDirectory("a", { path: join(scratch, "out") }, { force: false }, never);
    assert.equal(await modeOf(join(scratch, "out/state.json")), 0o604);
    assert.equal(await modeOf(join(scratch, "out/memory-ranges")), 0o600);
  }));

/** Changes a snapshot to the state in which versions before these modes left it. */
async function makeOld(store: SnapshotStore, id: string): Promise<void> {
  const directory = store.layout.filesDirectory(id);
  await chmod(directory, 0o700);
  for (const { name, mode } of store.inspect(id).files) {
    await chmod(join(directory, name), mode | 0o400);
  }
}

test("a store of an earlier version is valid, and its files are sealed when they are handed out", () =>
  withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const source = await makeSmallSource(join(scratch, "source"));
    {
      await using store = await reopen(root);
      for (const name of ["a", "b"]) {
        const { config } = await store.create(request(name), owned(packDirectory(source)), never);
        await makeOld(store, config.id);
      }
    }
    await assertClean(root);
    assert.deepEqual(await findingsIn(root), []);
    await using store = await reopen(root);
    const [a, b] = [store.inspect("a").config.id, store.inspect("b").config.id];
    assert.equal(await modeOf(store.layout.filesDirectory(a)), 0o700, "the start changes nothing");
    {
      await using open = await store.openDataDirectory("a", { force: false }, never);
      await compareStored(open.directory, source);
    }
    await store.scrub.run(0, never);
    await compareStored(store.layout.filesDirectory(b), source);
    // Once the files are sealed, every other mode is a finding.
    await chmod(join(store.layout.filesDirectory(b), "config.json"), 0o644);
    const kinds: string[] = [];
    for await (const event of store.check({ deep: false, limitBytesPerSecond: 0 }, never)) {
      if (event.kind === "finding") kinds.push(event.finding.kind);
    }
    assert.deepEqual(kinds, ["file_mode"]);
  }));
