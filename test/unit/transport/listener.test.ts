// Tests the listeners: modes of sockets, stale and live sockets, and ports in use.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstatSync } from "node:fs";
import { access, lstat, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { isStoreError } from "../../../src/base/errors.js";
import { bindService } from "../../../src/transport/handler.js";
import { createGrpcServer, type GrpcServer } from "../../../src/transport/server.js";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { methods, openClient, silent, unary } from "./harness.js";
import { serverDefaults } from "../../support/defaults.js";

interface Scratch extends AsyncDisposable {
  readonly directory: string;
}

async function openScratch(): Promise<Scratch> {
  const directory = await mkdtemp(join(tmpdir(), "stasis-listener-"));
  return {
    directory,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

function startListServer(): GrpcServer {
  return createGrpcServer({
    ...serverDefaults,
    implementations: [
      bindService(SnapshotService, {
        list: (_request, { peer }) => Promise.resolve({ nextPageToken: peer }),
      }),
    ],
    logger: silent,
  });
}

async function peerSeenAt(address: string): Promise<string> {
  const client = openClient(address);
  try {
    return (await unary(client, methods.list, {})).nextPageToken;
  } finally {
    client.close();
  }
}

async function modeOf(path: string): Promise<string> {
  return ((await lstat(path)).mode & 0o777).toString(8);
}

test("a Unix socket is private to its user, serves calls, and is removed when the server closes", async () => {
  await using scratch = await openScratch();
  const path = join(scratch.directory, "run", "stasis.sock");
  const server = startListServer();
  const { address } = await server.listenUnix(path);
  assert.equal(address, `unix:${path}`);
  assert.equal(await modeOf(path), "600");
  assert.equal(await modeOf(join(scratch.directory, "run")), "700");
  assert.equal(await peerSeenAt(address), "unix");
  await server.close();
  await assert.rejects(access(path), { code: "ENOENT" });
});

test("an existing directory keeps its mode", async () => {
  await using scratch = await openScratch();
  const directory = join(scratch.directory, "run");
  await mkdir(directory, { mode: 0o755 });
  await using server = startListServer();
  await server.listenUnix(join(directory, "stasis.sock"));
  assert.equal(await modeOf(directory), "755");
  assert.equal(await modeOf(join(directory, "stasis.sock")), "600");
});

test("the socket of a killed process is replaced", async () => {
  await using scratch = await openScratch();
  const path = join(scratch.directory, "stasis.sock");
  const script = `require("node:net").createServer().listen(process.argv[1], () => {
    process.kill(process.pid, "SIGKILL");
  })`;
  await once(spawn(process.execPath, ["-e", script, path]), "exit");
  assert.ok((await lstat(path)).isSocket());
  await using server = startListServer();
  const { address } = await server.listenUnix(path);
  assert.equal(await peerSeenAt(address), "unix");
});

test("a socket on which another process listens is not changed, and the error names it", async () => {
  await using scratch = await openScratch();
  const path = join(scratch.directory, "stasis.sock");
  await using first = startListServer();
  const { address } = await first.listenUnix(path);
  await using second = startListServer();
  await assert.rejects(second.listenUnix(path), (error) => {
    assert.ok(isStoreError(error, "FIELD_INVALID"));
    assert.ok(error.message.includes(path));
    return true;
  });
  assert.equal(await peerSeenAt(address), "unix");
});

test("a file that is not a socket is never removed", async () => {
  await using scratch = await openScratch();
  const path = join(scratch.directory, "precious");
  await writeFile(path, "data");
  await using server = startListServer();
  await assert.rejects(server.listenUnix(path), (error) => isStoreError(error, "FIELD_INVALID"));
  assert.ok((await lstat(path)).isFile());
});

test("a path that is too long for a socket is refused with both lengths", async () => {
  await using server = startListServer();
  await assert.rejects(server.listenUnix(`/tmp/${"a".repeat(120)}`), /107 bytes.*125 bytes/);
});

test("port 0 selects a free port, and the error for a port in use names it", async () => {
  await using first = startListServer();
  const { port, address } = await first.listenTcp({ host: "127.0.0.1", port: 0 });
  assert.ok(port > 0);
  assert.match(await peerSeenAt(address), /^127\.0\.0\.1:\d+$/);
  await using second = startListServer();
  await assert.rejects(second.listenTcp({ host: "127.0.0.1", port }), (error) => {
    assert.ok(isStoreError(error, "FIELD_INVALID"));
    assert.ok(error.message.includes(`127.0.0.1:${port}`));
    return true;
  });
});

test("an address of another machine is refused", async () => {
  await using server = startListServer();
  await assert.rejects(server.listenTcp({ host: "192.0.2.1", port: 0 }), (error) =>
    isStoreError(error, "FIELD_INVALID"),
  );
});

test("a socket is private to its owner from the beginning, whatever the umask is", async () => {
  await using scratch = await openScratch();
  const path = join(scratch.directory, "s.sock");
  const server = startListServer();
  const before = process.umask(0);
  const modes = new Set<number>();
  let listening = true;
  const look = (): void => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat !== undefined) modes.add(stat.mode & 0o777);
    if (listening) setImmediate(look);
  };
  try {
    look();
    await server.listenUnix(path, { mode: 0o600 });
    listening = false;
    look();
    assert.equal(process.umask(), 0);
  } finally {
    listening = false;
    process.umask(before);
    await server.close();
  }
  assert.deepEqual([...modes], [0o600]);
});
