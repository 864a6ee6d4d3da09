// Tests the web page in a real browser: what it shows, how it follows changes of the store, and
// what it must never do. Speed is not tested, with one exception. Scrolling through all snapshots
// must not block the page longer than scrolling through a hundredth of them on the same machine.
import assert from "node:assert/strict";
import { once, setMaxListeners } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import type { Page } from "playwright-core";
import type { RawValue } from "../../src/config/option.js";
import { connect } from "../../src/client/index.js";
import { makeToken, changeTokenFile } from "../../src/config/token-file.js";
import { makeSmallSource, packDirectory } from "../store/contents.js";
import { flip } from "../store/damages.js";
import { makeScratch, startTestDaemon } from "../support/daemon.js";
import { freePort } from "../support/free-port.js";
import { noBrowser, openAt, openPage } from "./browser.js";
import { fillStore } from "./fill-store.js";

const skip = noBrowser;

async function startFilled(
  t: TestContext,
  names: readonly string[],
  flags: Readonly<Record<string, RawValue>> = {},
) {
  const scene = await startTestDaemon(t, flags);
  const client = connect(scene.address);
  t.after(() => client.close());
  const source = await makeSmallSource(join(scene.scratch, "source"));
  const create = (name: string, labels = {}) =>
    client.create({ config: { name, labels } }, packDirectory(source));
  for (const name of names) await create(name, { env: name.startsWith("web") ? "prod" : "dev" });
  return { ...scene, client, create, admin: scene.daemon.adminAddress ?? "" };
}

/** Scrolls the list of snapshots to `share` of its length, from 0 to 1. */
function jumpTo(page: Page, share: number): Promise<void> {
  return page.evaluate(`(() => { const box = document.querySelector(".rows");
    box.scrollTop = (box.scrollHeight - box.clientHeight) * ${share}; })()`);
}

/** A task that takes more milliseconds than this blocks the page visibly. */
const longTaskBound = 100;

/**
 * Scrolls through the list. Returns its longest task in milliseconds, or 0 if no task took 50 ms.
 */
async function longestTask(page: Page): Promise<number> {
  await page.evaluate(`
    window.longTasks = [];
    window.longTaskObserver ??= new PerformanceObserver((list) =>
      window.longTasks.push(...list.getEntries().map((e) => e.duration)));
    window.longTaskObserver.observe({ type: "longtask", buffered: false });
  `);
  await page.locator(".rows").hover();
  for (let turn = 0; turn < 40; turn += 1) await page.mouse.wheel(0, 900);
  for (const share of [0.1, 0.35, 0.6, 0.85, 0.5]) {
    await jumpTo(page, share);
    await page.waitForTimeout(150);
  }
  return Math.round(await page.evaluate<number>("Math.max(0, ...window.longTasks)"));
}

test(
  "the list can be searched by name and label and sorted, and a snapshot opens and closes",
  { skip },
  async (t) => {
    const { admin } = await startFilled(t, ["web-1", "web-2", "db-1"]);
    const { page, assertQuiet } = await openPage(t, admin);
    const names = () => page.locator(".row.line .name a").allTextContents();
    await page.getByText("3 snapshots").waitFor();
    assert.deepEqual(await names(), ["db-1", "web-2", "web-1"]);
    await page.getByRole("button", { name: "Name" }).click();
    await page.locator('[aria-sort="ascending"]').waitFor();
    await page.locator(".row.line .name a >> nth=0").getByText("db-1").waitFor();
    const search = page.getByRole("searchbox");
    await page.keyboard.press("/");
    await page.keyboard.type("WEB");
    await page.getByText("2 snapshots").waitFor();
    await search.fill("env=dev");
    await page.getByText("1 snapshot", { exact: true }).waitFor();
    assert.deepEqual(await names(), ["db-1"]);
    await search.fill("nothing-like-it");
    await page.getByText("Nothing matches the search.").waitFor();
    await search.fill("");
    await page.getByText("3 snapshots").waitFor();
    await search.press("Escape");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    const detail = page.getByRole("complementary", { name: "Snapshot" });
    await detail.getByRole("heading", { name: "web-1" }).waitFor();
    await detail.getByRole("img").first().waitFor();
    await detail.getByText("Nobody uses it now.").waitFor();
    assert.match(await detail.innerText(), /Same data\s+(web-2\s+db-1|db-1\s+web-2)/);
    await page.keyboard.press("Escape");
    await detail.waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.keyboard.press("Escape");
    assertQuiet();
  },
);

