// Measures operations whose cost must not depend on the logical size: a nearly empty disk, and
// copies by reflink.
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { connect, createFromLocalDirectory } from "../src/client/index.js";
import { alternate, median, type Case } from "./alternate.js";
import type { Row } from "./report.js";
import {
  discard,
  drop,
  gib,
  makeDense,
  makeSparse,
  mib,
  startDaemon,
  unkept,
  withScratch,
} from "./scene.js";
import { shell } from "./shell.js";
import { canMount, mountImage } from "./xfs-image.js";

const diskBytes = 10 * gib;
const diskDataBytes = 25 * mib;

export async function sparseCases(rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    const source = await makeSparse(join(scratch, "source"), diskBytes, diskDataBytes);
    await using daemon = await startDaemon(join(scratch, "root"));
    const { client } = daemon;
    await createFromLocalDirectory(client, source, { config: { name: "kept" } });
    let wireBytes = 0;
    const copy = join(scratch, "copy");
    const dropCopy = (): Promise<void> => rm(copy, { recursive: true, force: true });
    const cases: Case[] = [
      {
        name: "Create",
        run: async () => {
          await createFromLocalDirectory(client, source, { config: { name: "new" } });
        },
        after: () => drop(client, "new"),
        bytes: 0,
      },
      {
        name: "Export",
        run: async () => void (wireBytes = await discard(await client.export("kept", unkept))),
        bytes: 0,
      },
      {
        name: "cp -r --sparse=always, sync",
        run: () => shell(`cp -r --sparse=always '${source}' '${copy}' && sync -f '${copy}'`),
        after: dropCopy,
        bytes: 0,
      },
      {
        name: "tar -S c | tar x, sync",
        run: () =>
          shell(
            `mkdir '${copy}'; tar -C '${source}' -Sc . | tar -C '${copy}' -x; sync -f '${copy}'`,
          ),
        after: dropCopy,
        bytes: 0,
      },
    ];
    const outcomes = await alternate(cases, rounds);
    const { blocks } = await stat(join(source, "cow.raw"));
    const group = "10 GiB disk with 25 MiB of data";
    const rows = outcomes.map(({ name, times }): Row => {
      const goal =
        name === "Create" || name === "Export" ? { must: 250, aim: 120, atMost: true } : {};
      const [low, high] = [Math.min(...times), Math.max(...times)];
      return { group, name, unit: "ms", value: median(times), low, high, ...goal };
    });
    const value = wireBytes / (blocks * 512);
    const name = "bytes on the wire ÷ its data";
    return [...rows, { group, name, unit: "ratio", value, must: 1.05, aim: 1.01, atMost: true }];
  });
}

export async function reflinkCases(bytes: number, rounds: number): Promise<Row[]> {
  const group = `Wake-up on xfs with reflink, ${bytes / mib} MiB`;
  const why = await canMount();
  if (why !== undefined) {
    return [{ group, name: "ExportToDirectory", unit: "skipped", value: 0, note: why }];
  }
  return withScratch(async (scratch) => {
    await using mounted = await mountImage(scratch, 3 * bytes + gib);
    const source = await makeDense(join(mounted.directory, "source"), bytes);
    await using daemon = await startDaemon(join(mounted.directory, "root"));
    // Calls on directories of the node need the socket.
    await using client = connect(daemon.socketAddress);
    await client.createFromDirectory({ directory: source, config: { name: "kept" } });
    // The daemon computes the digests of the snapshot in the background, and the measurement needs
    // an idle machine.
    await shell(`sync -f '${mounted.directory}'`);
    for (let turn = 0; turn < 600; turn += 1) {
      const { snapshot } = await client.inspect("kept");
      if (snapshot?.digest !== "") break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const out = join(mounted.directory, "out");
    const outcomes = await alternate(
      [
        {
          name: "ExportToDirectory, durable",
          run: async () => void (await client.exportToDirectory({ ref: "kept", directory: out })),
          after: () => rm(out, { recursive: true, force: true }),
          bytes: 0,
        },
        {
          name: "OpenDataDirectory",
          run: async () => {
            await using lease = await client.openDataDirectory("kept");
            void lease;
          },
          bytes: 0,
        },
        {
          name: "cp -r --reflink=always, sync",
          run: () =>
            shell(`cp -r --reflink=always '${daemon.root}/data' '${out}' && sync -f '${out}'`),
          after: () => rm(out, { recursive: true, force: true }),
          bytes: 0,
        },
      ],
      rounds,
    );
    const rows = outcomes.map(({ name, times }): Row => {
      const goal = name.startsWith("ExportTo") ? { must: 60, aim: 20, atMost: true } : {};
      const [low, high] = [Math.min(...times), Math.max(...times)];
      return { group, name, unit: "ms", value: median(times), low, high, ...goal };
    });
    const times: number[] = [];
    await Promise.all(
      Array.from({ length: 32 }, async (_, caller) => {
        for (let turn = 0; turn < 5; turn += 1) {
          const started = performance.now();
          const directory = join(mounted.directory, `out-${caller}-${turn}`);
          await client.exportToDirectory({ ref: "kept", directory });
          times.push(performance.now() - started);
        }
      }),
    );
    times.sort((a, b) => a - b);
    const at = (share: number): number =>
      times[Math.floor(share * (times.length - 1))] ?? Number.NaN;
    rows.push({ group, name: "ExportToDirectory, 32 callers, p50", unit: "ms", value: at(0.5) });
    rows.push({ group, name: "ExportToDirectory, 32 callers, p99", unit: "ms", value: at(0.99) });
    return rows;
  });
}
