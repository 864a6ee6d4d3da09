// Runs the measured good client of `npm run lab -- soak-hostile`. The client has its own process,
// so that only the daemon and the machine's processors delay it. Prints the latencies of its
// Inspects.
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "../../src/client/index.js";
import type { Latencies } from "./hostile.js";

const betweenInspectsMs = 5;
/**
 * Calls in this first part of the run are not counted, because opening the connection and running
 * new code is slow.
 */
const warmUpMs = 1000;

const [address = "", seconds = "0"] = process.argv.slice(2);
const token = process.env["HOSTILE_TOKEN"];
const client = connect(address, token === undefined ? {} : { token });
const begin = performance.now() + warmUpMs;
const end = begin + Number(seconds) * 1000;
const times: number[] = [];
let refused = 0;
while (performance.now() < end) {
  const before = performance.now();
  try {
    await client.inspect("large", { timeoutMs: 60_000 });
  } catch {
    refused++;
  }
  if (before >= begin) times.push(performance.now() - before);
  await pause(betweenInspectsMs);
}
client.close();
times.sort((a, b) => a - b);
const at = (share: number): number =>
  times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
const latencies: Latencies = {
  inspects: times.length,
  refused,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  maxMs: times.at(-1) ?? 0,
};
process.stdout.write(`latencies ${JSON.stringify(latencies)}\n`);
