// stasis open while its lease is cut off: by a proxy, by a daemon that is away, by a deletion
// meanwhile.
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
import { finished, runStasis, startStasis, type Finished } from "./run-stasis.js";

interface Proxy {
  readonly address: string;
  /** Ends all connections; new ones are let through. */
  cut(): void;
  /** Ends all connections, and refuses new ones until `reopen`. */
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
  /** `stasis open` through the proxy. */
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
      const child = startStasis(["--addr", proxy.address, "open", "vm", ...args], { cwd: scratch });
      t.after(() => child.kill("SIGKILL"));
      let stdout = "";
      let stderr = "";
      child.stdout?.on("data", (text: Buffer) => (stdout += text.toString()));
      child.stderr?.on("data", (text: Buffer) => (stderr += text.toString()));
      return { child, ended: finished(child), stdout: () => stdout, stderr: () => stderr };
    },
  };
}

/** Says when it runs, and ends by itself when the file `done` is there, or after a minute. */
const command = [
  "--",
  "sh",
  "-c",
  'echo running >&2; n=0; while [ ! -e done ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done; cat "$STASIS_DATA_DIR/memory"; exit 7',
];

const isHeld = (client: Client): Promise<unknown> =>
  failsWith(client.delete({ refs: ["vm"] }), "SNAPSHOT_IN_USE");

/** The daemon notices a moment later that a lease has ended. */
async function remove(client: Client): Promise<void> {
  await eventually("the deletion", () =>
    client.delete({ refs: ["vm"] }).then(
      () => true,
      () => false,
    ),
  );
}

test("open takes a lease again that was cut off, and the command notices nothing", async (t) => {
  const { client, proxy, scratch, open } = await openScene(t);
  const opened = open(...command);
  await eventually("the command", () => opened.stderr().includes("running"));
  for (const round of [1, 2, 3]) {
    if (round === 2) {
      // As a daemon that restarts.
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
  const { code, stdout } = await opened.ended;
  assert.deepEqual([code, stdout], [7, "of a machine"]);
  await remove(client);
});

test("open fails, and ends the command, when what it holds was deleted meanwhile", async (t) => {
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

test("open without a command takes the lease again, and fails when there is nothing to hold", async (t) => {
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

test("a command that ends while the lease is cut off counts only if the snapshot is still there", async (t) => {
  for (const gone of [false, true]) {
    const { client, proxy, scratch, open } = await openScene(t);
    const opened = open(...command);
    await eventually("the command", () => opened.stderr().includes("running"));
    proxy.close();
    await eventually("the loss", () => opened.stderr().includes("has ended"));
    await writeFile(join(scratch, "done"), "");
    await eventually("the command's end", () => opened.stdout() === "of a machine");
    if (gone) await remove(client);
    proxy.reopen();
    assert.equal((await opened.ended).code, gone ? 3 : 7);
  }
});
