// Tests SIGHUP on the real program, the effect of other signals, and warnings about files that
// others can change.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { connect, type Client } from "../../src/client/index.js";
import { trustProblems } from "../../src/config/file-trust.js";
import { changeTokenFile, makeToken } from "../../src/config/token-file.js";
import type { Role } from "../../src/model/access.js";
import { runModule } from "../support/child.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { makeScratch } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { collect, makeSmallSource, packDirectory } from "../store/contents.js";
import { mainPath } from "../unit/cli/run-stasis.js";
import { makeAuthority, type Authority, type CertificateFiles } from "./certificates.js";

interface Scene {
  readonly daemon: DaemonProcess;
  readonly scratch: string;
  readonly authority: Authority;
  /** The daemon uses these files, whose content the test replaces. */
  readonly server: { readonly cert: string; readonly key: string };
  readonly config: string;
  newToken(role: Role): string;
  client(address: string, options?: Parameters<typeof connect>[1]): Client;
}

async function install(files: CertificateFiles, to: Scene["server"]): Promise<void> {
  await copyFile(files.cert, to.cert);
  await copyFile(files.key, to.key);
}

async function startScene(t: TestContext, configText = ""): Promise<Scene> {
  const scratch = await makeScratch(t, "stasis-reload-");
  const authority = await makeAuthority(scratch, "authority");
  const server = { cert: join(scratch, "live.pem"), key: join(scratch, "live.key") };
  await install(await authority.issue("first", { names: "DNS:localhost,IP:127.0.0.1" }), server);
  const tokens = join(scratch, "tokens.json");
  const newToken = (role: Role): string => {
    const identity = { name: role, role, namePrefix: "", expiresAt: undefined };
    const { token, record } = makeToken(identity, new Date());
    changeTokenFile(tokens, (records) => [...records, record]);
    return token;
  };
  const config = join(scratch, "stasis.toml");
  await writeFile(config, configText);
  const daemon = await startDaemonProcess(join(scratch, "root"), {
    ...{ "server-cert": server.cert, "server-key": server.key, "client-ca": authority.cert },
    ...{ tokens, config },
  });
  t.after(() => daemon.kill());
  return {
    ...{ daemon, scratch, authority, server, config, newToken },
    client(address, options) {
      const client = connect(address, options);
      t.after(() => client.close());
      return client;
    },
  };
}

test("SIGHUP reloads certificates, tokens and tables, and a running stream continues", async (t) => {
  const scene = await startScene(t);
  const { daemon, authority, server, config } = scene;
  const token = scene.newToken("operator");
  const ca = await readFile(authority.cert);
  const client = scene.client(daemon.tcpAddress, { tls: { ca }, token });
  const tar = await collect(packDirectory(await makeSmallSource(join(scene.scratch, "source"))));
  let goOn = (): void => undefined;
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  async function* slowly(): AsyncGenerator<Uint8Array> {
    yield tar.subarray(0, tar.length / 2);
    await gate;
    yield tar.subarray(tar.length / 2);
  }
  const upload = client.create({ config: { name: "through" } }, slowly());
  const events = client.watch()[Symbol.asyncIterator]();
  await events.next();

  const strange = await makeAuthority(scene.scratch, "strange");
  await install(await strange.issue("next", { names: "DNS:localhost,IP:127.0.0.1" }), server);
  const bob = await authority.issue("bob");
  await writeFile(
    config,
    'gc_interval = "1h"\n[[identities]]\nname = "bob"\nrole = "reader"\ncertificates = ["CN=bob"]\n',
  );
  daemon.signal("SIGHUP");
  const [line] = await daemon.line(/^SIGHUP: read .*$/);
  for (const part of ["certificates", "[[identities]]", "tokens", "[[peers]]"]) {
    assert.ok(line.includes(part), `${part} in: ${line}`);
  }
  await daemon.line(/^SIGHUP: takes effect at the next start: gc_interval$/);
  // New connections get the new certificate, which the client's authority has not signed.
  const fresh = scene.client(daemon.tcpAddress, { tls: { ca }, token });
  await failsWith(fresh.list(), "DAEMON_UNREACHABLE");
  const trusting = scene.client(daemon.tcpAddress, {
    tls: {
      ca: await readFile(strange.cert),
      cert: await readFile(bob.cert),
      key: await readFile(bob.key),
    },
  });
  assert.equal((await trusting.list()).totalSize, 0n);
  goOn();
  const { snapshot } = await upload;
  assert.equal(snapshot?.config?.name, "through");
  const { value: event } = (await events.next()) as { value?: { snapshot?: unknown } };
  assert.ok(event?.snapshot, "the watch continues too");
});

