// Starts a Ceph cluster with an S3 gateway: one monitor, one manager, three OSDs that keep two
// copies, and one RGW. Debian's packages are radosgw, ceph-mon, ceph-osd, ceph-mgr and ceph-common.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { run, type Child } from "../support/child.js";
import { freePort } from "../support/free-port.js";
import { endAll, makeBucket, type Cluster } from "./cluster.js";

const execute = promisify(execFile);
const osds = [0, 1, 2];
const keys = { accessKeyId: "test", secretAccessKey: "testsecret" };
/** The first command of radosgw-admin makes the pools of the gateway, which can take long. */
const commandLimitMs = 180_000;

/** `directory` must be empty and have a short path, because the daemons put their sockets there. */
export async function startCeph(directory: string): Promise<Cluster> {
  const ceph = new Ceph(directory);
  try {
    return await ceph.start();
  } catch (error) {
    await ceph.end();
    throw error;
  }
}

class Ceph {
  readonly #directory: string;
  readonly #daemons: Child[] = [];
  #osd: Child | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async start(): Promise<Cluster> {
    const port = await freePort();
    await this.#configure(port);
    await this.#startMonitor();
    for (const id of osds) await this.#makeOsd(id);
    this.#daemon("ceph-mgr", "-i", "x");
    await this.#run(
      "radosgw-admin",
      ...["user", "create", "--uid=test", "--display-name=test"],
      ...[`--access-key=${keys.accessKeyId}`, `--secret-key=${keys.secretAccessKey}`],
    );
    const gateway = this.#daemon("radosgw", "-n", "client.admin");
    const endpoint = `http://127.0.0.1:${port}`;
    await makeBucket({ endpoint, region: "us-east-1", keys });
    const { stdout: version } = await this.#run("ceph-osd", "--version");
    return {
      endpoint,
      keys,
      description: `${version.trim()}, ${osds.length} OSDs, two copies`,
      signal: (name) => gateway.signal(name),
      killNode: async () => this.#osd?.kill(),
      startNode: async () => {
        this.#osd = this.#daemon("ceph-osd", "-i", "1");
      },
      [Symbol.asyncDispose]: () => this.end(),
    };
  }

  async end(): Promise<void> {
    await endAll(this.#daemons);
  }

  async #configure(port: number): Promise<void> {
    const at = (...names: readonly string[]): string => join(this.#directory, ...names);
    for (const name of ["mon", "mgr", "rgw", "run", "log", ...osds.map((id) => `osd${id}`)]) {
      await mkdir(at(name));
    }
    const monitors = `[v2:127.0.0.1:${await freePort()},v1:127.0.0.1:${await freePort()}]`;
    await writeFile(at("ceph.conf"), configuration(this.#directory, monitors, port));
    await this.#run("ceph-authtool", "--create-keyring", at("keyring"), ...newKey("mon."));
    for (const name of ["client.admin", "mgr.x", ...osds.map((id) => `osd.${id}`)]) {
      await this.#run("ceph-authtool", at("keyring"), ...newKey(name));
    }
    await this.#run(
      "monmaptool",
      ...["--create", "--fsid", clusterId, "--addv", "a", monitors, at("monmap")],
    );
  }

  async #startMonitor(): Promise<void> {
    const at = (name: string): string => join(this.#directory, name);
    const files = ["--monmap", at("monmap"), "--keyring", at("keyring")];
    await this.#run("ceph-mon", "--mkfs", "-i", "a", ...files);
    this.#daemon("ceph-mon", "-i", "a");
  }

  async #makeOsd(id: number): Promise<void> {
    await this.#run("ceph", "osd", "create");
    await this.#run("ceph-osd", "-i", String(id), "--mkfs");
    const osd = this.#daemon("ceph-osd", "-i", String(id));
    if (id === 1) this.#osd = osd;
    await this.#run(
      "ceph",
      ...["osd", "crush", "add", `osd.${id}`, "1.0", "root=default", `host=h${id}`],
    );
  }

  /** Starts a daemon in the foreground, so that this process can end it. */
  #daemon(program: string, ...args: readonly string[]): Child {
    const child = run(program, [...args, "-f"], this.#environment());
    this.#daemons.push(child);
    return child;
  }

  #run(program: string, ...args: readonly string[]): Promise<{ readonly stdout: string }> {
    const env = { ...process.env, ...this.#environment() };
    return execute(program, args, { env, timeout: commandLimitMs });
  }

  #environment(): Readonly<Record<string, string>> {
    return { CEPH_CONF: join(this.#directory, "ceph.conf") };
  }
}

const clusterId = "11111111-2222-3333-4444-555555555555";

function newKey(name: string): readonly string[] {
  const caps = ["mon", "osd", "mgr"].flatMap((daemon) => ["--cap", daemon, "allow *"]);
  return ["--gen-key", "-n", name, ...caps];
}

/** Returns a ceph.conf with few placement groups. A dead OSD is noticed after about six seconds. */
function configuration(directory: string, monitors: string, port: number): string {
  const lines: Readonly<Record<string, string>> = {
    fsid: clusterId,
    "mon host": monitors,
    keyring: `${directory}/keyring`,
    "osd pool default size": "2",
    "osd pool default min size": "1",
    "osd crush chooseleaf type": "1",
    "osd crush update on start": "false",
    "auth allow insecure global id reclaim": "false",
    "run dir": `${directory}/run`,
    "admin socket": `${directory}/run/$name.asok`,
    "log file": `${directory}/log/$name.log`,
    "osd pool default pg num": "4",
    "osd pool default pgp num": "4",
    "osd pool default pg autoscale mode": "off",
    "mon data": `${directory}/mon`,
    "mon data avail crit": "1",
    "mon data avail warn": "2",
    "mon osd down out interval": "3600",
    "mon osd min down reporters": "1",
    "osd heartbeat grace": "6",
    "osd heartbeat interval": "2",
    "mgr data": `${directory}/mgr`,
    "mgr initial modules": "",
    "osd data": `${directory}/osd$id`,
    "osd objectstore": "bluestore",
    "bluestore block size": String(6 * 1024 ** 3),
    "osd memory target": "939524096",
    "public addr": "127.0.0.1",
    "cluster addr": "127.0.0.1",
    "rgw frontends": `beast endpoint=127.0.0.1:${port}`,
    "rgw data": `${directory}/rgw`,
    "rgw thread pool size": "64",
  };
  const text = Object.entries(lines).map(([key, value]) => `${key} = ${value}`);
  return `[global]\n${text.join("\n")}\n`;
}