test("the page shows changes of the store without a reload", { skip }, async (t) => {
  const { admin, create, client } = await startFilled(t, ["web-1"]);
  const { page, assertQuiet } = await openPage(t, admin);
  await page.getByText("1 snapshot", { exact: true }).waitFor();
  await page.getByText("live", { exact: true }).waitFor();
  await create("fresh");
  await page.getByRole("link", { name: "fresh" }).waitFor();
  await client.delete({ refs: ["web-1"] });
  await page.getByRole("link", { name: "web-1" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Events" }).click();
  const events = page.getByRole("listitem");
  await events.getByText("deleted").waitFor();
  assert.match(await events.allInnerTexts().then((texts) => texts.join()), /created\s+fresh/);
  assertQuiet();
});

test("a collection is shown as a plan, and removes nothing", { skip }, async (t) => {
  const { admin, client } = await startFilled(t, ["web-1", "web-2", "db-1"]);
  const { page, assertQuiet } = await openPage(t, admin);
  await page.getByRole("link", { name: "Collection" }).click();
  await page.getByLabel("Keep the newest").fill("1");
  await page.getByRole("button", { name: "Plan" }).click();
  await page.getByText("beyond keep-last").waitFor();
  assert.match(await page.getByRole("main").innerText(), /Would go\s+2\s+of 3/);
  await page.getByText("stasis gc --keep-last 1").waitFor();
  assert.equal((await client.list({})).snapshots.length, 3);
  assertQuiet();
});

test(
  "every view in dark mode and on a phone makes no outside request and fits the screen",
  { skip },
  async (t) => {
    const { admin } = await startFilled(t, ["web-1"]);
    const viewport = { width: 360, height: 720 };
    const { page, assertQuiet, origin } = await openPage(t, admin, {
      viewport,
      colorScheme: "dark",
    });
    for (const view of ["snapshots", "activity", "space", "health", "collection", "events"]) {
      await page.goto(`${origin}/#/${view}`);
      await page.locator(`a[href="#/${view}"][aria-current]`).waitFor();
      await page.waitForTimeout(100);
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      assert.equal(wide, viewport.width, view);
      const unnamed = await page.evaluate(
        `[...document.querySelectorAll("a, button, input")].filter((each) =>
        !(each.textContent?.trim() || each.getAttribute("aria-label") ||
          each.labels?.length)).length`,
      );
      assert.equal(unnamed, 0, `${view}: controls without a name`);
    }
    assertQuiet();
  },
);

test(
  "a full disk shows the problem, its start, the remedy, and who uses the space",
  { skip },
  async (t) => {
    const { daemon } = await startTestDaemon(t, { reserve: "100TiB" });
    const { page, assertQuiet, origin } = await openPage(t, daemon.adminAddress ?? "");
    await page.getByRole("link", { name: "full", exact: true }).click();
    const problem = page.getByRole("alert");
    await problem.getByText("STORAGE_FULL", { exact: true }).waitFor();
    const text = await problem.innerText();
    assert.doesNotMatch(text, /ERROR_REASON/);
    assert.match(text, /[\d.]+ \wiB of [\d.]+ \wiB are free/);
    assert.match(text, /other programs take [\d.]+ \w+, the store [\d.]+ \w+: .*\. Remove what/);
    // The store is empty, so the report names the other programs first.
    assert.match(text, /Other programs take [\d.]+ \w+ of the disk, the store .*stasis gc/s);
    await page.goto(`${origin}/#/space`);
    await page.getByText(/^of .*; others take /).waitFor();
    assertQuiet();
  },
);

test(
  "the header counts slow or refused calls, and the Health view explains them",
  { skip },
  async (t) => {
    const { daemon, client, create } = await startFilled(t, ["web-1"], { "max-streams": 1 });
    const ending = new AbortController();
    const { signal } = ending;
    const stalled = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from([0]);
      await once(signal, "abort");
    };
    const held = client.create({}, stalled(), { signal }).catch(() => undefined);
    const { page, assertQuiet } = await openPage(t, daemon.adminAddress ?? "");
    await page.getByText("ready", { exact: true }).waitFor();
    const refused = (async () => {
      while (!signal.aborted) {
        await create("more").catch(() => undefined);
        await pause(50);
      }
    })();
    await page.getByRole("link", { name: "ready, 1 warning" }).click();
    await page.getByText("refused for the limit byte_streams").waitFor();
    await page.getByText("StasisRefusesCallers").waitFor();
    ending.abort();
    await Promise.all([held, refused]);
    assertQuiet();
  },
);

test("damage is a problem, and Health does not say that all is well", { skip }, async (t) => {
  const { daemon, client, root } = await startFilled(t, ["web-1", "web-2"]);
  const { page, assertQuiet, origin } = await openPage(t, daemon.adminAddress ?? "");
  await page.goto(`${origin}/#/health`);
  const fine = page.getByText("No problem is known: reads and writes work.");
  await fine.waitFor();
  const { snapshot } = await client.inspect({ ref: "web-1" });
  const id = snapshot?.config?.id ?? "";
  await flip(join(root, "data", id, "files", "cow.raw"), 64 * 1024);
  for await (const verdict of client.verify({ ref: id })) void verdict;
  await page.getByText("Damaged data in 1 snapshot.").waitFor();
  await page.getByText("StasisSnapshotDamaged").waitFor();
  assert.equal(await fine.count(), 0);
  assertQuiet();
});

test("a pull that was given up stays on the page with its reason", { skip }, async (t) => {
  const { daemon, client } = await startFilled(t, ["web-1"]);
  const source = `127.0.0.1:${await freePort()}`;
  const pulling = async () => {
    for await (const message of client.pull({ source, ref: "image-1" })) void message;
  };
  await assert.rejects(pulling(), { reason: "DAEMON_UNREACHABLE" });
  const { page, assertQuiet } = await openPage(t, daemon.adminAddress ?? "");
  await page.getByRole("link", { name: "ready, 1 warning" }).click();
  await page.getByText("A pull was given up.").waitFor();
  await page.getByText(`image-1 from ${source} ended`).waitFor();
  await page.getByRole("main").getByRole("link", { name: "Activity" }).click();
  await page.getByText("cut off: DAEMON_UNREACHABLE").waitFor();
  assertQuiet();
});

test("a caller over its limit is named, and Activity counts by prefix", { skip }, async (t) => {
  const tokens = join(await makeScratch(t, "stasis-web-"), "tokens.json");
  const ben = { name: "ben", role: "writer", namePrefix: "ben/", expiresAt: undefined } as const;
  const { token, record } = makeToken(ben, new Date());
  changeTokenFile(tokens, () => [record]);
  const flags = { tokens, "max-streams": 40, "max-streams-per-identity": 21 };
  const { daemon, tcpAddress } = await startTestDaemon(t, flags);
  await using client = connect(tcpAddress, { token });
  const ending = new AbortController();
  const { signal } = ending;
  setMaxListeners(0, signal);
  const stalled = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.from([0]);
    await once(signal, "abort");
  };
  const upload = (name: string) =>
    client.create({ config: { name } }, stalled(), { signal }).catch(() => undefined);
  const held = Array.from({ length: 21 }, (_, index) => upload(`ben/${index}`));
  const { page, assertQuiet } = await openPage(t, daemon.adminAddress ?? "");
  const refused = (async () => {
    while (!signal.aborted) {
      await upload("ben/more");
      await pause(50);
    }
  })();
  await page.getByRole("link", { name: "ready, 1 warning" }).click();
  await page.getByText("Most of the running uploads are in ben/ (21 of 21).").waitFor();
  await page.getByRole("main").getByRole("link", { name: "Activity" }).click();
  await page.getByText("All by prefix: ben/ (21)").waitFor();
  ending.abort();
  await Promise.all([...held, refused]);
  assertQuiet();
});

