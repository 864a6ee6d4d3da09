// Tests that a root that another user can change or replace is refused. Any other root is made
// private, whatever the umask is.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, chown, lstat, lchown, mkdir, readdir, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openLayout } from "../../../src/files/layout.js";
import { run } from "../../support/child.js";
import { startDaemonProcess } from "../../support/daemon-process.js";
import { failsWith } from "../../support/errors.js";
import { withScratchDir } from "../../support/scratch.js";

const nobody = 65534;
const isRoot = process.geteuid?.() === 0;
const needsRoot = isRoot ? false : "giving files to other users needs root";

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

test("a root that others can only read becomes private, and a data group keeps its access", () =>
  withScratchDir(async (directory) => {
    const root = join(directory, "root");
    for (const [before, after] of [
      [0o755, 0o700],
      [0o711, 0o700],
      [0o500, 0o700],
      [0o710, 0o710],
    ] as const) {
      await mkdir(root, { recursive: true });
      await chmod(root, before);
      await openLayout(root);
      assert.equal(await modeOf(root), after, before.toString(8));
    }
  }));

test("a root that others can write to is refused, and nothing is created in it", () =>
  withScratchDir(async (directory) => {
    const root = join(directory, "root");
    await mkdir(root);
    await chmod(root, 0o777);
    const error = await failsWith(openLayout(root), "ROOT_UNSAFE");
    assert.match(error.message, /root is not safe: all users can write to it/);
    assert.match(error.hint ?? "", /chmod 700 .*root/);
    assert.deepEqual(await readdir(root), []);
    assert.equal(await modeOf(root), 0o777);
    await chmod(root, 0o1777);
    await failsWith(openLayout(root), "ROOT_UNSAFE");
  }));

test("a group with other users counts as other users", { skip: needsRoot }, () =>
  withScratchDir(async (directory) => {
    const root = join(directory, "root");
    await mkdir(root);
    await chown(root, 0, nobody);
    await chmod(root, 0o770);
    const error = await failsWith(openLayout(root), "ROOT_UNSAFE");
    assert.match(error.message, /the group with id 65534 can write to it/);
    // If this user is the only member of the group, the root is safe, and it becomes private.
    await chown(root, 0, 0);
    await openLayout(root);
    assert.equal(await modeOf(root), 0o700);
  }),
);

test("a root of another user is refused", { skip: needsRoot }, () =>
  withScratchDir(async (directory) => {
    const root = join(directory, "root");
    await mkdir(root);
    await chown(root, nobody, 0);
    const error = await failsWith(openLayout(root), "ROOT_UNSAFE");
    assert.match(error.message, /belongs to the user with id 65534, and this process runs as 0/);
    assert.match(error.hint ?? "", /chown -R 0 /);
  }),
);

test("a directory above the root is refused if others can replace the root in it", () =>
  withScratchDir(async (directory) => {
    const above = join(directory, "above");
    const root = join(above, "between", "root");
    await mkdir(above);
    await chmod(above, 0o777);
    const error = await failsWith(openLayout(root), "ROOT_UNSAFE");
    assert.match(error.message, /all users can write to .*above, and put another one in its place/);
    assert.deepEqual(await readdir(above), [], "it was made nevertheless");
    // As in /tmp, only owners can rename their entries.
    await chmod(above, 0o1777);
    await openLayout(root);
    assert.equal(await modeOf(join(above, "between")), 0o700);
    if (!isRoot) return;
    await chown(above, nobody, 0);
    const owned = await failsWith(openLayout(root), "ROOT_UNSAFE");
    assert.match(owned.message, /above belongs to the user with id 65534/);
    await chown(above, 0, 0);
    // A link that belongs to another user may change its target at any time.
    await mkdir(join(directory, "mine"));
    await symlink(join(directory, "mine"), join(above, "link"));
    await openLayout(join(above, "link"));
    await lchown(join(above, "link"), nobody, 0);
    // Some kernels refuse to follow this link by themselves.
    await assert.rejects(openLayout(join(above, "link")), { reason: /ROOT_UNSAFE|IO_FAILED/ });
  }));

/**
 * Returns the path and the mode of each entry below `root` that is too open. Leaves out sockets,
 * because they have options of their own.
 */
async function openEntries(root: string): Promise<string[]> {
  const open: string[] = [];
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  assert.ok(entries.length > 10);
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const mode = (await lstat(path)).mode & 0o777;
    const isStored = /\/data\/[^/]+\/files(\/|$)/.test(path);
    // Stored files may be readable, even for a group, because the path to them is private.
    const allowed = isStored ? 0o550 : entry.isDirectory() ? 0o700 : 0o640;
    if (!entry.isSocket() && (mode & ~allowed) !== 0) open.push(`${path} ${mode.toString(8)}`);
  }
  return open;
}

const program = fileURLToPath(new URL("../../../src/main.js", import.meta.url));

for (const umask of ["000", "777"]) {
  test(`with the umask ${umask} all files of a daemon are private to its user`, () =>
    withScratchDir(async (directory) => {
      const [root, socket] = [join(directory, "root"), join(directory, "s")];
      const source = join(directory, "source");
      await mkdir(source);
      execFileSync("sh", ["-c", `echo disk > "$0/cow.raw"; chmod 644 "$0/cow.raw"`, source]);
      const args = ["serve", "--root", root, "--listen", "none", "--socket", socket];
      const shell = `umask ${umask}; exec "$0" "$@"`;
      await using daemon = run("sh", ["-c", shell, process.execPath, program, ...args]);
      await daemon.line(/^data in /);
      assert.equal(await modeOf(root), 0o700);
      const address = `unix:${socket}`;
      const create = ["create", source, "--name", "a", "--addr", address];
      const { status, stderr } = spawnSync(process.execPath, [program, ...create], {
        encoding: "utf8",
      });
      assert.equal(status, 0, stderr);
      assert.deepEqual(await openEntries(root), []);
      assert.equal((await lstat(socket)).mode & 0o777, 0o600);
      daemon.signal("SIGTERM");
      await daemon.exited;
      assert.deepEqual(await openEntries(root), []);
    }));
}

test("serve refuses an unsafe root in one line, and so does an offline repair", () =>
  withScratchDir(async (directory) => {
    const root = join(directory, "root");
    {
      await using daemon = await startDaemonProcess(root, { socket: join(directory, "s") });
      daemon.signal("SIGTERM");
      await daemon.exited;
    }
    await chmod(root, 0o777);
    for (const args of [
      ["serve", "--root", root, "--listen", "none"],
      ["repair", "--root", root],
    ]) {
      const { status, stderr } = spawnSync(process.execPath, [program, ...args], {
        encoding: "utf8",
      });
      assert.equal(status, 5, stderr);
      assert.match(stderr, /^stasis: the root .*root is not safe: all users can write to it$/m);
      assert.equal(stderr.trim().split("\n").length, 2, stderr);
    }
  }));
