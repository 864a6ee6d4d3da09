// What the program says to a user who may not use a daemon's socket, or look at its store.
import assert from "node:assert/strict";
import { chmod, chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startTestDaemon } from "../support/daemon.js";
import { cannotActAsNobody, nobody } from "../support/other-user.js";
import { runStasis, type Finished } from "../unit/cli/run-stasis.js";

const skip = cannotActAsNobody();
const denied = 10;

async function asNobody(...args: string[]): Promise<Finished> {
  return await runStasis(args, { uid: nobody, cwd: "/" });
}

test(
  "a socket that may not be opened says whose it is, and how to be let in",
  { skip },
  async (t) => {
    const { address, scratch, root } = await startTestDaemon(t);
    const path = address.replace(/^unix:/, "");
    await chmod(scratch, 0o755);

    await chmod(root, 0o700);
    const closed = await asNobody("ls", "--addr", address);
    assert.equal(closed.code, denied, closed.stderr);
    assert.match(closed.stderr, /^stasis: permission denied on the socket .*: it is below .*root/);
    assert.match(closed.stderr, /belongs to root:root \(mode 0700\)\nhint: Run this as root/);

    await chmod(root, 0o711);
    await chmod(path, 0o600);
    const own = await asNobody("ls", "--addr", address);
    assert.equal(own.code, denied, own.stderr);
    assert.match(
      own.stderr,
      /^stasis: permission denied on the socket \S+, which belongs to root:root/,
    );
    assert.match(own.stderr, /hint: .*--socket-group/);

    await chown(path, 0, 1);
    await chmod(path, 0o660);
    const group = await asNobody("ls", "--addr", address, "--json");
    assert.equal(group.code, denied);
    const { error } = JSON.parse(group.stderr) as { error: Record<string, string> };
    assert.deepEqual([error["code"], error["reason"]], ["PERMISSION_DENIED", "ACCESS_DENIED"]);
    assert.match(error["hint"] ?? "", /Add yourself to the group \S+ \(sudo usermod -aG /);

    await chmod(path, 0o666);
    assert.equal((await asNobody("ls", "--addr", address)).code, 0);
  },
);

test("check --root of another user's store says permission", { skip }, async (t) => {
  const { daemon, root, scratch } = await startTestDaemon(t);
  await daemon.stop();
  await chmod(scratch, 0o755);
  for (const mode of [0o700, 0o711]) {
    await chmod(root, mode);
    for (const command of [["check"], ["repair"], ["repair", "--dry-run"]]) {
      const { code, stderr } = await asNobody(...command, "--root", root);
      assert.equal(code, denied, stderr);
      assert.match(stderr, /^stasis: permission denied on the store in .*, which belongs to root:/);
      assert.match(stderr, /hint: Run this as root, or with sudo\n$/);
    }
  }
  await chmod(root, 0o700);
  const unreachable = await asNobody("check", "--root", join(root, "below"));
  assert.equal(unreachable.code, denied, unreachable.stderr);
  assert.match(unreachable.stderr, /: it is below .*root, which belongs to root:/);
});

test(
  "serve in another user's directory, and a local file, are permission errors too",
  { skip },
  async (t) => {
    const { scratch, daemon } = await startTestDaemon(t);
    await daemon.stop();
    const mine = join(scratch, "mine");
    await mkdir(mine, { mode: 0o700 });
    await chmod(scratch, 0o755);
    for (const root of [mine, join(mine, "below"), join(scratch, "new")]) {
      const { code, stderr } = await asNobody("serve", "--root", root);
      assert.equal(code, denied, stderr);
    }
    const { code, stderr } = await asNobody("create", join(mine, "vm"), "--addr", "127.0.0.1:1");
    assert.equal(code, denied, stderr);
  },
);
