// `npm run soak:readers -- --minutes M --seed S`: 32 readers against deletion, replacement, collection.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { playReaders } from "./readers.js";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "5" },
      seed: { type: "string", default: "1" },
      readers: { type: "string", default: "32" },
    },
  });
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort());
  const directory = await mkdtemp(join(tmpdir(), "stasis-readers-"));
  try {
    const { problems, counts } = await playReaders({
      directory,
      seed: Number(values.seed),
      readers: Number(values.readers),
      outlived: Infinity,
      limitMs: Number(values.minutes) * 60_000,
      signal: stopping.signal,
    });
    for (const [what, times] of [...counts].sort()) process.stdout.write(`${times} ${what}\n`);
    process.stdout.write(`${problems.length} problems\n${problems.slice(0, 20).join("\n")}\n`);
    process.exitCode = problems.length === 0 ? 0 : 1;
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

await main();
