// Tests a race: a hundred clients try to take one name at the same moment. One of them succeeds,
// and the others receive the id of its snapshot.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect, isStoreError, type Client, type Snapshot } from "../../src/client/index.js";
import {
  collect,
  entriesOf,
  makeSource,
  packDirectory,
  piece,
  streamOf,
} from "../store/contents.js";
import { eventually } from "../support/eventually.js";
import { startTestDaemon, type TestDaemon } from "../support/daemon.js";

const clientCount = 100;
const name = "vm/wanted";

/** Stores a snapshot with one file, whose content identifies `contender`. */
type Store = (client: Client, contender: number) => Promise<Snapshot | undefined>;

interface Race {
  readonly daemon: TestDaemon;
  readonly clients: readonly Client[];
}

async function startRace(t: TestContext): Promise<Race> {
  const daemon = await startTestDaemon(t, { "max-streams": "200", "max-connections": "400" });
  const clients = Array.from({ length: clientCount }, () => connect(daemon.address));
  t.after(() => clients.forEach((client) => client.close()));
  // These calls open the connections before the race begins.
  await Promise.all(clients.map((client) => client.getInfo()));
  return { daemon, clients };
}

/** Returns the tar archive of a snapshot with one file that identifies its contender. */
async function tarOf({ daemon }: Race, contender: number): Promise<Buffer> {
  const directory = join(daemon.scratch, `contender-${contender}`);
  const sizeBytes = 5000 + contender;
  await makeSource(directory, [
    { name: `of-${contender}`, sizeBytes, pieces: [piece(0, sizeBytes)] },
  ]);
  return collect(packDirectory(directory));
}

async function runRace(race: Race, store: Store): Promise<void> {
  const { daemon, clients } = race;
  const outcomes = await Promise.allSettled(clients.map((client, index) => store(client, index)));
  const winners = outcomes.flatMap((outcome, contender) =>
    outcome.status === "fulfilled" ? [{ contender, snapshot: outcome.value }] : [],
  );
  assert.equal(winners.length, 1, `${winners.length} of ${clientCount} have won`);
  const [{ contender, snapshot }] = winners as [(typeof winners)[0]];
  const id = snapshot?.config?.id ?? "";
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") continue;
    const error: unknown = outcome.reason;
    assert.ok(isStoreError(error, "SNAPSHOT_NAME_TAKEN"), String(error));
    assert.equal(error.code, "ALREADY_EXISTS");
    assert.equal(error.metadata["snapshot_id"], id);
  }
  // The winner's snapshot is stored, and the losers leave nothing behind.
  const [client] = clients as [Client];
  const { snapshots, totalSize } = await client.list();
  assert.equal(totalSize, 1n);
  assert.equal(snapshots[0]?.config?.id, id);
  assert.deepEqual(await readdir(join(daemon.root, "data", id, "files")), [`of-${contender}`]);
  assert.deepEqual(await entriesOf(daemon.root, "data"), [id]);
  for (const part of ["staging", "trash", "quarantine"] as const) {
    assert.deepEqual(await entriesOf(daemon.root, part), [], part);
  }
  const { candidates } = await client.collectGarbage({ dryRun: true });
  assert.deepEqual(candidates, [], "no record of an upload is left");
}

void test("100 clients create one name: one succeeds, and the others receive its id and leave nothing", async (t) => {
  const race = await startRace(t);
  const tars = await Promise.all(race.clients.map((_, contender) => tarOf(race, contender)));
  await runRace(race, async (client, contender) => {
    const bytes = streamOf(tars[contender] as Buffer);
    return (await client.create({ config: { name } }, bytes)).snapshot;
  });
});

async function archivesOf(race: Race, storedName: string): Promise<Buffer[]> {
  const archives: Buffer[] = [];
  for (const [contender, client] of race.clients.entries()) {
    const bytes = streamOf(await tarOf(race, contender));
    const { snapshot } = await client.create({ config: { name: storedName } }, bytes);
    const id = snapshot?.config?.id ?? "";
    await using download = await client.export(id);
    archives.push(await collect(download.bytes));
    await client.delete(id);
  }
  const trash = () => entriesOf(race.daemon.root, "trash");
  await eventually("an empty trash", async () => (await trash()).length === 0);
  return archives;
}

void test("100 clients import archives under one name: one succeeds", async (t) => {
  const race = await startRace(t);
  const archives = await archivesOf(race, "");
  await runRace(race, async (client, contender) => {
    const bytes = streamOf(archives[contender] as Buffer);
    return (await client.import({ name }, bytes)).snapshot;
  });
});

void test("100 clients import archives with the same name: one succeeds", async (t) => {
  const race = await startRace(t);
  const archives = await archivesOf(race, name);
  await runRace(race, async (client, contender) => {
    const bytes = streamOf(archives[contender] as Buffer);
    return (await client.import({}, bytes)).snapshot;
  });
});
