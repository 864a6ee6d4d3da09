// Implements `npm run lab -- remote --engine ceph --nodes N --pushes P --seed S`, which plays the
// race of pushes, deletions and collections on a real engine of several nodes. While the race runs,
// one of these nodes is killed and started again, several times.
import { parseArgs } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { playRace } from "../remote/race.js";
import { describeCounts, inSoakDirectory } from "../soak/soak-main.js";
import { startCeph } from "./ceph.js";
import type { Cluster } from "./cluster.js";

const engines: Readonly<Record<string, (directory: string) => Promise<Cluster>>> = {
  ceph: startCeph,
};
/** Long enough for the others to notice, and to serve without the node for some seconds. */
const downMs = 15_000;
const upMs = 15_000;

const { values } = parseArgs({
  options: {
    engine: { type: "string", default: "ceph" },
    nodes: { type: "string", default: "4" },
    pushes: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
  },
});
const start = engines[values.engine];
if (start === undefined) {
  console.error(`remote: expected --engine ${Object.keys(engines).join(" or ")}`);
  process.exit(2);
}
await inSoakDirectory("lab", async (directory) => {
  await using cluster = await start(directory);
  console.log(`${cluster.description}, seed ${values.seed}`);
  const ended = new AbortController();
  const losses = loseNodes(cluster, ended.signal);
  const [nodes, pushes, seed] = [values.nodes, values.pushes, values.seed].map(Number);
  if (nodes === undefined || pushes === undefined || seed === undefined) return;
  const options = { engine: cluster, directory, nodes, pushes, seed, prefix: "lab/" };
  const report = await playRace(options).finally(() => ended.abort());
  const lost = await losses;
  console.log(describeCounts(new Map([...Object.entries(report), ["nodes killed", lost]])));
});

/** Kills the node and starts it again until the race has ended. Returns how often it was killed. */
async function loseNodes(cluster: Cluster, ended: AbortSignal): Promise<number> {
  let killed = 0;
  while (!ended.aborted) {
    await wait(upMs, ended);
    if (ended.aborted) break;
    await cluster.killNode();
    killed += 1;
    await wait(downMs, ended);
    await cluster.startNode();
  }
  return killed;
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => undefined);
}
