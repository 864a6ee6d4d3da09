// Tests a root that disappears under a running daemon, or that another daemon takes over. The
// daemon detects the change before it publishes anything, answers with a reason, and harms neither
// store.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { HealthCheckResponse_ServingStatus as ServingStatus } from "../../gen/ts/grpc/health/v1/health_pb.js";
import { connect, isStoreError, type Client } from "../../src/client/index.js";
import { describeSelf } from "../../src/files/lock-holder.js";
import { assertClean } from "../support/clean.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { reopen } from "../support/reopen.js";
import { cannotMount, withScratchDir } from "../support/scratch.js";
import { makeSmallSource, packDirectory } from "./contents.js";

interface Scene {
  readonly directory: string;
  readonly root: string;
  readonly source: string;
  readonly daemon: DaemonProcess;
  readonly client: Client;
}

/** Starts a daemon with a snapshot `a`. The daemon's socket is not in its root. */
async function withDaemon(body: (scene: Scene) => Promise<void>, root?: string): Promise<void> {
  await withScratchDir(async (directory) => {
    const source = await makeSmallSource(join(directory, "source"));
    const at = root ?? join(directory, "root");
    await using daemon = await startDaemonProcess(at, { socket: join(directory, "s") });
    await using client = connect(daemon.address);
    await create(client, source, "a");
    await body({ directory, root: at, source, daemon, client });
  });
}

async function create(client: Client, source: string, name: string): Promise<void> {
  await client.create({ config: { name } }, packDirectory(source));
}

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const message of messages) void message;
}

/** Checks that every kind of call that would read or change the store fails. */
async function everythingFails({ client, source, directory }: Scene): Promise<void> {
  const calls: readonly (() => Promise<unknown>)[] = [
    () => create(client, source, "b"),
    () => client.delete({ refs: ["a"] }),
    () => client.update({ ref: "a", description: "x", updateMask: { paths: ["description"] } }),
    () => client.restore({ ref: "a" }),
    () => client.exportToDirectory({ ref: "a", directory: join(directory, "out") }),
    () => drain(client.verify({})),
    () => drain(client.check({})),
    () => drain(client.repair({})),
    () => client.collectGarbage({ policy: { evictAll: true } }),
  ];
  for (const call of calls) {
    const error = await failsWith(call(), "ROOT_UNAVAILABLE");
    assert.equal(error.code, "UNAVAILABLE");
  }
}

/** Waits until the daemon itself reports the loss of its root, which takes seconds. */
async function listFails(client: Client): Promise<void> {
  await eventually("List says that the root is not available", async () => {
    try {
      await client.list({});
      return false;
    } catch (error) {
      return isStoreError(error, "ROOT_UNAVAILABLE");
    }
  });
}

async function healthBecomes(client: Client, status: ServingStatus): Promise<void> {
  await eventually(
    `health says ${ServingStatus[status]}`,
    async () => (await client.checkHealth()).status === status,
  );
  const system = await client.checkHealth({ service: "stasis.v1.SystemService" });
  assert.equal(system.status, ServingStatus.SERVING);
}

async function listsOnly(client: Client, ...names: string[]): Promise<void> {
  const found = await eventually("List answers again", async () => {
    try {
      return (await client.list({})).snapshots;
    } catch (error) {
      if (!isStoreError(error, "ROOT_UNAVAILABLE")) throw error;
      return false;
    }
  });
  assert.deepEqual(found.map(({ config }) => config?.name).sort(), names);
}

test("the daemon detects a missing root at once, and serves it again when it is back", () =>
  withDaemon(async (scene) => {
    const { root, client, source, daemon } = scene;
    await rename(root, `${root}-moved`);
    const error = await failsWith(create(client, source, "b"), "ROOT_UNAVAILABLE");
    assert.match(error.message, /root is not available: there is nothing at its path/);
    assert.match(error.hint ?? "", /Put the directory .* back/);
    await everythingFails(scene);
    await listFails(client);
    await healthBecomes(client, ServingStatus.NOT_SERVING);
    await rename(`${root}-moved`, root);
    await listsOnly(client, "a");
    await healthBecomes(client, ServingStatus.SERVING);
    await create(client, source, "b");
    await listsOnly(client, "a", "b");
    daemon.signal("SIGTERM");
    assert.deepEqual(await daemon.exited, { code: 0, signal: null });
    await assertClean(root);
  }));

