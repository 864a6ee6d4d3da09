// Tests the program's errors for a user who may not use a daemon's socket or read its store.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { startTestDaemon } from "../support/daemon.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { cannotActAsNobody, nobody } from "../support/other-user.js";
import { cannotMount, patternBytes } from "../support/scratch.js";
import { runStasis, type Finished } from "../unit/cli/run-stasis.js";

const skip = cannotActAsNobody();
const denied = 10;

async function asNobody(...args: string[]): Promise<Finished> {
  return await runStasis(args, { uid: nobody, cwd: "/" });
}

async function makeScratch(t: TestContext): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), "stasis-access-"));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  return scratch;
}

test(
  "the error for a forbidden socket names its owner, and how to get access",
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

test("check --root of another user's store reports a permission error", { skip }, async (t) => {
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
  "serve in another user's directory and an unreadable local file are permission errors too",
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

test(
  "the exit code for each forbidden local file is 10, and the error names the owner",
  { skip },
  async (t) => {
    const scratch = await makeScratch(t);
    await chmod(scratch, 0o755);
    const at = (name: string): string => join(scratch, name);
    /** Other users cannot read this file, or write beside it. */
    await writeFile(at("secret"), '{"version":1,"tokens":[]}', { mode: 0o600 });
    await mkdir(at("closed"), { mode: 0o700 });
    await mkdir(at("shut"), { mode: 0o755 });
    await mkdir(at("mine"));
    await chown(at("mine"), nobody, nobody);
    await writeFile(at("mine/foreign"), '{"version":1,"tokens":[]}');
    await chmod(at("mine/foreign"), 0o666);
    await writeFile(at("mine/tokens"), '{"version":1,"tokens":[]}', { mode: 0o644 });
    const read =
      /^hint: Run this as root, or let the user nobody read it; \S+secret belongs to root:/m;
    const write =
      /^hint: Run this as root, or let the user nobody write there; \S+ belongs to root:/m;
    const token = ["token", "create", "x", "--role", "reader", "--tokens"];
    const tls = [
      "--server-key",
      at("secret"),
      "--listen",
      "127.0.0.1:0",
      "--tokens",
      at("mine/tokens"),
    ];
    const serve = ["serve", "--root", at("mine/root")];
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["token", "ls", "--tokens", at("secret")], read],
      [[...token, at("secret")], write],
      [[...token, at("shut/new")], write],
      // Only root can give the new file to the owner of the old one.
      [[...token, at("mine/foreign")], write],
      [["token", "revoke", "x", "--tokens", at("secret")], write],
      [["serve", "--config", at("secret")], read],
      [[...serve, "--tokens", at("secret")], read],
      [[...serve, "--server-cert", at("secret"), ...tls], read],
      [[...serve, "--socket", at("shut/s")], write],
      [[...serve, "--socket", at("closed/s")], write],
      [["--token-file", at("secret"), "info"], read],
      [["--tls-ca", at("secret"), "info"], read],
      [["create", at("closed/x")], /let the user nobody read there; \S+closed belongs to root/],
      [["create", at("shut"), "--config", at("secret")], read],
      [["export", "x", "-o", at("shut/x")], write],
      [["restore", "x", "--to", at("shut/x")], /write into: \S+ permission denied: \S+\/shut\n/],
      [["export", "x", "--to-dir", at("shut")], /write into: \S+ permission denied: \S+\/shut\n/],
    ];
    for (const [args, hint] of cases) {
      const { code, stderr } = await asNobody(...args);
      assert.equal(code, denied, `${args.join(" ")}: ${stderr}`);
      assert.match(stderr, hint, args.join(" "));
      assert.doesNotMatch(stderr, /If no other|partial|fault of the program/);
    }
  },
);

test("a token file that cannot be written for another reason has another hint", async (t) => {
  const scratch = await makeScratch(t);
  const tokens = join(scratch, "tokens");
  const token = ["token", "create", "x", "--role", "reader", "--tokens"];
  await writeFile(`${tokens}.new`, "");
  const busy = await runStasis([...token, tokens]);
  assert.equal(busy.code, 7);
  assert.match(busy.stderr, /If no other `stasis token` is running, remove \S+tokens\.new/);
  const missing = await runStasis([...token, join(scratch, "none", "tokens")]);
  assert.equal(missing.code, 7);
  assert.match(missing.stderr, /^hint: Make the directory \S+none first/m);
});

test(
  "a daemon that may not write into a caller's directory reports this and names the directory",
  { skip },
  async (t) => {
    const scratch = await makeScratch(t);
    await chown(scratch, nobody, nobody);
    const [shut, source] = [join(scratch, "shut"), join(scratch, "source")];
    await mkdir(source);
    await writeFile(join(source, "memory"), "memory");
    await mkdir(shut);
    await chmod(scratch, 0o755);
    const user = { uid: nobody, gid: nobody };
    await using daemon = await startDaemonProcess(join(scratch, "root"), {}, undefined, user);
    const run = (...args: string[]) => asNobody("--addr", daemon.address, ...args);
    assert.equal((await run("create", source, "--name", "a")).code, 0);
    const { code, stderr } = await run("export", "a", "--to-dir", shut, "--on-node");
    assert.equal(code, denied, stderr);
    assert.match(stderr, /cannot write into the target directory: EACCES: .*shut\n/);
    assert.match(stderr, /hint: Let the user that opens it write there\n$/);
    assert.doesNotMatch(daemon.output(), /"level":"error"/);
  },
);

test(
  "an error about a directory that is written names this directory, not its parent",
  { skip: cannotMount("tmpfs") },
  async (t) => {
    const { address, scratch } = await startTestDaemon(t);
    const [source, small] = [join(scratch, "source"), join(scratch, "small")];
    await mkdir(source);
    await writeFile(join(source, "memory"), patternBytes(3_000_000, 1));
    await mkdir(small);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
    try {
      const run = (...args: string[]) => runStasis(["--addr", address, ...args]);
      assert.equal((await run("create", source, "--name", "a")).code, 0);
      for (const args of [
        ["restore", "a", "--to", join(small, "new")],
        ["export", "a", "--to-dir", join(small, "new")],
        ["export", "a", "--verify", "--to-dir", small],
      ]) {
        const { code, stderr } = await run(...args);
        assert.equal(code, 8, stderr);
        assert.match(stderr, new RegExp(`ENOSPC.*: ${args.at(-1)}/memory\n`));
        assert.doesNotMatch(stderr, /partial/);
        assert.deepEqual(await readdir(small), []);
      }
    } finally {
      execFileSync("umount", [small]);
    }
  },
);
