// Tests which directories of the node the daemon uses for each kind of caller.
import assert from "node:assert/strict";
import { chmod, chown, mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect, type Client } from "../../src/client/index.js";
import type { RawValue } from "../../src/config/option.js";
import { startTestDaemon, type TestDaemon } from "../support/daemon.js";
import { failsWith } from "../support/errors.js";
import { cannotActAsNobody, nobody } from "../support/other-user.js";
import { makeSmallSource, packDirectory } from "../store/contents.js";
import { runStasis, type Finished } from "../unit/cli/run-stasis.js";
import { startScene, type AccessScene } from "./callers.js";

const skip = cannotActAsNobody();

function clientOf(t: TestContext, address: string, token?: string): Client {
  const client = connect(address, token === undefined ? {} : { token });
  t.after(() => client.close());
  return client;
}

/**
 * Returns the calls, each on a usable directory, so that only the caller decides the outcome. The
 * snapshot `web` must exist.
 */
function directoryCalls(client: Client, at: (name: string) => string) {
  return {
    CreateDeltaFromDirectory: () =>
      client.createDeltaFromDirectory({ directory: at("vm"), parent: "web" }),
    CreateFromDirectory: () => client.createFromDirectory({ directory: at("vm") }),
    ImportFromDirectory: () => client.importFromDirectory({ directory: at("exported") }),
    ExportToDirectory: () => client.exportToDirectory({ ref: "web", directory: at("out") }),
    CloneToDirectory: () => client.cloneToDirectory({ ref: "web", directory: at("clone") }),
    // This call comes last, because it takes the snapshot out of the store.
    TakeToDirectory: () => client.takeToDirectory({ ref: "web", directory: at("taken") }),
  };
}

/** Fills `vm` with data files and `exported` with an export. The other directories do not exist. */
async function fillPlace(client: Client, place: string): Promise<void> {
  await mkdir(place, { recursive: true });
  await makeSmallSource(join(place, "vm"));
  await makeSmallSource(join(place, "exported"));
  await writeFile(join(place, "exported", "snapshot.json"), '{"version":1,"config":{}}');
  const { totalSize } = await client.list({ filter: { namePrefix: "web" } });
  if (totalSize === 0n) {
    await client.create({ config: { name: "web" } }, packDirectory(join(place, "vm")));
  }
}

async function assertUntouched(place: string): Promise<void> {
  assert.deepEqual((await readdir(place)).sort(), ["exported", "vm"]);
  assert.equal((await readdir(join(place, "vm"))).length, 4);
}

test("without a credential over TCP no directory is allowed, and no path is revealed", async (t) => {
  for (const allowed of [false, true]) {
    const flags: Record<string, RawValue> = allowed ? { "allowed-directories": ["/"] } : {};
    const daemon = await startTestDaemon(t, flags);
    const operator = clientOf(t, daemon.address);
    await fillPlace(operator, join(daemon.scratch, "place"));
    const client = clientOf(t, daemon.tcpAddress);
    const calls = directoryCalls(client, (name) => join(daemon.scratch, "place", name));
    for (const call of Object.values(calls)) {
      const error = await failsWith(call(), "CREDENTIALS_INVALID");
      assert.match(error.hint ?? "", /Unix socket/);
    }
    await failsWith(client.openDataDirectory("web"), "CREDENTIALS_INVALID");
    await assertUntouched(join(daemon.scratch, "place"));
    assert.equal((await client.getInfo()).root, "");
    assert.equal((await client.inspect("web")).snapshot?.dataDir, "");
    assert.notEqual((await operator.inspect("web")).snapshot?.dataDir, "");
  }
});

test("a caller without a credential cannot make the daemon connect to a socket of the node", async (t) => {
  const daemon = await startTestDaemon(t);
  const client = clientOf(t, daemon.tcpAddress);
  const operator = clientOf(t, daemon.address);
  await fillPlace(operator, join(daemon.scratch, "place"));
  const all = async (messages: AsyncIterable<unknown>): Promise<void> => {
    for await (const message of messages) assert.ok(message);
  };
  // The daemon's own socket is open to the daemon's user. Through it, the caller would have that
  // user's rights.
  const own = daemon.address;
  for (const call of [
    () => client.pull({ source: own, ref: "web" }),
    () => client.push({ target: own, ref: "web", source: daemon.tcpAddress }),
    () => client.push({ target: daemon.tcpAddress, ref: "web", source: own }),
    () => client.pull({ source: "unix:/var/run/docker.sock", ref: "web" }),
  ]) {
    await failsWith(all(call()), "CREDENTIALS_INVALID");
  }
  await failsWith(all(operator.pull({ source: own, ref: "absent" })), "SNAPSHOT_NOT_FOUND");
});

interface Allowed extends AccessScene {
  readonly place: string;
  readonly operator: Client;
  readonly socket: Client;
}