test("a tenant signs in with a token and sees its own snapshots only", { skip }, async (t) => {
  const scratch = await makeScratch(t, "stasis-web-");
  const tokens = join(scratch, "tokens.json");
  const { token, record } = makeToken(
    { name: "tenant", role: "operator", namePrefix: "a/", expiresAt: undefined },
    new Date(),
  );
  changeTokenFile(tokens, () => [record]);
  const scene = await startTestDaemon(t, { tokens, "admin-listen": "127.0.0.1:0" });
  await using client = connect(scene.address);
  const source = await makeSmallSource(join(scratch, "source"));
  for (const name of ["a/one", "b/two"]) {
    await client.create({ config: { name } }, packDirectory(source));
  }
  const { page } = await openAt(t, `http://${scene.daemon.adminAddress}/`);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByText("1 snapshot", { exact: true }).waitFor();
  assert.deepEqual(await page.locator(".row.line .name a").allTextContents(), ["a/one"]);
  await client.create({ config: { name: "b/three" } }, packDirectory(source));
  await client.create({ config: { name: "a/four" } }, packDirectory(source));
  await page.getByRole("link", { name: "a/four" }).waitFor();
  await page.getByRole("link", { name: "Events" }).click();
  await page.getByRole("listitem").first().waitFor();
  assert.doesNotMatch(await page.getByRole("main").innerText(), /b\//);
  await page.getByRole("link", { name: "Space" }).click();
  await page.getByText("shown to identities without a prefix").waitFor();
});

test(
  "with 100,000 snapshots every place is one jump away, and scrolling does not block the page",
  { skip },
  async (t) => {
    const count = 100_000;
    const scratch = await makeScratch(t, "stasis-web-");
    const root = join(scratch, "root");
    await mkdir(root, { mode: 0o700 });
    await fillStore(root, count);
    const { daemon } = await startTestDaemon(t, { root, "scrub-interval": "0s" });
    const { page, assertQuiet } = await openPage(t, daemon.adminAddress ?? "");
    await page.getByText("100,000 snapshots").waitFor();
    await page.getByRole("link", { name: "vm/99999" }).waitFor();
    const amongAll = await longestTask(page);
    await page
      .getByRole("link", { name: /^vm\/(49|50)\d{3}$/ })
      .first()
      .waitFor();
    await jumpTo(page, 1);
    await page.getByRole("link", { name: "vm/0", exact: true }).waitFor();
    const inDocument = await page.locator(".row.line").count();
    assert.ok(inDocument < 100, `${inDocument} rows are in the document`);
    await page.getByRole("searchbox").fill("vm/1 vm=web-777");
    await page.getByText("2 snapshots").waitFor();
    await page.getByRole("searchbox").fill("vm/99");
    await page.getByText("1,111 snapshots").waitFor();
    const amongFew = await longestTask(page);
    const bound = Math.max(longTaskBound, 2 * amongFew);
    assert.ok(amongAll <= bound, `a task took ${amongAll} ms, and ${amongFew} ms with 1,111 rows`);
    assertQuiet();
  },
);
