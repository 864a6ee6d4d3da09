// Implements `npm run lab -- many-remote --snapshots N`, with N synthetic snapshots in one bucket.
// Prints the time and the peak memory of the daemon for each step. It is a problem if the memory
// exceeds the bound of docs/remotes.md, "Large buckets".
import { inMib } from "../support/memory.js";
import { startEngine } from "../support/engine.js";
import { soakMain } from "../soak/soak-main.js";
import { playMany } from "./many.js";

await soakMain("many-remote", { snapshots: 100_000 }, async (scratch, { snapshots }) => {
  await using engine = await startEngine();
  const { beforeBytes, steps } = await playMany({ engine, scratch, snapshots });
  const problems: string[] = [];
  const baseBytes = 384 * 1024 * 1024;
  for (const { name, seconds, peakBytes } of steps) {
    const perSnapshot = name.startsWith("collection") ? 4096 : 2048;
    const text = `${name}: ${seconds.toFixed(1)} s, ${inMib(peakBytes)} at the peak`;
    process.stdout.write(`${text}, ${inMib(beforeBytes)} before\n`);
    if (peakBytes > baseBytes + snapshots * perSnapshot) problems.push(text);
  }
  return { problems, counts: new Map([["snapshots", snapshots]]) };
});
