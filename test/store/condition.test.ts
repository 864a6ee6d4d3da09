// Tests a store whose disk is read-only, full or unreadable: calls fail with the matching reason,
// and health reports the state, by service and as a whole.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthCheckResponse,
} from "../../gen/ts/grpc/health/v1/health_pb.js";
import { ErrorReason } from "../../gen/ts/stasis/v1/errors_pb.js";
import { connect, type Client } from "../../src/client/index.js";
import { run } from "../support/child.js";
import { assertClean } from "../support/clean.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { failsWith } from "../support/errors.js";
import { eventually } from "../support/eventually.js";
import { exhaust, undoExhaust } from "../support/fill.js";
import { makeImage, mountImage, unmountImage } from "../support/filesystem.js";
import { reopen } from "../support/reopen.js";
import { cannotMount, cannotStrace, withFilesystem, withScratchDir } from "../support/scratch.js";
import { mainPath, runStasis } from "../unit/cli/run-stasis.js";
import { makeSmallSource, packDirectory } from "./contents.js";
import { withStoredScene } from "./stored-scene.js";

const skip = cannotMount("ext4");

interface DiskScene {
  readonly directory: string;
  readonly source: string;
  readonly root: string;
  mount(...options: string[]): Promise<void>;
  unmount(): Promise<void>;
}

/** Mounts an ext4 image for the root of a store. */
function withDisk(body: (scene: DiskScene) => Promise<void>): Promise<void> {
  return withScratchDir(async (directory) => {
    const image = join(directory, "image");
    const mountPoint = join(directory, "mnt");
    await mkdir(mountPoint);
    await makeImage("ext4", image, 64);
    let mounted = false;
    const mount = async (...options: string[]): Promise<void> => {
      if (options.length === 0) await mountImage(image, mountPoint);
      else execFileSync("mount", ["-o", ["loop", ...options].join(), image, mountPoint]);
      mounted = true;
    };
    const unmount = async (): Promise<void> => {
      if (mounted) await unmountImage(image, mountPoint);
      mounted = false;
    };
    try {
      const source = await makeSmallSource(join(directory, "source"));
      await mount();
      await body({ directory, source, root: join(mountPoint, "root"), mount, unmount });
    } finally {
      await unmount();
    }
  });
}

async function create(client: Client, source: string, name: string): Promise<void> {
  await client.create({ config: { name } }, packDirectory(source));
}

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const message of messages) void message;
}

const services = {
  whole: "",
  snapshots: "stasis.v1.SnapshotService",
  writes: "stasis.v1.SnapshotService/writes",
  collections: "stasis.v1.GcService",
  replication: "stasis.v1.ReplicationService",
  system: "stasis.v1.SystemService",
};

/** Returns the names of the services that do not serve. */
async function stopped(client: Client): Promise<string[]> {
  const entries = await Promise.all(
    Object.entries(services).map(async ([name, service]) => {
      const { status }: HealthCheckResponse = await client.checkHealth({ service });
      return status === ServingStatus.SERVING ? [] : [name];
    }),
  );
  return entries.flat();
}

async function becomesStopped(client: Client, ...names: string[]): Promise<void> {
  let found: string[] = [];
  await eventually(`health says that these do not serve: ${names.join(", ")}`, async () => {
    found = await stopped(client);
    return found.join() === names.join();
  });
}

async function reasons(client: Client): Promise<(string | undefined)[]> {
  return (await client.getInfo()).problems.map(({ reason }) => ErrorReason[reason]);
}

/**
 * Checks how `stasis health` shows a read-only store: each service, the reason, and an exit code.
 */
async function healthSays(address: string): Promise<void> {
  const health = (...args: string[]) => runStasis(["--addr", address, "health", ...args]);
  const { code, stdout, stderr } = await health();
  assert.equal(code, 6, stderr);
  const lines = [
    "^SERVING +the daemon as a whole$",
    "^SERVING +stasis\\.v1\\.SnapshotService$",
    "^NOT_SERVING +stasis\\.v1\\.SnapshotService/writes$",
    "^NOT_SERVING +stasis\\.v1\\.GcService$",
    "^STORE_READ_ONLY since ",
  ];
  for (const line of lines) assert.match(stdout, new RegExp(line, "m"));
  assert.match(stderr, /^stasis: not served: \S+GcService, \S+SnapshotService\/writes\n$/);
  assert.equal((await health("stasis.v1.SnapshotService/writes")).code, 6);
  assert.equal((await health("stasis.v1.SystemService")).code, 0);
  assert.equal((await health("")).code, 0);
}

