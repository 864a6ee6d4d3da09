// `npm run soak:flips -- --flips N --seed S`: random byte flips in data files.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { playFlips } from "./flips.js";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      flips: { type: "string", default: "10000" },
      seed: { type: "string", default: "1" },
    },
  });
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort());
  const directory = await mkdtemp(join(tmpdir(), "stasis-flips-"));
  try {
    const { problems, counts } = await playFlips({
      directory,
      seed: Number(values.seed),
      flips: Number(values.flips),
      signal: stopping.signal,
    });
    for (const [what, times] of counts) process.stdout.write(`${times} ${what}\n`);
    process.stdout.write(`${problems.length} problems\n${problems.slice(0, 20).join("\n")}\n`);
    process.exitCode = problems.length === 0 ? 0 : 1;
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

await main();
