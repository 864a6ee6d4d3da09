// Starts two daemons and the link between them. The link is a counting proxy, or a veth pair of 1
// Gbit/s between two network namespaces.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { connect, type Client } from "../src/client/index.js";
import { run, runModule, type Child } from "../test/support/child.js";
import { openWireProxy } from "../test/replication/wire-proxy.js";
import { shell } from "./shell.js";

export interface BenchNode {
  readonly pid: number;
  readonly client: Client;
  /** The address for other programs in the same namespace. */
  readonly address: string;
}

export interface Link extends AsyncDisposable {
  readonly what: string;
  readonly from: BenchNode;
  readonly to: BenchNode;
  /** The address at which `to` reaches `from` over the link. */
  readonly peer: string;
  /** Bytes in both directions since the link was opened. */
  wireBytes(): Promise<number>;
  /** Runs `stasis ARGUMENTS` on the receiver's side. Several commands form a pipeline. */
  stasis(...commands: readonly string[]): Promise<void>;
}

const program = fileURLToPath(new URL("../src/main.js", import.meta.url));
const call = promisify(execFile);

/** Opens a link with both daemons on the loopback device. It counts the bytes that TCP carries. */
export async function openLoopbackLink(scratch: string): Promise<Link> {
  const from = await startNode(join(scratch, "from"), "127.0.0.1:0");
  const to = await startNode(join(scratch, "to"), "127.0.0.1:0");
  const proxy = await openWireProxy(from.address);
  return {
    what: "loopback",
    from,
    to,
    peer: proxy.address,
    wireBytes: () => Promise.resolve(proxy.passedBytes()),
    stasis: (...commands) => pipeline("", commands),
    [Symbol.asyncDispose]: async () => {
      await stop(from);
      await stop(to);
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/**
 * Opens a link between two namespaces, with both ends limited to 1 Gbit/s by tbf. A proxy on the
 * receiver's side makes the delay, because few kernels have netem. `roundTripMs` is the delay of
 * both directions together. The link counts the bytes of the veth device, including headers.
 */
export async function openNamespaceLink(scratch: string, roundTripMs: number): Promise<Link> {
  const [a, b] = [`stasis-a-${process.pid}`, `stasis-b-${process.pid}`];
  const host = "10.213.0.1";
  const children: Child[] = [];
  const close = async (): Promise<void> => {
    for (const child of children) {
      child.signal("SIGTERM");
      await child.exited;
    }
    for (const name of [a, b]) await call("ip", ["netns", "del", name]).catch(() => undefined);
  };
  try {
    await shell(`ip netns add ${a} && ip netns add ${b}`);
    await shell(`ip link add veth-a netns ${a} type veth peer name veth-b netns ${b}`);
    for (const [name, device, address] of [
      [a, "veth-a", `${host}/24`],
      [b, "veth-b", "10.213.0.2/24"],
    ] as const) {
      const inside = `ip netns exec ${name}`;
      await shell(`${inside} ip addr add ${address} dev ${device}`);
      await shell(`${inside} ip link set ${device} up && ${inside} ip link set lo up`);
      const shape = "tbf rate 1gbit burst 256k latency 50ms";
      await shell(`${inside} tc qdisc add dev ${device} root ${shape}`);
    }
    const from = await startNode(join(scratch, "from"), `${host}:0`, ["ip", "netns", "exec", a]);
    children.push(from.child);
    const to = await startNode(join(scratch, "to"), "127.0.0.1:0", ["ip", "netns", "exec", b]);
    children.push(to.child);
    const delay = fileURLToPath(new URL("./delay-proxy.js", import.meta.url));
    const proxy = run("ip", [
      ...["netns", "exec", b, process.execPath, delay],
      ...[from.address, String(roundTripMs / 2)],
    ]);
    children.push(proxy);
    const [, peer = ""] = await proxy.line(/^listening on (.*)$/);
    const counter = async (name: string): Promise<number> => {
      const path = `/sys/class/net/veth-b/statistics/${name}_bytes`;
      const { stdout } = await call("ip", ["netns", "exec", b, "cat", path]);
      return Number(stdout);
    };
    return {
      what: `1 Gbit/s, round trip ${roundTripMs} ms`,
      from,
      to,
      peer,
      wireBytes: async () => (await counter("rx")) + (await counter("tx")),
      stasis: (...commands) => pipeline(`ip netns exec ${b}`, commands),
      [Symbol.asyncDispose]: async () => {
        from.client.close();
        to.client.close();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startNode(
  root: string,
  listen: string,
  prefix: readonly string[] = [],
): Promise<BenchNode & { readonly child: Child }> {
  const flags = [
    `--root=${root}`,
    `--listen=${listen}`,
    "--reserve=0",
    "--unauthenticated-tcp=network",
  ];
  const [outer, ...rest] = prefix;
  const child =
    outer === undefined
      ? runModule(new URL("../src/main.js", import.meta.url), ["serve", ...flags])
      : run(outer, [...rest, process.execPath, program, "serve", ...flags]);
  const [, address = ""] = await child.line(/^listening on (\d+\.\d+\.\d+\.\d+:\d+)$/);
  // Processes in every network namespace can reach the socket.
  const [, socket = ""] = await child.line(/^listening on (unix:.*)$/);
  return { pid: child.pid, client: connect(socket), address, child };
}

async function stop({ client, child }: { readonly client: Client; readonly child: Child }) {
  client.close();
  child.signal("SIGTERM");
  await child.exited;
}

function pipeline(prefix: string, commands: readonly string[]): Promise<void> {
  const stasis = `${prefix} ${process.execPath} ${program}`;
  return shell(commands.map((command) => `${stasis} ${command} --quiet`).join(" | "));
}

/** Returns the peak memory of the process, in MiB. */
export async function peakMib({ pid }: BenchNode): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}
