// Tests that a retry after an upgrade finds the first outcome: an earlier build answers the first
// call with a request id, and this build answers the second.
import assert from "node:assert/strict";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { connect, OnNameConflict, type Client } from "../../src/client/index.js";
import { packDirectory } from "../store/contents.js";
import { startDaemonProcess } from "../support/daemon-process.js";
import { buildCommit, cannotBuild } from "../support/earlier-build.js";
import { failsWith } from "../support/errors.js";
import { withScratchDir } from "../support/scratch.js";
import { drainPull, pull } from "../replication/nodes.js";

/** This is the last commit whose fingerprints have version 1. */
const earlier = "d40fdb0";

interface Scene {
  readonly client: Client;
  readonly directory: string;
  /** The address of a daemon with the snapshot `there`. */
  readonly peer: string;
}

/** Describes a call with a request id. `call` returns the id of the snapshot in the answer. */
interface Call {
  readonly what: string;
  readonly requestId: string;
  call(scene: Scene, requestId: string): Promise<string | undefined>;
  /** Makes the same call with another value in one field. */
  other(scene: Scene, requestId: string): Promise<unknown>;
}

const full = {
  name: "full",
  description: "größer",
  image: "debian:12",
  imageBlobIds: ["b", "a", "b"],
  cpu: 4,
  memory: 1024n,
  noDirectIo: true,
  labels: { vm: "web-1", a: "b" },
};

const calls: readonly Call[] = [
  {
    what: "Create",
    requestId: "00000000-0000-4000-8000-000000000001",
    call: async ({ client, directory }, requestId) => {
      const header = { config: { name: "plain" }, requestId };
      const { snapshot } = await client.create(header, packDirectory(join(directory, "vm")));
      return snapshot?.config?.id;
    },
    other: ({ client, directory }, requestId) => {
      const header = { config: { name: "plain", cpu: 1 }, requestId };
      return client.create(header, packDirectory(join(directory, "vm")));
    },
  },
  {
    what: "Create with all fields",
    requestId: "00000000-0000-4000-8000-000000000002",
    call: async ({ client, directory }, requestId) => {
      const header = {
        ...{ config: full, requestId, protected: true },
        onNameConflict: OnNameConflict.REPLACE,
      };
      const { snapshot } = await client.create(header, packDirectory(join(directory, "vm")));
      return snapshot?.config?.id;
    },
    other: ({ client, directory }, requestId) => {
      const header = { config: full, requestId, protected: true };
      return client.create(header, packDirectory(join(directory, "vm")));
    },
  },
  {
    what: "CreateFromDirectory",
    requestId: "00000000-0000-4000-8000-000000000003",
    call: async ({ client, directory }, requestId) => {
      const request = { directory: join(directory, "moved"), config: { name: "moved" }, requestId };
      return (await client.createFromDirectory(request)).snapshot?.config?.id;
    },
    other: ({ client, directory }, requestId) =>
      client.createFromDirectory({
        ...{ directory: join(directory, "vm"), config: { name: "moved" }, requestId },
      }),
  },
  {
    what: "ImportFromDirectory",
    requestId: "00000000-0000-4000-8000-000000000004",
    call: async ({ client, directory }, requestId) => {
      const request = { directory: join(directory, "archive"), name: "imported", requestId };
      return (await client.importFromDirectory(request)).snapshot?.config?.id;
    },
    other: ({ client, directory }, requestId) =>
      client.importFromDirectory({ directory: join(directory, "archive"), name: "x", requestId }),
  },
  {
    what: "Pull",
    requestId: "00000000-0000-4000-8000-000000000005",
    call: async ({ client, peer }, requestId) => {
      const pulled = await pull({ client }, { source: peer, ref: "there", requestId });
      return pulled.snapshot.config?.id;
    },
    other: ({ client, peer }, requestId) =>
      drainPull(client, { source: peer, ref: "there", name: "x", requestId }),
  },
  {
    what: "TakeToDirectory",
    requestId: "00000000-0000-4000-8000-000000000006",
    call: async ({ client, directory }, requestId) => {
      const request = { ref: "extra", directory: join(directory, "taken"), requestId };
      return (await client.takeToDirectory(request)).snapshot?.config?.id;
    },
    other: ({ client, directory }, requestId) =>
      client.takeToDirectory({ ref: "extra", directory: join(directory, "taken2"), requestId }),
  },
];

async function makeFiles(directory: string): Promise<void> {
  for (const name of ["vm", "archive"]) {
    await mkdir(join(directory, name));
    await writeFile(join(directory, name, "state.json"), `{"of": "${name}"}`);
  }
  await cp(join(directory, "vm"), join(directory, "moved"), { recursive: true });
  const envelope = { config: { name: "archive" }, version: 1, files: ["state.json"] };
  await writeFile(join(directory, "archive", "snapshot.json"), JSON.stringify(envelope));
}

test(
  "a retry after the upgrade finds the outcome of the earlier build",
  {
    skip: cannotBuild(earlier, "any Node"),
  },
  () =>
    withScratchDir(async (directory) => {
      await makeFiles(directory);
      await using peer = await startDaemonProcess(join(directory, "peer"));
      await using there = connect(peer.tcpAddress);
      await there.create({ config: { name: "there" } }, packDirectory(join(directory, "vm")));
      const root = join(directory, "root");
      const program = pathToFileURL(await buildCommit(earlier, join(directory, "build")));
      const ids = new Map<string, string | undefined>();
      {
        await using old = await startDaemonProcess(root, {}, undefined, {}, program);
        await using client = connect(old.address);
        const scene = { client, directory, peer: peer.tcpAddress };
        await client.create({ config: { name: "extra" } }, packDirectory(join(directory, "vm")));
        for (const { what, requestId, call } of calls) ids.set(what, await call(scene, requestId));
        old.signal("SIGTERM");
        await old.exited;
      }
      await using daemon = await startDaemonProcess(root);
      await using client = connect(daemon.address);
      const scene = { client, directory, peer: peer.tcpAddress };
      const before = (await client.list()).totalSize;
      for (const { what, requestId, call, other } of calls) {
        assert.notEqual(ids.get(what) ?? "", "", what);
        assert.equal(await call(scene, requestId), ids.get(what), what);
        await failsWith(other(scene, requestId), "REQUEST_ID_REUSED");
      }
      assert.equal((await client.list()).totalSize, before);
    }),
);