test("another store in its place stays unchanged, even when the daemon ends", () =>
  withDaemon(async (scene) => {
    const { root, directory, client, source, daemon } = scene;
    await rename(root, `${root}-moved`);
    // The other store is being served. Only its own daemon may delete its log.
    const other = await startDaemonProcess(root, { socket: join(directory, "other") });
    await using _other = other;
    await using otherClient = connect(other.address);
    await create(otherClient, source, "c");
    const log = await stat(join(root, "catalog.db-wal"));
    const error = await failsWith(create(client, source, "b"), "ROOT_UNAVAILABLE");
    assert.match(error.message, /another directory is at its path/);
    await everythingFails(scene);
    daemon.signal("SIGTERM");
    assert.deepEqual(await daemon.exited, { code: null, signal: "SIGKILL" });
    assert.equal((await stat(join(root, "catalog.db-wal"))).ino, log.ino);
    await create(otherClient, source, "d");
    await listsOnly(otherClient, "c", "d");
    await other.kill();
    {
      await using store = await reopen(root);
      assert.equal(store.list({ pageSize: 10 }).totalSize, 2);
    }
    for (const each of [root, `${root}-moved`]) {
      await (await reopen(each))[Symbol.asyncDispose]();
      await assertClean(each);
    }
    {
      await using store = await reopen(`${root}-moved`);
      assert.deepEqual(
        store.list({ pageSize: 10 }).snapshots.map(({ config }) => config.name),
        ["a"],
      );
    }
  }));

test("an upload that is running when the root is moved publishes nothing", () =>
  withDaemon(async ({ root, client, source }) => {
    let moved = false;
    const slow = async function* () {
      for await (const chunk of packDirectory(source)) {
        yield chunk;
        if (moved) continue;
        moved = true;
        await eventually(
          "the upload has begun",
          async () => (await readdir(join(root, "staging"))).length > 0,
        );
        await rename(root, `${root}-moved`);
        await mkdir(root, { mode: 0o700 });
      }
    };
    await failsWith(client.create({ config: { name: "b" } }, slow()), "ROOT_UNAVAILABLE");
    assert.deepEqual(await readdir(root), []);
    await rm(root, { recursive: true });
    await rename(`${root}-moved`, root);
    await listsOnly(client, "a");
  }));

test("a filesystem that is unmounted below the daemon", { skip: cannotMount("tmpfs") }, () =>
  withScratchDir(async (mountPoint) => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", mountPoint]);
    let mounted = true;
    try {
      await withDaemon(async (scene) => {
        execFileSync("umount", ["--lazy", mountPoint]);
        mounted = false;
        await everythingFails(scene);
        await listFails(scene.client);
        // The daemon creates nothing in the directory below the mount point.
        assert.deepEqual(await readdir(mountPoint), []);
      }, mountPoint);
    } finally {
      if (mounted) execFileSync("umount", [mountPoint]);
    }
  }),
);

test("a second daemon that the filesystem does not keep out stops the first", () =>
  withDaemon(async (scene) => {
    const { root, client, daemon } = scene;
    // This lock.info names a daemon on another machine, whose lock is not visible here.
    const other = { ...describeSelf(root), pid: 4711, host: "elsewhere", bootId: "another" };
    await rm(join(root, "lock.info"));
    await writeFile(join(root, "lock.info"), JSON.stringify(other));
    const error = await failsWith(create(client, scene.source, "b"), "ROOT_UNAVAILABLE");
    assert.match(error.message, /was taken over by process 4711 on elsewhere/);
    assert.equal(error.metadata["host"], "elsewhere");
    await everythingFails(scene);
    await listFails(client);
    // The other daemon may have written to the catalog, so this daemon's state stays invalid.
    await rm(join(root, "lock.info"));
    await everythingFails(scene);
    await writeFile(join(root, "lock.info"), JSON.stringify(other));
    daemon.signal("SIGTERM");
    assert.deepEqual(await daemon.exited, { code: null, signal: "SIGKILL" });
    const text = await readFile(join(root, "lock.info"), "utf8");
    assert.deepEqual(JSON.parse(text), other);
  }));

test("a deleted lock.info is written again, and the daemon continues", () =>
  withDaemon(async ({ root, client, source }) => {
    const path = join(root, "lock.info");
    const before = await readFile(path, "utf8");
    await rm(path);
    await create(client, source, "b");
    assert.equal(await readFile(path, "utf8"), before);
  }));
