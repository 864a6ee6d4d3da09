// Tests `stasis open` when its lease is interrupted by a proxy, a stopped daemon or a deletion, and
// when it receives signals.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { connect as connectSocket, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect, type Client } from "../../../src/client/index.js";
import { startTestDaemon } from "../../support/daemon.js";
import { failsWith } from "../../support/errors.js";
import { eventually } from "../../support/eventually.js";
import { finished, runStasis, startOnTerminal, startStasis, type Finished } from "./run-stasis.js";

interface Proxy {
  readonly address: string;
  /** Closes all connections, and accepts new ones. */
  cut(): void;
  /** Closes all connections, and refuses new ones until `reopen`. */
  close(): void;
  reopen(): void;
}

async function startProxy(t: TestContext, path: string, daemonAddress: string): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let open = true;
  const server = createServer((near) => {
    if (!open) {
      near.destroy();
      return;
    }
    const far = connectSocket(daemonAddress.slice("unix:".length));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  t.after(() => {
    cut();
    server.close();
  });
  return {
    address: `unix:${path}`,
    cut,
    close: () => {
      open = false;
      cut();
    },
    reopen: () => {
      open = true;
    },
  };
}

interface Scene {
  readonly client: Client;
  readonly proxy: Proxy;
  readonly scratch: string;
  /** Starts `stasis open` through the proxy. */
  open(...args: string[]): Opened;
}

interface Opened {
  readonly child: ChildProcess;
  readonly ended: Promise<Finished>;
  stdout(): string;
  stderr(): string;
}

async function openScene(t: TestContext): Promise<Scene> {
  const { address, scratch } = await startTestDaemon(t);
  const client = connect(address);
  t.after(() => client.close());
  const source = join(scratch, "source");
  await mkdir(source);
  await writeFile(join(source, "memory"), "of a machine");
  const created = await runStasis(["--addr", address, "create", source, "--name", "vm"]);
  assert.equal(created.code, 0, created.stderr);
  const proxy = await startProxy(t, join(scratch, "proxy.sock"), address);
  return {
    client,
    proxy,
    scratch,
    open: (...args) => {
      const words = ["--addr", proxy.address, "open", "vm", ...args];
      const child = startStasis(words, { cwd: scratch, detached: true });
      t.after(() => child.kill("SIGKILL"));
      let stdout = "";
      let stderr = "";
      child.stdout?.on("data", (text: Buffer) => (stdout += text.toString()));
      child.stderr?.on("data", (text: Buffer) => (stderr += text.toString()));
      return { child, ended: finished(child), stdout: () => stdout, stderr: () => stderr };
    },
  };
}

/**
 * Prints a line, and waits for the file `done` for at most a minute. Then prints the file `memory`,
 * and exits with 7.
 */
const command = [
  "--",
  "sh",
  "-c",
  'echo running >&2; n=0; while [ ! -e done ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done; cat "$STASIS_DATA_DIR/memory"; exit 7',
];

const isHeld = (client: Client): Promise<unknown> =>
  failsWith(client.delete({ refs: ["vm"] }), "SNAPSHOT_IN_USE");

/** Tries the deletion repeatedly, because the daemon notices the end of a lease a little later. */
async function remove(client: Client): Promise<void> {
  await eventually("the deletion", () =>
    client.delete({ refs: ["vm"] }).then(
      () => true,
      () => false,
    ),
  );
}

test("open acquires an interrupted lease again without an effect on the command", async (t) => {
  const { client, proxy, scratch, open } = await openScene(t);
  const opened = open(...command);
  await eventually("the command", () => opened.stderr().includes("running"));
  for (const round of [1, 2, 3]) {
    if (round === 2) {
      // The proxy behaves like a daemon that restarts.
      proxy.close();
      await eventually("the loss", () => opened.stderr().split("has ended").length === round + 1);
      proxy.reopen();
    } else {
      proxy.cut();
    }
    await eventually("the lease", () => opened.stderr().split("held again").length === round + 1);
    await isHeld(client);
  }
  await writeFile(join(scratch, "done"), "");
  const { code, stdout, stderr } = await opened.ended;
  assert.deepEqual([code, stdout], [7, "of a machine"]);
  // Each time, the program prints how long it will try while nothing protects the files.
  const unprotected = /for up to 60 s to acquire it again\. Until then nothing protects the files/g;
  assert.equal(stderr.match(unprotected)?.length, 3, stderr);
  await remove(client);
});

test("open fails and ends the command if its snapshot was deleted meanwhile", async (t) => {
  const { client, proxy, open } = await openScene(t);
  const opened = open(...command);
  await eventually("the command", () => opened.stderr().includes("running"));
  proxy.close();
  await remove(client);
  proxy.reopen();
  const { code, stdout, stderr } = await opened.ended;
  assert.deepEqual([code, stdout], [3, ""], stderr);
  assert.match(
    stderr,
    /the lease on \w+ is lost, and its files may be removed: .*; sending SIGTERM/,
  );
});

test("open without a command acquires the lease again, and fails if the snapshot is deleted", async (t) => {
  const { client, proxy, open } = await openScene(t);
  const opened = open();
  await eventually("the lease", () => opened.stderr().includes("held open"));
  proxy.cut();
  await eventually("the lease again", () => opened.stderr().includes("held again"));
  await isHeld(client);
  proxy.close();
  await remove(client);
  proxy.reopen();
  const { code, stderr } = await opened.ended;
  assert.equal(code, 3, stderr);
  assert.match(stderr, /Stop what still reads them/);
});

test("a command that ends while the lease is interrupted succeeds only if the snapshot still exists", async (t) => {
  for (const gone of [false, true]) {
    const { client, proxy, scratch, open } = await openScene(t);
    const opened = open(...command);
    await eventually("the command", () => opened.stderr().includes("running"));
    proxy.close();
    await eventually("the loss", () => opened.stderr().includes("has ended"));
    await writeFile(join(scratch, "done"), "");
    await eventually("the command's end", () => opened.stdout() === "of a machine");
    await eventually("the note", () => /sh has ended with 7; waiting/.test(opened.stderr()));
    if (gone) await remove(client);
    proxy.reopen();
    assert.equal((await opened.ended).code, gone ? 3 : 7);
  }
});

test("a signal ends open if its command has ended and the lease is still interrupted", async (t) => {
  const { proxy, scratch, open } = await openScene(t);
  const opened = open(...command);
  await eventually("the command", () => opened.stderr().includes("running"));
  proxy.close();
  await eventually("the loss", () => opened.stderr().includes("has ended"));
  await writeFile(join(scratch, "done"), "");
  await eventually("the note", () => opened.stderr().includes("waiting for the lease"));
  opened.child.kill("SIGINT");
  await opened.ended;
  assert.equal(opened.child.signalCode, "SIGINT");
});

/**
 * Counts the signal for two seconds after it first arrives, prints each count, and exits with 9. If
 * no signal arrives, exits after a minute.
 */
const counting = (name: string): string => `
n=0; left=600
trap 'n=$((n+1)); echo "got $n" >&2; [ $n = 1 ] && left=20' ${name}
echo running >&2
while [ $left -gt 0 ]; do sleep 0.1; left=$((left-1)); done
exit 9
`;

test("a signal that only open receives reaches its command once, and open ends like the command", async (t) => {
  const { open } = await openScene(t);
  for (const name of ["INT", "TERM", "HUP", "QUIT"] as const) {
    const opened = open("--", "sh", "-c", counting(name));
    await eventually("the command", () => opened.stderr().includes("running"));
    opened.child.kill(`SIG${name}`);
    const { code, stderr } = await opened.ended;
    assert.deepEqual([code, stderr.match(/got \d/g)], [9, ["got 1"]], stderr);
  }
  const opened = open(...command);
  await eventually("the command", () => opened.stderr().includes("running"));
  opened.child.kill("SIGINT");
  assert.equal((await opened.ended).code, 130);
});

test("Ctrl-C on a terminal reaches the command of open once", async (t) => {
  const { proxy, scratch } = await openScene(t);
  const script = join(scratch, "counting.sh");
  await writeFile(script, counting("INT"));
  const child = startOnTerminal(["--addr", proxy.address, "open", "vm", "--", "sh", script]);
  t.after(() => child.kill("SIGKILL"));
  let shown = "";
  child.stdout?.on("data", (text: Buffer) => (shown += text.toString()));
  const ended = finished(child);
  await eventually("the command", () => shown.includes("running"));
  child.stdin?.write("\x03");
  const { code } = await ended;
  assert.deepEqual([code, shown.match(/got \d/g)], [9, ["got 1"]], shown);
});
