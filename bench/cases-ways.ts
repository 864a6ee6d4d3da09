// Measures the same bytes on other ways: TLS, a Unix socket, the command line, and a link with a
// delay. It also measures the time that other programs need to copy the same directory.
import { createCleanup } from "../src/base/cleanup.js";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { connect, createFromLocalDirectory, restoreToLocalDirectory } from "../src/client/index.js";
import { changeTokenFile, makeToken } from "../src/config/token-file.js";
import type { Client } from "../src/client/client.js";
import { makeAuthority } from "../test/access/certificates.js";
import { runModule } from "../test/support/child.js";
import { alternate, type Case } from "./alternate.js";
import { hasProgram, type Row } from "./report.js";
import { rates, ratios } from "./rows.js";
import {
  discard,
  drop,
  makeDense,
  mib,
  startDaemon,
  startRaw,
  unkept,
  withScratch,
} from "./scene.js";
import { shell } from "./shell.js";

/** Compares TCP, Unix socket, TLS and the command line, on the same files. */
export async function wayCases(bytes: number, rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    const source = await makeDense(join(scratch, "source"), bytes);
    await using daemon = await startDaemon(join(scratch, "root"));
    await using unix = connect(daemon.socketAddress);
    await createFromLocalDirectory(daemon.client, source, { config: { name: "kept" } });
    await using secure = await startSecureDaemon(scratch);
    await createFromLocalDirectory(secure.client, source, { config: { name: "kept" } });
    const stasis = `'${process.execPath}' '${new URL("../src/main.js", import.meta.url).pathname}'`;
    const cli = `${stasis} --quiet --addr ${daemon.address}`;
    const cases: Case[] = [
      ...bothDirections("TCP", daemon.client, source, bytes),
      ...bothDirections("Unix socket", unix, source, bytes),
      ...bothDirections("TLS", secure.client, source, bytes),
      {
        name: "Create, command line",
        run: () => shell(`${cli} create '${source}' --name new`),
        after: () => drop(daemon.client, "new"),
        bytes,
      },
      {
        name: "Restore, command line",
        run: () => shell(`${cli} restore kept -o - >/dev/null`),
        bytes,
      },
    ];
    const outcomes = await alternate(cases, rounds);
    const group = `Ways to the daemon, ${bytes / mib} MiB`;
    const goals = ["Unix socket", "TLS", "command line"].flatMap((way) =>
      ["Create", "Restore"].map((rpc) => ({ subject: `${rpc}, ${way}`, peer: `${rpc}, TCP` })),
    );
    return [...rates(group, outcomes), ...ratios(`${group}: rate ÷ TCP's`, outcomes, goals)];
  });
}

function bothDirections(way: string, client: Client, source: string, bytes: number): Case[] {
  return [
    {
      name: `Create, ${way}`,
      run: async () => {
        await createFromLocalDirectory(client, source, { config: { name: "new" } });
      },
      after: () => drop(client, "new"),
      bytes,
    },
    {
      name: `Restore, ${way}`,
      run: async () => void (await discard(await client.restore("kept", unkept))),
      bytes,
    },
  ];
}

/** Starts a daemon with TLS, and a client with an operator's token. */
async function startSecureDaemon(
  scratch: string,
): Promise<AsyncDisposable & { readonly client: Client }> {
  const authority = await makeAuthority(scratch, "authority");
  const server = await authority.issue("server", { names: "DNS:localhost,IP:127.0.0.1" });
  const tokens = join(scratch, "tokens.json");
  const identity = {
    name: "bench",
    role: "operator",
    namePrefix: "",
    expiresAt: undefined,
  } as const;
  const { token, record } = makeToken(identity, new Date());
  changeTokenFile(tokens, (records) => [...records, record]);
  const daemon = await startDaemon(join(scratch, "secure-root"), {
    "server-cert": server.cert,
    "server-key": server.key,
    tokens,
  });
  const client = connect(daemon.address, { tls: { ca: readFileSync(authority.cert) }, token });
  return {
    client,
    [Symbol.asyncDispose]: async () => {
      client.close();
      await daemon[Symbol.asyncDispose]();
    },
  };
}

const linkDelayMs = 10;

