// Tests failed writes of the catalog's log. The answer to the caller stays true over a restart, and
// the daemon continues without a restart.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { connect, isStoreError, type Client, type StoreError } from "../../src/client/index.js";
import { run, type Child } from "../support/child.js";
import { assertClean } from "../support/clean.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { reopen } from "../support/reopen.js";
import { cannotStrace, withScratchDir } from "../support/scratch.js";
import { makeSmallSource, packDirectory } from "./contents.js";

const skip = cannotStrace();

interface Scene {
  readonly daemon: DaemonProcess;
  readonly client: Client;
  readonly root: string;
  readonly source: string;
}

/** Starts a daemon with the snapshot `web`, whose description is "before". */
function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  return withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const source = await makeSmallSource(join(scratch, "source"));
    {
      // The daemon writes no access times meanwhile, because those commits would be counted too.
      await using daemon = await startDaemonProcess(root, { "access-flush": "1h" });
      await using client = connect(daemon.address);
      await client.create(
        { config: { name: "web", description: "before" } },
        packDirectory(source),
      );
      await body({ daemon, client, root, source });
    }
    await assertClean(root);
  });
}

/**
 * Makes syncs of the log fail. `when` is in strace's notation: "1" is the next sync, and "1+" is
 * every sync from the next one on.
 */
async function failSyncs({ daemon, root }: Scene, when: string): Promise<Child> {
  const strace = run("strace", [
    ...["-f", "-p", String(daemon.pid), "-P", join(root, "catalog.db-wal")],
    ...["-e", "trace=fsync,fdatasync", "-e", `inject=fsync,fdatasync:error=EIO:when=${when}`],
  ]);
  await strace.line(/^strace: Process \d+ attached/);
  return strace;
}

async function endOf(strace: Child): Promise<void> {
  strace.signal("SIGTERM");
  await strace.exited;
}

function describe(client: Client, description: string): Promise<unknown> {
  return client.update({ ref: "web", description, updateMask: { paths: ["description"] } });
}

async function failure(call: Promise<unknown>): Promise<StoreError> {
  const error = await call.then(
    () => assert.fail("it was answered"),
    (caught: unknown) => caught,
  );
  assert.ok(isStoreError(error, "IO_FAILED"), String(error));
  return error;
}

async function describedAs(client: Client): Promise<string | undefined> {
  return (await client.inspect("web")).snapshot?.config?.description;
}

test("a commit whose sync fails is refused, and has no effect after the next start", { skip }, () =>
  withScene(async (scene) => {
    const { client, daemon, root } = scene;
    await using strace = await failSyncs(scene, "1");
    const error = await failure(describe(client, "failed"));
    assert.equal(error.metadata["commit"], undefined, "nobody knows what became of it");
    assert.match(error.message, /nothing has changed/);
    await endOf(strace);
    assert.match(strace.output(), /INJECTED/);
    // No later commit has overwritten the remains of the failed one.
    await daemon.kill();
    await using store = await reopen(root);
    assert.equal(store.inspect("web").config.description, "before");
  }),
);

test("after a failed commit the daemon continues without a restart", { skip }, () =>
  withScene(async (scene) => {
    const { client, daemon, root, source } = scene;
    for (const when of ["1", "2", "3"]) {
      // The commits of an upload are its reservation, its record, and later changes.
      await using strace = await failSyncs(scene, when);
      const config = { name: `n${when}` };
      await client.create({ config }, packDirectory(source)).catch((error: unknown) => {
        assert.ok(isStoreError(error, "IO_FAILED"), String(error));
        assert.equal(error.metadata["commit"], undefined);
      });
      await endOf(strace);
      const config2 = { name: `m${when}` };
      await client.create({ config: config2 }, packDirectory(source));
    }
    await describe(client, "after");
    await daemon.kill();
    await using store = await reopen(root);
    assert.equal(store.inspect("web").config.description, "after");
    for (const name of ["m1", "m2", "m3", "n3"]) store.inspect(name);
    for (const name of ["n1", "n2"]) {
      assert.throws(() => store.inspect(name), { reason: "SNAPSHOT_NOT_FOUND" });
    }
  }),
);

test(
  "while every sync fails, reads continue; afterwards writes work without a restart",
  { skip },
  () =>
    withScene(async (scene) => {
      const { client, daemon, root } = scene;
      await using strace = await failSyncs(scene, "1+");
      const unknown = await failure(describe(client, "unknown"));
      assert.equal(unknown.metadata["commit"], "unknown");
      const refused = await failure(describe(client, "refused"));
      assert.match(refused.message, /an earlier write to the catalog failed/);
      assert.match(refused.hint ?? "", /repair the disk/);
      assert.equal(refused.metadata["commit"], undefined);
      assert.equal(await describedAs(client), "before");
      await endOf(strace);
      await describe(client, "mended");
      assert.equal(await describedAs(client), "mended");
      await daemon.kill();
      await using store = await reopen(root);
      assert.equal(store.inspect("web").config.description, "mended");
    }),
);
