// Measures dense data through gRPC, compared with the raw loopback, tar and cp, on the same files
// in the same rounds.
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { createFromLocalDirectory, readLocalFile } from "../src/client/index.js";
import { Compression } from "../gen/ts/stasis/v1/snapshot_service_pb.js";
import { alternate, type Case } from "./alternate.js";
import type { Row } from "./report.js";
import { cpuPerGib, memoryRow, rates, ratios, type Goal } from "./rows.js";
import { shell } from "./shell.js";
import {
  discard,
  drop,
  makeDense,
  makeMemoryLike,
  memoryOf,
  mib,
  startDaemon,
  startRaw,
  unkept,
  withScratch,
  type Daemon,
} from "./scene.js";

export async function transferCases(bytes: number, rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    const source = await makeDense(join(scratch, "source"), bytes);
    await using raw = await startRaw();
    await using preparedRaw = await startRaw({ prepared: true });
    const rawCase = (direction: "up" | "down", prepared: boolean): Case => {
      const loopback = prepared ? preparedRaw : raw;
      return {
        name: `${prepared ? "prepared" : "raw"} loopback, ${direction}`,
        run: () => loopback.run(direction, bytes),
        bytes,
        processes: loopback.pids,
      };
    };
    await using daemon = await startDaemon(join(scratch, "root"));
    const { client } = daemon;
    await createFromLocalDirectory(client, source, { config: { name: "kept" } });
    const archive = join(scratch, "kept.tar");
    await save(daemon, archive, Compression.NONE);
    const dropNew = (): Promise<void> => drop(client, "new");
    const copy = join(scratch, "copy");
    const dropCopy = (): Promise<void> => rm(copy, { recursive: true, force: true });
    const quoted = `'${source}' '${copy}'`;
    const cases: Case[] = [
      rawCase("up", true),
      rawCase("up", false),
      {
        name: "Create",
        run: async () => {
          await createFromLocalDirectory(client, source, { config: { name: "new" } });
        },
        after: dropNew,
        bytes,
        processes: [daemon.pid],
      },
      {
        name: "Import",
        run: async () => {
          const stream = readLocalFile(archive);
          await client.import({ name: "new" }, stream);
        },
        after: dropNew,
        bytes,
        processes: [daemon.pid],
      },
      rawCase("down", true),
      rawCase("down", false),
      {
        name: "Restore",
        run: async () => void (await discard(await client.restore("kept", unkept))),
        bytes,
        processes: [daemon.pid],
      },
      {
        name: "Export",
        run: async () => void (await discard(await client.export("kept", unkept))),
        bytes,
        processes: [daemon.pid],
      },
      {
        name: "tar c | tar x, sync",
        run: () =>
          shell(
            `mkdir '${copy}' && tar -C '${source}' -c . | tar -C '${copy}' -x && sync -f '${copy}'`,
          ),
        after: dropCopy,
        bytes,
      },
      {
        name: "cp -r, sync",
        run: () => shell(`cp -r --reflink=never ${quoted} && sync -f '${copy}'`),
        after: dropCopy,
        bytes,
      },
      {
        name: "dd, fsync",
        run: () => shell(`dd if='${join(source, "memory")}' of='${copy}' bs=512K conv=fsync 2>&1`),
        after: dropCopy,
        bytes,
      },
    ];
    /**
     * The number of cases that run in two processes. The cases after them start their own tools.
     */
    const streamed = 8;
    const outcomes = await alternate(cases, rounds);
    const goals: Goal[] = [
      { subject: "Restore", peer: "raw loopback, down", must: 0.7, aim: 0.9 },
      { subject: "Export", peer: "raw loopback, down", must: 0.7, aim: 0.9 },
      { subject: "Create", peer: "raw loopback, up", must: 0.45, aim: 0.7 },
      { subject: "Import", peer: "raw loopback, up", must: 0.45, aim: 0.7 },
      { subject: "Create", peer: "tar c | tar x, sync", must: 0.8, aim: 1.2 },
      { subject: "Import", peer: "tar c | tar x, sync", must: 0.8, aim: 1.2 },
      // The raw loopback is grpc-js with our windows and chunks. The peers from here on are upper
      // bounds without a goal.
      { subject: "Restore", peer: "prepared loopback, down" },
      { subject: "Export", peer: "prepared loopback, down" },
      { subject: "Create", peer: "prepared loopback, up" },
      { subject: "Import", peer: "prepared loopback, up" },
      { subject: "Create", peer: "cp -r, sync" },
      // This peer only writes the bytes and waits for the disk.
      { subject: "Create", peer: "dd, fsync" },
    ];
    const { peakBytes } = await memoryOf(daemon.pid);
    return [
      ...rates(`Dense, ${bytes / mib} MiB`, outcomes),
      ...ratios(`Dense, ${bytes / mib} MiB: rate ÷ peer's`, outcomes, goals),
      ...cpuPerGib(
        "CPU time of client and server together, seconds per GiB",
        outcomes.slice(0, streamed),
      ),
      memoryRow("Peak RSS of the daemon after the dense cases", peakBytes),
    ];
  });
}

export async function compressionCases(bytes: number, rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    const source = await makeMemoryLike(join(scratch, "source"), bytes);
    await using daemon = await startDaemon(join(scratch, "root"));
    const { client } = daemon;
    await createFromLocalDirectory(client, source, { config: { name: "kept" } });
    const cases: Case[] = [];
    for (const kind of ["GZIP", "ZSTD"] as const) {
      const compression = Compression[kind];
      const archive = join(scratch, `kept.${kind}`);
      await save(daemon, archive, compression);
      cases.push(
        {
          name: `Export ${kind}`,
          run: async () =>
            void (await discard(await client.export({ ref: "kept", compression }, unkept))),
          bytes,
        },
        {
          name: `Import ${kind}`,
          run: async () => {
            const stream = readLocalFile(archive);
            await client.import({ name: "new" }, stream);
          },
          after: () => drop(client, "new"),
          bytes,
        },
      );
    }
    const tar = `tar -C '${source}' -c .`;
    cases.push({
      name: "tar | zstd -1",
      run: () => shell(`${tar} | zstd -q -1 >/dev/null`),
      bytes,
    });
    cases.push({ name: "tar | gzip -1", run: () => shell(`${tar} | gzip -1 >/dev/null`), bytes });
    const outcomes = await alternate(cases, rounds);
    const group = `Compressed, ${bytes / mib} MiB like memory`;
    return [
      ...rates(group, outcomes),
      ...ratios(`${group}: rate ÷ peer's`, outcomes, [
        { subject: "Export ZSTD", peer: "tar | zstd -1", must: 0.8, aim: 1 },
        { subject: "Export GZIP", peer: "tar | gzip -1" },
      ]),
    ];
  });
}

/** Exports a snapshot into a file. */
export async function save(
  daemon: Daemon,
  path: string,
  compression: Compression,
  ref = "kept",
): Promise<void> {
  const download = await daemon.client.export({ ref, compression });
  const handle = await open(path, "wx");
  for await (const chunk of download.bytes) await handle.write(chunk);
  await handle.close();
}
