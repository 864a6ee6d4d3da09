// Checks the invariants after a power cut on a disk that reported flushes without making them.
// Acknowledged snapshots may be missing, and deleted snapshots may exist again. However:
// - Data that was durable before the false reports exists.
// - The daemon starts, or refuses with an explanation.
// - Each visible snapshot is intact, or Verify, check and a verified read report the damage.
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isStoreError, type Client, type Snapshot } from "../../src/client/index.js";
import { packDirectory } from "../store/contents.js";
import { compareDirectories, compareStored } from "../store/contents.js";
import { countProgress } from "../../src/client/progress.js";
import { unpackInto } from "../../src/client/unpack.js";
import { keptName } from "./bench.js";
import { checkHere, type Start, type Started } from "./here.js";
import type { Expectation, Possibility } from "./ledger.js";
import type { Recording } from "./recording.js";
import { NotServed, type Place } from "./served.js";
import { damagedIn } from "./stage.js";
import type { Verdict } from "./state.js";

export async function judgeAfterLies(
  { spare }: Recording,
  owed: Expectation,
  place: Place,
  start: Start,
): Promise<Verdict> {
  let started: Started;
  try {
    started = await start(place);
  } catch (error) {
    return refusal(error);
  }
  const { client, stop } = started;
  const problems: string[] = [];
  const damaged: string[] = [];
  const listed: Snapshot[] = [];
  try {
    for await (const snapshot of client.listAll({})) listed.push(snapshot);
    const told = await damagedIn(client);
    for (const snapshot of listed) {
      const { id = "", name = "" } = snapshot.config ?? {};
      const ever = owed.ever.get(name);
      if (ever === undefined) {
        problems.push(`nobody stored ${JSON.stringify(name)}, ${id}`);
        continue;
      }
      const whole = await isOneOf(join(place.root, "data", id, "files"), ever, compareStored);
      if (!whole) damaged.push(id);
      const isTold = told.some((text) => text.includes(id));
      if (!whole && !isTold)
        problems.push(`${name} ${id} is not whole, and Verify does not say so`);
      problems.push(...(await readVerified(client, snapshot, ever, place)));
      if (name === keptName && !whole) problems.push(`${name} was durable before and is damaged`);
    }
    if (!listed.some(({ config }) => config?.name === keptName)) {
      problems.push(`${keptName} was durable before and is gone`);
    }
    await client.create({ config: { name: "after" } }, packDirectory(spare.directory));
  } finally {
    await stop();
  }
  const checked = await checkHere(place.root, true);
  for (const id of damaged) {
    if (!checked.some((problem) => problem.id === id)) {
      problems.push(`${id} is not whole, and check does not say so`);
    }
  }
  return { problems, outcome: outcomeOf(owed, listed, damaged) };
}

function outcomeOf(
  owed: Expectation,
  listed: readonly Snapshot[],
  damaged: readonly string[],
): string {
  if (damaged.length > 0) return "damage was reported";
  const there = new Set(listed.map(({ config }) => config?.id));
  const kept = [...owed.names.values()].every((possible) =>
    possible.some(({ content, id }) => content === undefined || id === undefined || there.has(id)),
  );
  const back = [...owed.gone].some((id) => there.has(id));
  if (!kept) return "acknowledged and gone";
  return back ? "deleted and back" : "nothing lost";
}

async function isOneOf(
  files: string,
  possible: readonly Possibility[],
  compare: typeof compareDirectories,
): Promise<boolean> {
  for (const { content } of possible) {
    if (content === undefined) continue;
    const fits = await compare(files, content.directory).then(
      () => true,
      () => false,
    );
    if (fits) return true;
  }
  return false;
}

/**
 * Checks that a read with every block verified returns the right bytes, or fails with a documented
 * reason.
 */
async function readVerified(
  client: Client,
  { config }: Snapshot,
  possible: readonly Possibility[],
  { socket }: Place,
): Promise<string[]> {
  const { id = "", name = "" } = config ?? {};
  const target = join(dirname(socket), "read");
  try {
    await using download = await client.restore({ ref: id, verify: true });
    await unpackInto(target, download.chunks, {
      sync: false,
      progress: countProgress(0, undefined),
    });
    if (await isOneOf(target, possible, compareDirectories)) return [];
    return [`a verified read of ${name} ${id} brings what nobody stored`];
  } catch (error) {
    if (isStoreError(error) && error.reason === "STORED_DATA_CORRUPT") return [];
    return [`a verified read of ${name} ${id} fails: ${String(error)}`];
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

function refusal(error: unknown): Verdict {
  if (error instanceof NotServed && !/\n {4}at |fault of the program/.test(error.output)) {
    return { problems: [], outcome: "refused to start" };
  }
  const { reason } = error as { reason?: string };
  if (reason !== undefined && reason !== "INTERNAL") {
    return { problems: [], outcome: `refused to start: ${reason}` };
  }
  return {
    problems: [`no documented error: ${error instanceof Error ? (error.stack ?? "") : ""}`],
  };
}