/** Measures a link that delays each byte by 10 ms per direction, so that an answer takes 20 ms. */
export async function linkCases(bytes: number, rounds: number): Promise<Row[]> {
  return withScratch(async (scratch) => {
    const source = await makeDense(join(scratch, "source"), bytes);
    await using links = createCleanup();
    const through = async (address: string): Promise<string> => {
      const link = await startLink(address);
      links.defer(async () => {
        await link[Symbol.asyncDispose]();
      });
      return link.address;
    };
    await using raw = await startRaw({ through });
    await using daemon = await startDaemon(join(scratch, "root"));
    await createFromLocalDirectory(daemon.client, source, { config: { name: "kept" } });
    await using client = connect(await through(daemon.address));
    const cases: Case[] = [
      { name: "raw, up", run: () => raw.run("up", bytes), bytes },
      { name: "raw, down", run: () => raw.run("down", bytes), bytes },
      ...bothDirections("20 ms", client, source, bytes),
    ];
    const outcomes = await alternate(cases, rounds);
    const group = `Link of 20 ms there and back, ${bytes / mib} MiB`;
    return [
      ...rates(group, outcomes),
      ...ratios(`${group}: rate ÷ raw's on the same link`, outcomes, [
        { subject: "Create, 20 ms", peer: "raw, up" },
        { subject: "Restore, 20 ms", peer: "raw, down" },
      ]),
    ];
  });
}

async function startLink(target: string): Promise<AsyncDisposable & { readonly address: string }> {
  const child = runModule(new URL("./delay-proxy.js", import.meta.url), [
    target,
    String(linkDelayMs),
  ]);
  const [, address = ""] = await child.line(/^listening on (.*)$/);
  return { address, [Symbol.asyncDispose]: () => child.kill() };
}

/** Measures rsync and restic on the same directory, each until its copy is on the disk. */
export async function toolCases(bytes: number, rounds: number): Promise<Row[]> {
  const group = `Other programs, ${bytes / mib} MiB`;
  const missing = ["rsync", "restic"].filter((name) => !hasProgram(name));
  if (missing.length > 0) {
    const note = `${missing.join(" and ")} not installed (apt-get install rsync restic)`;
    return [{ group, name: "rsync, restic", unit: "skipped", value: 0, note }];
  }
  return withScratch(async (scratch) => {
    const source = await makeDense(join(scratch, "source"), bytes);
    await using daemon = await startDaemon(join(scratch, "root"));
    const { client } = daemon;
    const [copy, repository, kept] = [
      join(scratch, "copy"),
      join(scratch, "r"),
      join(scratch, "k"),
    ];
    const init = (where: string): Promise<void> => shell(`${resticEnv}; ${resticOf(where)} init`);
    await createFromLocalDirectory(client, source, { config: { name: "kept" } });
    await init(repository);
    await init(kept);
    await shell(`${resticEnv}; ${resticOf(kept)} backup '${source}'`);
    const remove = (path: string) => () => rm(path, { recursive: true, force: true });
    const cases: Case[] = [
      {
        name: "Create",
        run: async () => {
          await createFromLocalDirectory(client, source, { config: { name: "new" } });
        },
        after: () => drop(client, "new"),
        bytes,
      },
      {
        name: "rsync -a, sync",
        run: () => shell(`rsync -a '${source}' '${copy}' && sync -f '${copy}'`),
        after: remove(copy),
        bytes,
      },
      {
        name: "restic backup",
        run: () => shell(`${resticEnv}; ${resticOf(repository)} backup '${source}'`),
        after: async () => {
          await remove(repository)();
          await init(repository);
        },
        bytes,
      },
      {
        name: "Restore into a directory",
        run: async () => void (await restoreToLocalDirectory(client, "kept", copy)),
        after: remove(copy),
        bytes,
      },
      {
        name: "restic restore, sync",
        run: () =>
          shell(
            `${resticEnv}; ${resticOf(kept)} restore latest --target '${copy}' && sync -f '${copy}'`,
          ),
        after: remove(copy),
        bytes,
      },
    ];
    const outcomes = await alternate(cases, rounds);
    return [
      ...rates(group, outcomes),
      ...ratios(`${group}: rate ÷ theirs`, outcomes, [
        { subject: "Create", peer: "rsync -a, sync" },
        { subject: "Create", peer: "restic backup" },
        { subject: "Restore into a directory", peer: "restic restore, sync" },
      ]),
    ];
  });
}

/** Without `--no-cache`, a cache of restic's own would outlive the scratch folder. */
const resticEnv = "export RESTIC_PASSWORD=bench";
const resticOf = (where: string): string => `restic -q --no-cache -r '${where}'`;
