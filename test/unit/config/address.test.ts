// Where a client looks for the daemon when it is not told.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { defaultAddress } from "../../../src/config/address.js";

test("STASIS_ADDR, else the socket if it is there, else TCP", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "stasis-addr-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  assert.equal(defaultAddress({ STASIS_ADDR: "node:1", STASIS_ROOT: root }), "node:1");
  assert.equal(defaultAddress({ STASIS_ROOT: root }), "127.0.0.1:7420");

  const socket = join(root, "stasis.sock");
  const server = createServer().listen(socket);
  await once(server, "listening");
  t.after(() => server.close());
  assert.equal(defaultAddress({ STASIS_ROOT: root }), `unix:${socket}`);
  assert.equal(
    defaultAddress({ STASIS_ROOT: "/nowhere", STASIS_SOCKET: socket }),
    `unix:${socket}`,
  );
});
