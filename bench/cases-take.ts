// Measures TakeToDirectory, which moves the files of a snapshot out of the store. The move is a
// rename, so its cost must not depend on the size. The cases take a large snapshot and a small one
// in the same rounds.
import { join } from "node:path";
import { connect, type Client } from "../src/client/index.js";
import { alternate, median } from "./alternate.js";
import type { Row } from "./report.js";
import { makeDense, mib, startDaemon, withScratch } from "./scene.js";

const smallBytes = 16 * mib;

export async function takeCases(bytes: number, rounds: number): Promise<Row[]> {
  const group = `Take: ${bytes / mib} MiB beside ${smallBytes / mib} MiB, without holes`;
  return withScratch(async (scratch) => {
    await using daemon = await startDaemon(join(scratch, "root"));
    // Calls on directories of the node need the socket.
    await using client = connect(daemon.socketAddress);
    const subjects = [
      { name: "large", bytes },
      { name: "small", bytes: smallBytes },
    ];
    const cases = [];
    for (const subject of subjects) {
      const directory = await makeDense(join(scratch, subject.name), subject.bytes);
      await giveBack(client, subject.name, directory);
      cases.push({
        name: `TakeToDirectory, ${subject.bytes / mib} MiB`,
        run: async (): Promise<void> => {
          await client.takeToDirectory({ ref: subject.name, directory });
        },
        after: () => giveBack(client, subject.name, directory),
        bytes: 0,
      });
    }
    const outcomes = await alternate(cases, rounds);
    const rows = outcomes.map(({ name, times }): Row => {
      const [low, high] = [Math.min(...times), Math.max(...times)];
      return { group, name, unit: "ms", value: median(times), low, high };
    });
    const [large, small] = outcomes.map(({ times }) => times);
    const each = (large ?? []).map((ms, round) => ms / (small?.[round] ?? Number.NaN));
    rows.push({
      ...{ group, name: "large ÷ small", unit: "ratio", value: median(each) },
      ...{ low: Math.min(...each), high: Math.max(...each), must: 1.5, aim: 1.1, atMost: true },
    });
    return rows;
  });
}

const hashLimitMs = 20 * 60_000;

/** Stores the directory again, and waits until no background work reads the snapshot any more. */
async function giveBack(client: Client, name: string, directory: string): Promise<void> {
  await client.createFromDirectory({ directory, config: { name } });
  const end = performance.now() + hashLimitMs;
  while ((await client.inspect(name)).snapshot?.digest === "") {
    if (performance.now() > end) throw new Error(`the digests of ${name} are not computed`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