async function startAllowed(t: TestContext, allowed: boolean): Promise<Allowed> {
  const scratch = await startTestDaemon(t);
  const place = join(scratch.scratch, "place");
  const flags: Record<string, RawValue> = allowed ? { "allowed-directories": [place] } : {};
  const scene = await startScene(t, { flags });
  const token = scene.newToken({ name: "ops", role: "operator", namePrefix: "" });
  const operator = scene.client(scene.tcpAddress, { tls: scene.tls(), token });
  const socket = scene.client(scene.address);
  await fillPlace(socket, place);
  return { ...scene, place, operator, socket };
}

test("a token may use no directory, even over the Unix socket, unless allowed_directories is set", async (t) => {
  const scene = await startAllowed(t, false);
  const { place, operator } = scene;
  const token = scene.newToken({ name: "more", role: "operator", namePrefix: "" });
  for (const client of [operator, scene.client(scene.address, { token })]) {
    const calls = directoryCalls(client, (name) => join(place, name));
    for (const call of Object.values(calls)) {
      const error = await failsWith(call(), "ROLE_INSUFFICIENT");
      assert.match(error.hint ?? "", /Set allowed_directories/);
    }
  }
  await assertUntouched(place);
  // The daemon's own user and root may use any directory.
  for (const call of Object.values(directoryCalls(scene.socket, (name) => join(place, name)))) {
    await call();
  }
});

test("allowed_directories applies to every caller, even to root over the socket", async (t) => {
  const { place, operator, socket } = await startAllowed(t, true);
  for (const client of [operator, socket]) {
    const beside = `${place}-beside`;
    await fillPlace(socket, beside);
    for (const at of [beside, `${place}/../place-beside`]) {
      for (const call of Object.values(directoryCalls(client, (name) => join(at, name)))) {
        const error = await failsWith(call(), "FIELD_INVALID");
        assert.match(error.message, /allowed_directories/);
      }
    }
    await assertUntouched(beside);
    // The error does not reveal whether a file outside exists.
    const about = async (directory: string) =>
      (await failsWith(client.createFromDirectory({ directory }), "FIELD_INVALID")).message;
    const absent = join(beside, "absent");
    assert.equal(
      (await about(absent)).replace(absent, "X"),
      (await about(join(beside, "vm"))).replace(join(beside, "vm"), "X"),
    );
    for (const call of Object.values(directoryCalls(client, (name) => join(place, name)))) {
      await call();
    }
    for (const made of ["out", "clone", "taken"]) await rm(join(place, made), { recursive: true });
    await makeSmallSource(join(place, "vm"));
    await rm(beside, { recursive: true });
  }
});

test("no symbolic link below an allowed directory is followed", async (t) => {
  const { place, operator, socket, scratch } = await startAllowed(t, true);
  const secret = join(scratch, "secret");
  await fillPlace(socket, secret);
  await symlink(secret, join(place, "leads-out"));
  await symlink(join(place, "vm"), join(place, "link"));
  await symlink(join(secret, "absent"), join(place, "leads-nowhere"));
  for (const client of [operator, socket]) {
    const through = join(place, "leads-out");
    for (const call of Object.values(directoryCalls(client, (name) => join(through, name)))) {
      await failsWith(call(), "FIELD_INVALID");
    }
    for (const name of ["leads-out", "link", "leads-nowhere"]) {
      const directory = join(place, name);
      await failsWith(client.createFromDirectory({ directory }), "FIELD_INVALID");
      const delta = { directory, parent: "web" };
      await failsWith(client.createDeltaFromDirectory(delta), "FIELD_INVALID");
      await failsWith(client.importFromDirectory({ directory }), "FIELD_INVALID");
      await failsWith(client.exportToDirectory({ ref: "web", directory }), "FIELD_INVALID");
      await failsWith(client.takeToDirectory({ ref: "web", directory }), "FIELD_INVALID");
    }
    // The daemon may read and fill an allowed directory, but must not take over that directory
    // itself.
    await failsWith(client.createFromDirectory({ directory: place }), "FIELD_INVALID");
  }
  await assertUntouched(secret);
});

test("an envelope that is a link or a pipe is refused, not read", async (t) => {
  const { place, operator } = await startAllowed(t, true);
  const directory = join(place, "exported");
  const envelope = join(directory, "snapshot.json");
  await rm(envelope);
  await symlink("/etc/passwd", envelope);
  await failsWith(operator.importFromDirectory({ directory }), "ARCHIVE_INVALID");
});

test("no caller may use the store's own directories", async (t) => {
  const daemon = await startTestDaemon(t, { "allowed-directories": ["/"] });
  const client = clientOf(t, daemon.address);
  await fillPlace(client, join(daemon.scratch, "place"));
  const { snapshot } = await client.inspect("web");
  const directory = snapshot?.dataDir ?? "";
  await failsWith(client.createFromDirectory({ directory }), "FIELD_INVALID");
  const delta = { directory, parent: "web" };
  await failsWith(client.createDeltaFromDirectory(delta), "FIELD_INVALID");
  await failsWith(client.importFromDirectory({ directory }), "FIELD_INVALID");
  const inside = join(daemon.root, "data", "x");
  await failsWith(client.exportToDirectory({ ref: "web", directory: inside }), "FIELD_INVALID");
  await failsWith(client.takeToDirectory({ ref: "web", directory: inside }), "FIELD_INVALID");
  await failsWith(client.createFromDirectory({ directory: daemon.scratch }), "FIELD_INVALID");
});