test("SIGHUP keeps the old files if the new ones cannot be used, and reports that", async (t) => {
  const scene = await startScene(t);
  const { daemon, authority, server, scratch } = scene;
  const token = scene.newToken("reader");
  const ca = await readFile(authority.cert);
  const client = scene.client(daemon.tcpAddress, { tls: { ca }, token });
  assert.equal((await client.list()).totalSize, 0n);
  await writeFile(server.cert, "no certificate");
  await writeFile(join(scratch, "tokens.json"), "{");
  await writeFile(scene.config, "[[identities]]\nname = 1\n");
  daemon.signal("SIGHUP");
  await daemon.line(/^SIGHUP: certificates stays as it was: server_cert: .*$/);
  await daemon.line(/^SIGHUP: tokens .* stays as it was: the token file .* cannot be used.*$/);
  await daemon.line(/^SIGHUP: \[\[identities\]\] .* stays as it was: identities\[0\]\.name.*$/);
  const again = scene.client(daemon.tcpAddress, { tls: { ca }, token });
  assert.equal((await again.list()).totalSize, 0n);
});

test("SIGUSR1 opens no inspector; SIGUSR2 and an early SIGHUP do not end the daemon", async (t) => {
  const { daemon } = await startScene(t);
  for (const signal of ["SIGUSR1", "SIGUSR2", "SIGHUP"] as const) daemon.signal(signal);
  await daemon.line(/^SIGHUP: read /);
  // Node prints the address of its inspector, and needs some milliseconds to open it.
  await pause(500);
  assert.doesNotMatch(daemon.output(), /Debugger listening|ws:\/\//);
  await using client = connect(daemon.address);
  assert.equal((await client.list()).totalSize, 0n);
});

test("SIGHUP and SIGUSR1 while the program loads do not end it, and open no inspector", async (t) => {
  // Node loads all static imports before it runs any of them, so there must be no other import.
  const imports = (await readFile(mainPath, "utf8")).match(/^import .*$/gm);
  assert.deepEqual(imports, ['import "./base/early-signals.js";']);
  const scratch = await makeScratch(t, "stasis-early-");
  const args = ["serve", "--root", join(scratch, "root")];
  await using daemon = runModule(pathToFileURL(mainPath), args);
  await eventually("the program has its listener", () => catchesHangUp(daemon.pid));
  daemon.signal("SIGHUP");
  daemon.signal("SIGUSR1");
  await daemon.line(/^data in /);
  await daemon.line(/^SIGHUP: there is nothing to read again$/);
  assert.doesNotMatch(daemon.output(), /Debugger listening/);
});

/**
 * Returns true if the process handles SIGHUP: SigCgt of proc_pid_status(5), whose lowest bit is
 * signal 1.
 */
async function catchesHangUp(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const [, mask = "0"] = /^SigCgt:\s+([0-9a-f]+)$/m.exec(status) ?? [];
  return (BigInt(`0x${mask}`) & 1n) === 1n;
}

test("a log that cannot be written does not end the daemon", async (t) => {
  const scratch = await makeScratch(t, "stasis-log-");
  const socket = join(scratch, "s");
  const args = ["serve", "--root", join(scratch, "root"), "--socket", socket];
  const full = openSync("/dev/full", "w");
  const child = spawn(process.execPath, [mainPath, ...args, "--log-level", "trace"], {
    stdio: ["ignore", "ignore", full],
  });
  closeSync(full);
  t.after(() => child.kill("SIGKILL"));
  await using client = connect(`unix:${socket}`);
  await eventually("an answer", async () => {
    assert.equal(child.exitCode, null, "it still runs");
    return await client.list().then(
      () => true,
      () => false,
    );
  });
  for (let index = 0; index < 20; index += 1) await client.list();
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});

test("the daemon warns of files that others can change or replace, and of keys that others can read", async (t) => {
  const scratch = await makeScratch(t, "stasis-trust-");
  const path = join(scratch, "tokens.json");
  assert.deepEqual(trustProblems(path), [], "absent");
  await writeFile(path, "{}", { mode: 0o600 });
  assert.deepEqual(trustProblems(path, { secret: true }), []);
  await chmod(path, 0o644);
  assert.deepEqual(trustProblems(path), []);
  assert.deepEqual(trustProblems(path, { secret: true }), ["every user can read it"]);
  await chmod(path, 0o602);
  assert.deepEqual(trustProblems(path), ["every user can change it"]);
  await chmod(path, 0o620);
  assert.match(trustProblems(path).join(), /^group \d+ can change it$/);
  await chmod(path, 0o600);
  const open = join(scratch, "open");
  await mkdir(open);
  await chmod(open, 0o777);
  await rename(path, join(open, "tokens.json"));
  const replaced = trustProblems(join(open, "tokens.json"));
  assert.ok(replaced.includes(`every user can replace it in ${open}`), replaced.join());
  await chmod(open, 0o1777);
  assert.deepEqual(trustProblems(join(open, "tokens.json")), [], "a sticky directory");
});

test("the daemon warns at its start and at SIGHUP", async (t) => {
  const scene = await startScene(t);
  const { daemon, scratch } = scene;
  scene.newToken("reader");
  await chmod(join(scratch, "tokens.json"), 0o666);
  daemon.signal("SIGHUP");
  await daemon.line(/"option":"tokens".*every user can change it/);
  // Only the owner can read the keys that openssl writes, so the daemon does not warn about them.
  assert.doesNotMatch(daemon.output(), /"option":"server_cert"/);
  await chmod(scene.server.key, 0o644);
  await using next = await startDaemonProcess(join(scratch, "next"), {
    "server-cert": scene.server.cert,
    "server-key": scene.server.key,
    tokens: join(scratch, "tokens.json"),
  });
  await next.line(/"option":"tokens".*every user can change it/);
  await next.line(/"option":"server_key".*every user can read it/);
});

test(
  "the daemon warns of another user's token file",
  {
    skip: process.getuid?.() === 0 ? false : "skipped: takes root",
  },
  async (t) => {
    const scratch = await makeScratch(t, "stasis-trust-");
    const path = join(scratch, "tokens.json");
    await writeFile(path, "{}", { mode: 0o600 });
    await chown(path, 65_534, 65_534);
    assert.deepEqual(trustProblems(path), ["user 65534 can change it"]);
  },
);

/**
 * Runs the daemon in a terminal whose leader forwards its hang-up, as a shell does. Prints how the
 * daemon ended.
 */
const terminal = `
import os, pty, signal, subprocess, sys, time
leader, screen = pty.fork()
if leader == 0:
    daemon = subprocess.Popen(sys.argv[2:])
    signal.signal(signal.SIGHUP, lambda *_: daemon.send_signal(signal.SIGHUP))
    with open(sys.argv[1], "w") as result:
        result.write(str(daemon.wait()))
    os._exit(0)
shown = b""
while b"data in" not in shown:
    shown += os.read(screen, 4096)
os.close(screen)
os.waitpid(leader, 0)
print(open(sys.argv[1]).read())
`;

test(
  "a daemon whose terminal hangs up stops cleanly",
  {
    skip: spawnSync("python3", ["-c", "import pty"]).status === 0 ? false : "skipped: no python3",
  },
  async (t) => {
    const scratch = await makeScratch(t, "stasis-terminal-");
    const root = join(scratch, "root");
    const program = [process.execPath, mainPath, "serve", `--root=${root}`, "--log-level=warn"];
    const args = ["-c", terminal, join(scratch, "result"), ...program];
    const { status, stdout, stderr } = spawnSync("python3", args, {
      encoding: "utf8",
      timeout: 120_000,
      killSignal: "SIGKILL",
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout.trim(), "-1", "ended by SIGHUP");
    assert.ok(!existsSync(join(root, "stasis.sock")), "after it had closed its socket");
  },
);
