// Sets up the stage of a rehearsal: two nodes, tenants, an orchestrator and a real Prometheus. The
// player looks after node1, whose disk and whose link to node2 can get faults.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createCleanup } from "../../src/base/cleanup.js";
import { changeTokenFile, makeToken, type NewToken } from "../../src/config/token-file.js";
import { noPrometheus, openPrometheus, type Prometheus } from "../observe/prometheus.js";
import { openWireProxy, type WireProxy } from "../replication/wire-proxy.js";
import { makeSource, piece } from "../store/contents.js";
import { cannotMount } from "../support/scratch.js";
import { cannotServeDisk } from "../support/served-disk.js";
import { hurryRules } from "./hurry.js";
import { startLoad, type Load, type Tenant } from "./load.js";
import { startRehearsalNode, type RehearsalNode } from "./node.js";
import { openSlowDisk, type SlowDisk } from "./slow-disk.js";

export interface Stage extends AsyncDisposable {
  readonly node1: RehearsalNode;
  readonly node2: RehearsalNode;
  readonly disk: SlowDisk;
  readonly link: WireProxy;
  readonly tenants: readonly [Tenant, Tenant, Tenant];
  readonly load: Load;
  readonly prometheus: Prometheus;
  /** The token for the web page. */
  readonly operatorToken: string;
}

export interface StageOptions {
  /** An empty directory. Its path must be short. */
  readonly directory: string;
  /** The divisor of the times in the alert rules. */
  readonly hurry: number;
  /** The interval of Prometheus's scrapes and evaluations, in milliseconds. */
  readonly intervalMs: number;
}

const shippedRules = fileURLToPath(
  new URL("../../../deploy/prometheus/stasis-alerts.yaml", import.meta.url),
);

/** Returns the reason why no rehearsal can run here, or false. */
export function cannotRehearse(): string | false {
  return noPrometheus || cannotMount("ext4") || cannotServeDisk();
}

const diskMib = 768;
const mib = 1024 * 1024;

export async function openStage({ directory, hurry, intervalMs }: StageOptions): Promise<Stage> {
  await using cleanup = createCleanup();
  const keep = <T extends AsyncDisposable>(part: T): T => {
    cleanup.defer(async () => part[Symbol.asyncDispose]());
    return part;
  };
  const place = async (name: string): Promise<string> => {
    await mkdir(join(directory, name));
    return join(directory, name);
  };
  const credentials = await makeCredentials(directory);
  const disk = keep(await openSlowDisk(await place("disk"), diskMib));
  const { tokens, peerTokenFile } = credentials;
  const common = { directory, tokens };
  const node2 = keep(
    await startRehearsalNode({
      ...common,
      name: "node2",
      root: join(directory, "store2"),
      config: "",
    }),
  );
  const link = keep(await openWireProxy(node2.address));
  const peer = { name: "node2", address: link.address, token_file: peerTokenFile };
  const lines = Object.entries(peer).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const config = `scrub_interval = "2m"\n[[peers]]\n${lines.join("\n")}\n`;
  const root = join(disk.mountPoint, "stasis");
  const node1 = keep(await startRehearsalNode({ ...common, name: "node1", root, config }));
  const rules = join(directory, "stasis-alerts.yaml");
  await writeFile(rules, hurryRules(await readFile(shippedRules, "utf8"), hurry));
  const prometheus = keep(
    await openPrometheus({
      directory: await place("prometheus"),
      targets: { node1: node1.admin, node2: node2.admin },
      ...{ rules, intervalMs, tokenFile: credentials.prometheusTokenFile },
    }),
  );
  const tenant = (name: string): Tenant => {
    const prefix = `${name}/`;
    const token = credentials.add({ name, role: "writer", namePrefix: prefix });
    return { name, prefix, address: node1.address, token };
  };
  const tenants = [tenant("anna"), tenant("ben"), tenant("carl")] as const;
  const sources = await place("sources");
  const vms = await Promise.all(
    [0, 1, 2, 3, 4, 5, 6].map((index) => makeVm(join(sources, `vm-${index}`), index)),
  );
  const load = keep(
    await startLoad({
      ...{ tenants, sources: vms, node: node1.socket, peer: node2.socket, peerName: "node2" },
      newSource: (round) => makeVm(join(sources, `nightly-${round}`), 1000 + round),
    }),
  );
  const { operatorToken } = credentials;
  const parts = { node1, node2, disk, link, tenants, load, prometheus, operatorToken };
  return { ...parts, [Symbol.asyncDispose]: cleanup.release() };
}

async function makeCredentials(directory: string) {
  const tokens = join(directory, "tokens.json");
  const add = (who: Omit<NewToken, "expiresAt">): string => {
    const { token, record } = makeToken({ ...who, expiresAt: undefined }, new Date());
    changeTokenFile(tokens, (records) => [...records, record]);
    return token;
  };
  const addFile = async (who: Omit<NewToken, "expiresAt">): Promise<string> => {
    const path = join(directory, `${who.name}.token`);
    await writeFile(path, add(who), { mode: 0o600 });
    return path;
  };
  return {
    ...{ tokens, add },
    operatorToken: add({ name: "on-call", role: "operator", namePrefix: "" }),
    peerTokenFile: await addFile({ name: "node1", role: "peer", namePrefix: "" }),
    prometheusTokenFile: await addFile({ name: "prometheus", role: "reader", namePrefix: "" }),
  };
}

/** Makes the directory of a small VM with 2.3 MiB of data. Each index gives different data. */
function makeVm(directory: string, index: number): Promise<string> {
  return makeSource(directory, [
    { name: "config.json", sizeBytes: 2, pieces: [piece(0, 2)] },
    { name: "cow.raw", sizeBytes: 64 * mib, pieces: [piece(0, 2 * mib - index)] },
    { name: "memory-ranges", sizeBytes: 8 * mib, pieces: [piece(mib, 300_000 + index)] },
  ]);
}
