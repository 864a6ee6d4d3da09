// Implements `npm run lab -- soak-remote --nodes N --pushes P --seed S`. Each of N nodes pushes P
// times to one bucket of a real engine, and deletes there. Two collectors run with a grace time of
// 0. Connections fail, pushes are cut off, and the engine hangs now and then.
import { startEngine } from "../support/engine.js";
import { playRace } from "../remote/race.js";
import { soakMain } from "./soak-main.js";

await soakMain(
  "remote",
  { nodes: 4, pushes: 250, seed: 1 },
  async (directory, { nodes, pushes, seed }) => {
    await using engine = await startEngine();
    const report = await playRace({ engine, directory, nodes, pushes, seed, prefix: "soak/" });
    return { problems: [], counts: new Map(Object.entries(report)) };
  },
);
