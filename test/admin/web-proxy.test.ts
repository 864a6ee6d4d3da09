// Tests `stasis web`: a link works for one browser, and the proxy admits nobody else.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openWebProxy } from "../../src/cli/web-proxy.js";
import { runModule } from "../support/child.js";
import { startTestDaemon } from "../support/daemon.js";
import { get } from "../support/http.js";
import { runStasis } from "../unit/cli/run-stasis.js";

const program = new URL("../../src/main.js", import.meta.url);

test("the link works once, and its cookie opens the page afterwards", async (t) => {
  const { daemon } = await startTestDaemon(t);
  await using proxy = await openWebProxy((daemon.adminAddress ?? "").replace("unix:", ""), 0);
  const { host, search } = new URL(proxy.link);
  assert.equal((await get(host, "/")).status, 403);
  assert.equal((await get(host, "/?token=wrong")).status, 403);
  assert.equal((await get(host, `/api/info${search}`)).status, 403);
  const first = await get(host, `/${search}`);
  assert.equal(first.status, 200);
  const [set = ""] = first.headers["set-cookie"] ?? [];
  assert.match(set, /; HttpOnly; SameSite=Strict; Path=\/$/);
  assert.equal((await get(host, `/${search}`)).status, 403);
  const [cookie = ""] = set.split(";");
  const page = await get(host, "/", { headers: { cookie } });
  assert.equal(page.status, 200);
  assert.match(page.body, /<div id="app">/);
  assert.match(String(page.headers["content-security-policy"]), /default-src 'none'/);
  assert.equal((await get(host, "/api/info", { headers: { cookie } })).status, 200);
  assert.equal((await get(host, "/", { headers: { cookie: `${cookie}x` } })).status, 403);
  assert.equal((await get(host, "/", { headers: { cookie, host: "evil.example" } })).status, 421);
  assert.equal((await get(host, "/", { method: "POST", headers: { cookie } })).status, 405);
  await daemon.stop();
  assert.equal((await get(host, "/api/info", { headers: { cookie } })).status, 502);
});

test("the program prints a link and ends on Ctrl-C", async (t) => {
  const { address } = await startTestDaemon(t);
  await using child = runModule(program, ["--addr", address, "web", "--no-browser"], {});
  const [link = ""] = await child.line(/^http:\/\/127\.0\.0\.1:\d+\/\?token=\S+$/);
  const { host, search } = new URL(link);
  assert.equal((await get(host, `/${search}`)).status, 200);
  child.signal("SIGINT");
  assert.deepEqual(await child.exited, { code: 0, signal: null }, child.output());
});

test("without a daemon the error names the places that were tried", async () => {
  const { code, stderr } = await runStasis(["--addr", "unix:/nowhere/stasis.sock", "web"]);
  assert.notEqual(code, 0);
  assert.match(stderr, /\/nowhere\/admin\.sock \(ENOENT\)/);
});
