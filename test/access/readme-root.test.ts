// Tests that a user who types README's lines as root gives no access to other users of the machine.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { chmod, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { makeSmallSource } from "../store/contents.js";
import { runModule } from "../support/child.js";
import { makeScratch } from "../support/daemon.js";
import { cannotActAsNobody, nobody } from "../support/other-user.js";
import { mainPath, runStasis } from "../unit/cli/run-stasis.js";

const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
const intruder = fileURLToPath(new URL("./intruder.js", import.meta.url));

/**
 * Returns the TCP ports on which a process listens, from /proc/PID/net and the sockets among its
 * descriptors.
 */
function listeningPorts(pid: number): number[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  const rows = ["tcp", "tcp6"].flatMap((name) =>
    readFileSync(`/proc/${pid}/net/${name}`, "utf8").trim().split("\n").slice(1),
  );
  return rows.flatMap((row) => {
    const [, local = "", , state, , , , , , inode = ""] = row.trim().split(/\s+/);
    const listens = state === "0A" && own.has(inode);
    return listens ? [Number.parseInt(local.split(":").at(-1) ?? "", 16)] : [];
  });
}

test(
  "a daemon that root starts with README's line is closed to other users",
  { skip: cannotActAsNobody() },
  async (t) => {
    const scratch = await makeScratch(t, "stasis-readme-");
    // The parent is readable as /var/lib is, so the store's own directory must protect itself.
    await chmod(scratch, 0o755);
    const at = (name: string): string => join(scratch, name);
    const [, line = ""] = /^stasis (serve --root \/var\/lib\/stasis)$/m.exec(readme) ?? [];
    assert.notEqual(line, "", "README starts a daemon");
    const args = line.replace("/var/lib/stasis", at("stasis")).split(" ");
    const mask = process.umask(0o022);
    try {
      await using daemon = startAsRoot(args);
      const [, socket = ""] = await daemon.line(/^listening on unix:(.*)$/);
      await daemon.line(/^data in /);
      const stasis = async (...command: string[]) => {
        const { code, stderr } = await runStasis(["--addr", `unix:${socket}`, ...command]);
        assert.equal(code, 0, stderr);
      };
      await makeSmallSource(at("vm"));
      await stasis("create", at("vm"), "--name", "kept");
      await stasis("restore", "kept", "--to", at("restored"));
      await stasis("export", "kept", "-o", at("kept.tar"));
      await stasis("export", "kept", "--to-dir", at("exported"));
      await stasis("token", "create", "ci", "--role", "reader", "--tokens", at("tokens.json"));
      for (const [name, mode] of Object.entries({
        ...{ stasis: 0o700, restored: 0o700, exported: 0o700 },
        ...{ "kept.tar": 0o600, "tokens.json": 0o600 },
      })) {
        assert.equal(statSync(at(name)).mode & 0o777, mode, name);
      }

      const [secret, target] = [at("secret"), at("target")];
      await makeSmallSource(secret);
      await chmod(secret, 0o700);
      await mkdir(target, { mode: 0o700 });
      const ports = listeningPorts(daemon.pid);
      const doors = {
        program: mainPath,
        root: at("stasis"),
        socket,
        pid: daemon.pid,
        secret,
        target,
        ports,
      };
      const outcomes = await intrude(doors);
      assert.ok(Object.keys(outcomes).length >= 14, JSON.stringify(outcomes));
      const open = Object.entries(outcomes).filter(([, outcome]) => outcome !== "refused");
      assert.deepEqual(open, []);
      assert.deepEqual(ports, []);
      assert.equal((await readdir(secret)).length, 4);
      assert.deepEqual(await readdir(target), []);
      await stasis("inspect", "kept");
    } finally {
      process.umask(mask);
    }
  },
);

/** Starts the program without any STASIS_ variable of the machine, because README sets none. */
function startAsRoot(args: readonly string[]) {
  const none = Object.keys(process.env).filter((name) => name.startsWith("STASIS_"));
  const program = new URL("../../src/main.js", import.meta.url);
  return runModule(program, args, Object.fromEntries(none.map((name) => [name, ""])));
}

async function intrude(doors: object): Promise<Record<string, string>> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [intruder, JSON.stringify(doors)],
    {
      ...{ uid: nobody, gid: nobody, cwd: "/" },
      env: { PATH: process.env["PATH"], HOME: "/nonexistent" },
      timeout: 300_000,
    },
  );
  return JSON.parse(stdout) as Record<string, string>;
}