/** Runs a command as another user over a socket that is open to every user. */
async function asOther({ address }: TestDaemon, ...args: string[]): Promise<Finished> {
  return await runStasis(["--addr", address, ...args], { uid: nobody });
}

async function openToAll(t: TestContext, flags: Readonly<Record<string, RawValue>> = {}) {
  const daemon = await startTestDaemon(t, { "socket-mode": "0666", ...flags });
  await chmod(daemon.scratch, 0o755);
  await chmod(daemon.root, 0o711);
  const operator = clientOf(t, daemon.address);
  await fillPlace(operator, join(daemon.scratch, "place"));
  return { ...daemon, place: join(daemon.scratch, "place"), operator };
}

test(
  "another user over an open socket may use no directory unless allowed_directories is set",
  {
    skip,
  },
  async (t) => {
    const daemon = await openToAll(t);
    const { place } = daemon;
    assert.equal((await asOther(daemon, "ls")).code, 0, "it may call");
    for (const args of [
      ["create", join(place, "vm"), "--move"],
      ["import", join(place, "exported"), "--on-node"],
      ["export", "web", "--to-dir", join(place, "out"), "--on-node"],
      ["take", "web", join(place, "taken")],
    ]) {
      const { code, stderr } = await asOther(daemon, ...args);
      assert.notEqual(code, 0, args.join(" "));
      assert.match(stderr, /allowed_directories/);
    }
    await assertUntouched(place);
  },
);

test(
  "another user over an open socket may use only its own directories in allowed_directories",
  {
    skip,
  },
  async (t) => {
    const scratch = await startTestDaemon(t);
    const allowed = join(scratch.scratch, "place");
    const daemon = await openToAll(t, { "allowed-directories": [allowed] });
    await chmod(scratch.scratch, 0o755);
    await fillPlace(daemon.operator, allowed);
    const create = ["create", join(allowed, "vm"), "--move", "--name", "mine"];
    const foreign = await asOther(daemon, ...create);
    assert.match(foreign.stderr, /belong to the calling user, got one of user 0/);
    const imported = await asOther(daemon, "import", join(allowed, "exported"), "--on-node");
    assert.match(imported.stderr, /belong to the calling user/);
    const target = join(allowed, "out");
    const exported = await asOther(daemon, "export", "web", "--to-dir", target, "--on-node");
    assert.match(exported.stderr, /belong to the calling user/);
    const taken = await asOther(daemon, "take", "web", join(allowed, "taken"));
    assert.match(taken.stderr, /belong to the calling user/);
    await assertUntouched(allowed);

    await chown(join(allowed, "vm"), nobody, nobody);
    const half = await asOther(daemon, ...create);
    assert.match(half.stderr, /belong to the calling user/, "its directory with files of root");
    for (const name of await readdir(join(allowed, "vm"))) {
      await chown(join(allowed, "vm", name), nobody, nobody);
    }
    const { code, stderr } = await asOther(daemon, ...create);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await readdir(allowed), ["exported"]);
  },
);

test("a directory that is replaced during the check is never taken over", async (t) => {
  const { place, operator, scratch } = await startAllowed(t, true);
  const secret = join(scratch, "secret");
  await makeSmallSource(secret, 7);
  const wanted = join(place, "vm");
  const parked = join(place, "parked");
  const fresh = join(place, "fresh");
  // `vm` is alternately the caller's directory and a link to the secret, hundreds of times.
  let swapping = true;
  const swaps = (async () => {
    let count = 0;
    for (; swapping; count += 1) {
      await rename(wanted, parked).catch(() => undefined);
      await symlink(secret, wanted).catch(() => undefined);
      await rm(wanted, { force: true }).catch(() => undefined);
      await rename(parked, wanted).catch(() => undefined);
    }
    return count;
  })();
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const made = await operator.createFromDirectory({ directory: wanted }).catch(() => undefined);
    const id = made?.snapshot?.config?.id;
    if (id === undefined) continue;
    const names = made?.snapshot?.files.map(({ sizeBytes }) => sizeBytes) ?? [];
    // The size is 3000 bytes plus the seed, which is 1 here. The file of the secret has 3007 bytes.
    assert.ok(names.includes(3001n), `the caller's own files, not ${names.join()}`);
    await operator.delete(id);
    // The directory is made elsewhere, so that the swaps never meet an incomplete directory.
    await makeSmallSource(fresh);
    await rename(fresh, parked);
  }
  swapping = false;
  assert.ok((await swaps) > 0);
  assert.equal((await readdir(secret)).length, 4);
});
