// Measures the read of one page of a large file. ReadFile runs beside Inspect, the shortest call,
// over the Unix socket and in the same rounds. The daemon reads and compares a whole block for each
// page.
import { join } from "node:path";
import { connect, createFromLocalDirectory, type Client } from "../src/client/index.js";
import { median } from "./alternate.js";
import type { Row } from "./report.js";
import { makeDense, mib, startDaemon, withScratch } from "./scene.js";

const pageBytes = 4096;
const callsPerRound = 300;

export async function readCases(bytes: number, rounds: number): Promise<Row[]> {
  const group = `ReadFile: ${pageBytes} bytes of ${bytes / mib} MiB, verified, over the Unix socket`;
  return withScratch(async (scratch) => {
    await using daemon = await startDaemon(join(scratch, "root"));
    const source = await makeDense(join(scratch, "source"), bytes);
    await createFromLocalDirectory(daemon.client, source, { config: { name: "vm" } });
    await using client = connect(daemon.socketAddress);
    const calls = {
      Inspect: async (): Promise<void> => void (await client.inspect("vm")),
      ReadFile: () => readPage(client, bytes, false),
      "ReadFile with skip_verify": () => readPage(client, bytes, true),
    };
    const names = Object.keys(calls) as (keyof typeof calls)[];
    const medians = new Map<string, number[]>(names.map((name) => [name, []]));
    // The first round is a warm-up.
    for (let round = -1; round < rounds; round += 1) {
      const times = new Map<string, number[]>(names.map((name) => [name, []]));
      for (let call = 0; call < callsPerRound; call += 1) {
        for (const name of names) {
          const started = performance.now();
          await calls[name]();
          times.get(name)?.push(performance.now() - started);
        }
      }
      if (round < 0) continue;
      for (const name of names) medians.get(name)?.push(median(times.get(name) ?? []));
    }
    const spread = (values: readonly number[]) => ({
      ...{ value: median(values), low: Math.min(...values), high: Math.max(...values) },
    });
    const rows = names.map((name): Row => {
      return { group, name: `${name}, p50`, unit: "ms", ...spread(medians.get(name) ?? []) };
    });
    const inspect = medians.get("Inspect") ?? [];
    const each = (medians.get("ReadFile") ?? []).map((ms, round) => ms / (inspect[round] ?? 0));
    const name = "ReadFile ÷ Inspect";
    rows.push({ group, name, unit: "ratio", ...spread(each), must: 4, aim: 2, atMost: true });
    return rows;
  });
}

async function readPage(client: Client, bytes: number, skipVerify: boolean): Promise<void> {
  const page = Math.floor((Math.random() * bytes) / pageBytes);
  const range = { offset: BigInt(page * pageBytes), length: BigInt(pageBytes) };
  const request = { ref: "vm", file: "memory", ranges: [range], skipVerify };
  const reader = await client.readFile(request);
  let read = 0;
  for await (const part of reader.parts) read += part.length;
  if (read !== pageBytes) throw new Error(`read ${read} bytes`);
}
