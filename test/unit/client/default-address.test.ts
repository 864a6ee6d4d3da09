// Tests which daemon a client without an address finds.
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { socketsToTry } from "../../../src/base/default-paths.js";
import { connect } from "../../../src/client/index.js";
import { defaultAddress } from "../../../src/client/default-address.js";
import { connectError } from "../../../src/holes/native.js";

function scratchDirectory(t: TestContext): string {
  const scratch = mkdtempSync(join(tmpdir(), "stasis-addr-"));
  t.after(() => rmSync(scratch, { recursive: true, force: true }));
  return scratch;
}

async function listenOn(t: TestContext, path: string): Promise<void> {
  const server = createServer().listen(path);
  await once(server, "listening");
  t.after(() => server.close());
}

/** Leaves the file of a socket on which nobody listens. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.live`);
  await once(server, "listening");
  linkSync(`${path}.live`, path);
  server.close();
  await once(server, "close");
}

test("the client tests whether somebody listens on a socket", async (t) => {
  const scratch = scratchDirectory(t);
  const at = (name: string): string => join(scratch, name);
  await listenOn(t, at("live"));
  await leaveStaleSocket(at("stale"));
  writeFileSync(at("file"), "");
  assert.equal(connectError(at("live")), undefined);
  assert.equal(connectError(at("stale")), "ECONNREFUSED");
  assert.equal(connectError(at("file")), "ECONNREFUSED");
  assert.equal(connectError(at("absent")), "ENOENT");
});

test("STASIS_ADDR takes precedence over the one socket that STASIS_SOCKET or STASIS_ROOT names", (t) => {
  const root = scratchDirectory(t);
  assert.equal(defaultAddress({ STASIS_ADDR: "node:1", STASIS_ROOT: root }).text, "node:1");
  const absent = defaultAddress({ STASIS_ADDR: "", STASIS_ROOT: root });
  assert.equal(absent.text, `unix:${root}/stasis.sock`);
  assert.equal(absent.tried, `unix:${root}/stasis.sock (no such socket)`);
  assert.deepEqual(socketsToTry({ STASIS_ROOT: root }), [join(root, "stasis.sock")]);
  assert.deepEqual(socketsToTry({ STASIS_ROOT: root, STASIS_SOCKET: "/a.sock" }), ["/a.sock"]);
});

test("the user's own daemon is tried first, then the system service, then the daemon of root", () => {
  const own = process.getuid?.() === 0 ? [] : ["/data/stasis/stasis.sock"];
  const roots = "/var/lib/stasis/stasis.sock";
  const service = "/run/stasis/stasis.sock";
  const expected = own.length === 0 ? [roots, service] : [...own, service, roots];
  assert.deepEqual(socketsToTry({ XDG_DATA_HOME: "/data" }), expected);
});

test("without a daemon the error names every socket that was tried, and a later daemon is found", async (t) => {
  const root = scratchDirectory(t);
  const socket = join(root, "stasis.sock");
  await leaveStaleSocket(socket);
  const address = defaultAddress({ STASIS_ROOT: root });
  assert.equal(address.tried, `unix:${socket} (no daemon listens on it)`);
  assert.equal(address.target, `unix:${socket}`);
  process.env["STASIS_SOCKET"] = socket;
  t.after(() => delete process.env["STASIS_SOCKET"]);
  await using client = connect();
  await assert.rejects(client.list(), (error: Error) => {
    assert.match(error.message, /no daemon answers at unix:.*no daemon listens on it/);
    return true;
  });
});

test(
  "a socket that this user may not open is skipped",
  { skip: process.getuid?.() === 0 ? "skipped: root may open all" : false },
  async (t) => {
    const root = scratchDirectory(t);
    mkdirSync(join(root, "closed"));
    await listenOn(t, join(root, "closed", "s"));
    chmodSync(join(root, "closed"), 0);
    t.after(() => chmodSync(join(root, "closed"), 0o700));
    assert.equal(connectError(join(root, "closed", "s")), "EACCES");
  },
);