test(
  "a filesystem becomes read-only: health reports this without a call, reads work, writes fail",
  { skip },
  () =>
    withDisk(async ({ directory, source, root, mount, unmount }) => {
      {
        await using daemon = await startDaemonProcess(root, { socket: join(directory, "s") });
        await using client = connect(daemon.address);
        await create(client, source, "a");
        assert.deepEqual(await stopped(client), []);
        // This remount has the effect that an error of the disk has on ext4.
        execFileSync("mount", ["-o", "remount,abort", join(root, "..")]);
        await becomesStopped(client, "writes", "collections");
        assert.deepEqual(await reasons(client), ["STORE_READ_ONLY"]);
        await healthSays(daemon.address);
        const writing: readonly (() => Promise<unknown>)[] = [
          () => create(client, source, "b"),
          () => client.delete({ refs: ["a"] }),
          () =>
            client.update({ ref: "a", description: "x", updateMask: { paths: ["description"] } }),
          () => client.collectGarbage({ policy: { maxTotalBytes: 1n } }),
        ];
        for (const call of writing) {
          const error = await failsWith(call(), "STORE_READ_ONLY");
          assert.equal(error.code, "FAILED_PRECONDITION");
        }
        assert.equal((await client.list({})).snapshots.length, 1);
        await client.restore({ ref: "a" });
        await drain(client.verify({ ref: "a" }));
        daemon.signal("SIGTERM");
        assert.deepEqual(await daemon.exited, { code: 0, signal: null }, daemon.output());
      }
      await unmount();
      await mount();
      {
        await using store = await reopen(root);
        assert.deepEqual(
          store.list({ pageSize: 10 }).snapshots.map(({ config }) => config.name),
          ["a"],
        );
      }
      await assertClean(root);
    }),
);

/** Lists all entries below the root, with their sizes and modification times. */
async function listing(root: string): Promise<string[]> {
  const names = (await readdir(root, { recursive: true })).sort();
  return Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(root, name));
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
}

for (const end of ["SIGTERM", "SIGKILL"] as const) {
  test(
    `a read-only mount of a store after ${end}: check works, other calls fail with the reason`,
    { skip },
    () =>
      withDisk(async ({ directory, source, root, mount, unmount }) => {
        {
          await using daemon = await startDaemonProcess(root, { socket: join(directory, "s") });
          await using client = connect(daemon.address);
          await create(client, source, "a");
          daemon.signal(end);
          await daemon.exited;
        }
        await unmount();
        await mount("ro");
        const before = await listing(root);
        const temporary = join(directory, "tmp");
        await mkdir(temporary);
        const env = { TMPDIR: temporary };
        const check = await runStasis(["check", "--root", root, "--deep"], { env });
        assert.equal(check.stdout, "1 snapshot, no problems\n", check.stderr);
        assert.equal(check.code, 0);
        const dryRun = await runStasis(["repair", "--root", root, "--dry-run"], { env });
        assert.equal(dryRun.code, 0, dryRun.stderr);
        assert.deepEqual(await readdir(temporary), [], "a copy of the catalog was left behind");
        const refused = [
          ["serve", "--root", root, `--socket=${join(directory, "s")}`],
          ["serve", "--root", join(root, "..", "new"), `--socket=${join(directory, "s")}`],
          ["repair", "--root", root],
        ];
        for (const args of refused) {
          const { code, stderr } = await runStasis(args);
          assert.equal(code, 5, stderr);
          assert.match(stderr, /^stasis: .*read-only.*\nhint: .*mount it read-write.*\n$/m);
          assert.doesNotMatch(stderr, /^ +at /m, "a stack trace");
        }
        assert.deepEqual(await listing(root), before);
      }),
  );
}

test(
  "health reports a full filesystem until there is space",
  {
    skip: cannotMount("tmpfs"),
  },
  () =>
    withFilesystem("tmpfs", 64, async (mountPoint) => {
      const root = join(mountPoint, "root");
      const source = await makeSmallSource(join(mountPoint, "source"));
      await using daemon = await startDaemonProcess(root, { reserve: "1MiB" });
      await using client = connect(daemon.address);
      await create(client, source, "a");
      const filler = join(mountPoint, "filler");
      await exhaust("bytes", filler, { btrfs: false });
      await becomesStopped(client, "writes");
      assert.deepEqual(await reasons(client), ["STORAGE_FULL"]);
      await failsWith(create(client, source, "b"), "STORAGE_FULL");
      await client.delete({ refs: ["a"] });
      await undoExhaust(filler);
      await becomesStopped(client);
      assert.deepEqual(await reasons(client), []);
      await create(client, source, "b");
    }),
);

test(
  "a disk that cannot read the catalog does not count as a damaged catalog",
  {
    skip: cannotStrace(),
  },
  () =>
    withStoredScene(async ({ root, layout, scratch }) => {
      const before = (await stat(layout.catalogDatabase)).ino;
      const socket = join(scratch, "s");
      for (const from of ["2+", "6+", "12+"]) {
        await using strace = run("strace", [
          ...["-f", "-o", "/dev/null", "-P", layout.catalogDatabase],
          ...["-e", "trace=pread64", "-e", `inject=pread64:error=EIO:when=${from}`],
          ...[process.execPath, mainPath, "serve", `--root=${root}`, `--socket=${socket}`],
        ]);
        await strace.exited;
        assert.match(
          strace.output(),
          /^stasis: .*(disk reported an error|disk cannot read|error code)/m,
        );
        assert.doesNotMatch(strace.output(), /is damaged/);
      }
      assert.equal((await stat(layout.catalogDatabase)).ino, before, "it was set aside");
      assert.deepEqual(await readdir(layout.quarantineRoot), []);
      await using store = await reopen(root);
      assert.equal(store.list({ pageSize: 10 }).totalSize, 2);
    }),
);
