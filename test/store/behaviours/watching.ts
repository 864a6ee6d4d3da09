// Tests that Watch reports every event once and in order, whatever happens to the watcher or the
// daemon.
import assert from "node:assert/strict";
import { join } from "node:path";
import { failsWith } from "../../support/errors.js";
import { createFrom, makeSmallSource } from "../contents.js";
import type { StoreTest } from "../store-test.js";
import type { PlainEvent, StoreCalls, Watching } from "../subject.js";

export function watchingBehaviours(storeTest: StoreTest): void {
  storeTest("watch reports changes", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    await createFrom(store, source, { name: "before" });
    await using events = store.another().watch();
    const position = await events.next();
    assert.deepEqual([position.type, position.snapshot], ["position", undefined]);
    const web = await createFrom(store, source, { name: "web", imageBlobIds: ["blob"] });
    await store.update("web", { name: "api" });
    const labelled = await store.update("api", { labels: { a: "1" }, protected: true });
    const heir = await createFrom(store, source, { name: "api", replace: true });
    await store.delete(["api", "before"]);
    const told = await take(events, 7);
    assert.deepEqual(told.map(describe), [
      "created web",
      "renamed api, was web",
      "updated api",
      `deleted api, replaced by ${heir.id}`,
      "created api",
      "deleted api",
      "deleted before",
    ]);
    assert.deepEqual(told[0]?.snapshot, { ...web, files: [] });
    assert.deepEqual(told[2]?.snapshot, { ...labelled, files: [] });
    assert.deepEqual(told[3]?.snapshot, { ...labelled, files: [], imageBlobIds: [] });
    assert.deepEqual(told.map(({ id }) => id).slice(0, 5), [
      web.id,
      web.id,
      web.id,
      web.id,
      heir.id,
    ]);
    for (const [index, { occurredAt }] of told.entries()) {
      assert.ok(occurredAt > (told[index - 1] ?? position).occurredAt);
    }
    assert.equal(new Set(told.map(({ resumeToken }) => resumeToken)).size, told.length);
  });

  storeTest(
    "a watch continues from any token, also after a restart",
    async ({ store, scratch }) => {
      const source = await makeSmallSource(join(scratch, "source"));
      const start = await firstToken(store);
      for (const name of ["a", "b", "c"]) await createFrom(store, source, { name });
      const seen = await takeFrom(store, start, 3);
      assert.deepEqual(seen.map(describe), ["created a", "created b", "created c"]);
      await store.delete(["a"]);
      await store.restart();
      await store.delete(["b"]);
      const all = await takeFrom(store, start, 5);
      assert.deepEqual(all.slice(0, 3), seen);
      assert.deepEqual(all.slice(3).map(describe), ["deleted a", "deleted b"]);
      for (const [index, { resumeToken }] of all.slice(0, -1).entries()) {
        assert.deepEqual(await takeFrom(store, resumeToken, 4 - index), all.slice(index + 1));
      }
    },
  );

  storeTest(
    "no event is missed or repeated during many concurrent writes",
    async ({ store, scratch }) => {
      const source = await makeSmallSource(join(scratch, "source"));
      const start = await firstToken(store);
      const writers = ["a", "b", "c", "d"];
      const write = async (writer: string): Promise<void> => {
        const calls = store.another();
        await createFrom(calls, source, { name: `${writer}-0` });
        for (let n = 1; n < 20; n += 1)
          await calls.update(`${writer}-${n - 1}`, { name: `${writer}-${n}` });
        await calls.delete([`${writer}-19`]);
      };
      // One watcher stays connected. The other one disconnects after every few events and resumes.
      const count = writers.length * 21;
      const staying = takeFrom(store.another(), start, count);
      const returning = takeInParts(store.another(), start, count);
      await Promise.all(writers.map(write));
      const told = await staying;
      assert.deepEqual(await returning, told);
      for (const writer of writers) {
        const names = told.filter(({ name }) => name.startsWith(writer)).map(describe);
        const renames = Array.from(
          { length: 19 },
          (_, n) => `renamed ${writer}-${n + 1}, was ${writer}-${n}`,
        );
        assert.deepEqual(names, [`created ${writer}-0`, ...renames, `deleted ${writer}-19`]);
      }
    },
  );

  storeTest(
    "a watch with a filter reports snapshots that start or stop matching",
    async (context) => {
      const { store, scratch } = context;
      const source = await makeSmallSource(join(scratch, "source"));
      const start = await firstToken(store);
      await createFrom(store, source, { name: "other" });
      await createFrom(store, source, { name: "web/1", labels: { a: "1" } });
      await store.update("web/1", { labels: { a: "2" } });
      await store.update("web/1", { description: "unseen by its label" });
      await store.update("web/1", { name: "gone" });
      await store.update("other", { name: "web/2", labels: { a: "1" } });
      await store.delete(["gone", "web/2"]);
      const byLabel = await takeFrom(store, start, 4, { labels: { a: "1" } });
      assert.deepEqual(byLabel.map(describe), [
        "created web/1",
        "updated web/1",
        "renamed web/2, was other",
        "deleted web/2",
      ]);
      const byName = await takeFrom(store, start, 6, { namePrefix: "web/" });
      assert.deepEqual(byName.map(describe), [
        "created web/1",
        "updated web/1",
        "updated web/1",
        "renamed gone, was web/1",
        "renamed web/2, was other",
        "deleted web/2",
      ]);
    },
  );

  storeTest(
    "a token must come from Watch; a token of another store means that events are missed",
    async (context) => {
      const { store, scratch } = context;
      const source = await makeSmallSource(join(scratch, "source"));
      const token = await firstToken(store);
      for (const wrong of ["x", `${token}!`, "a".repeat(1000)]) {
        await using events = store.watch({ resumeToken: wrong });
        const error = await failsWith(events.next(), "FIELD_INVALID");
        // The domain and the API name the field differently.
        assert.match(error.fields[0]?.field ?? "", /^(resumeToken|resume_token)$/);
      }
      const text = Buffer.from(token, "base64url").toString();
      const other = text.replace(/^w1\.[0-9a-f]{16}/, "w1.0123456789abcdef");
      assert.notEqual(other, text);
      await using events = store.watch({ resumeToken: Buffer.from(other).toString("base64url") });
      const missed = await events.next();
      assert.deepEqual([missed.type, missed.snapshot], ["missed", undefined]);
      await createFrom(store, source, { name: "web" });
      assert.equal(describe(await events.next()), "created web");
      assert.equal(describe((await takeFrom(store, missed.resumeToken, 1))[0]), "created web");
    },
  );
}

function describe(event: PlainEvent | undefined): string {
  if (event === undefined) return "nothing";
  const { type, name, previousName, replacedBy } = event;
  const was = type === "renamed" ? `, was ${previousName}` : "";
  return `${type} ${name}${was}${replacedBy === "" ? "" : `, replaced by ${replacedBy}`}`;
}

async function take(events: Watching, count: number): Promise<PlainEvent[]> {
  const taken = [];
  while (taken.length < count) taken.push(await events.next());
  return taken;
}

async function takeFrom(
  store: StoreCalls,
  resumeToken: string,
  count: number,
  filter = {},
): Promise<PlainEvent[]> {
  await using events = store.watch({ resumeToken, filter });
  return await take(events, count);
}

async function takeInParts(store: StoreCalls, start: string, count: number): Promise<PlainEvent[]> {
  const taken: PlainEvent[] = [];
  while (taken.length < count) {
    const token = taken.at(-1)?.resumeToken ?? start;
    taken.push(...(await takeFrom(store, token, Math.min(5, count - taken.length))));
  }
  return taken;
}

async function firstToken(store: StoreCalls): Promise<string> {
  await using events = store.watch();
  return (await events.next()).resumeToken;
}
