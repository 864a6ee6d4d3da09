// Implements `npm run lab -- soak-takes --takes N --cuts N --seed S`: moves out of the store while
// the daemon is killed, and moves on a disk whose power is cut.
import { join } from "node:path";
import { mkdir } from "node:fs/promises";
import { soakMain } from "./soak-main.js";
import { playCuts } from "./taken-cuts.js";
import { playTakes } from "./takes.js";

await soakMain("takes", { takes: 900, cuts: 100, seed: 1 }, async (directory, values, signal) => {
  const { takes, cuts, seed } = values;
  const [killed, cut] = [join(directory, "k"), join(directory, "c")];
  await mkdir(killed);
  await mkdir(cut);
  const kills = await playTakes({ directory: killed, seed, takes, signal });
  const power = await playCuts({ directory: cut, seed, cuts, signal });
  return {
    problems: [...kills.problems, ...power.problems],
    counts: new Map([...kills.counts, ...power.counts]),
  };
});
