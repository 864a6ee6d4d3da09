// Inspects one snapshot every few milliseconds until SIGTERM, as a client in its own process: `node
// inspect-load.js ADDRESS REF`. It prints the waits in milliseconds as one line of JSON.
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "../src/client/index.js";

const [address = "", ref = ""] = process.argv.slice(2);
const pauseMs = 2;
const ending = new AbortController();
process.once("SIGTERM", () => ending.abort());
const client = connect(address);
await client.inspect(ref);
console.log("started");
const waitsMs: number[] = [];
while (!ending.signal.aborted) {
  const asked = performance.now();
  await client.inspect(ref);
  waitsMs.push(Number((performance.now() - asked).toFixed(3)));
  await pause(pauseMs);
}
client.close();
console.log(JSON.stringify(waitsMs));
