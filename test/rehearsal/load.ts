// Makes the usual calls to a node. Tenants store, read and delete their snapshots, and an
// orchestrator pulls images from the other node and checks that they can be restored.
import { setMaxListeners } from "node:events";
import { rm } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { connect, type Client } from "../../src/client/index.js";
import { messageOf } from "../../src/base/errors.js";
import { packDirectory } from "../store/contents.js";

export interface LoadOptions {
  readonly tenants: readonly Tenant[];
  /** The address `unix:PATH` of the node, and that of the node from which it pulls. */
  readonly node: string;
  readonly peer: string;
  /** The node's name for its peer. */
  readonly peerName: string;
  /** The directories that the callers store. */
  readonly sources: readonly string[];
  /** Makes a directory with data that no snapshot contains, for the snapshot that is pulled. */
  readonly newSource: (round: number) => Promise<string>;
}

export interface Tenant {
  readonly name: string;
  readonly prefix: string;
  readonly address: string;
  readonly token: string;
}

export interface Load extends AsyncDisposable {
  /** Returns the successful calls of each caller, and its failures by message. */
  tally(): string;
}

/** The orchestrator keeps these snapshots on both nodes. */
export const images = ["images/base-1", "images/base-2", "images/base-3"] as const;
const keptPerTenant = 10;
const keptNightly = 4;

/** Starts the load. Resolves when both nodes have the images. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const ending = new AbortController();
  const { signal } = ending;
  setMaxListeners(0, signal);
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const [node, peer] = [connect(options.node), connect(options.peer)];
  for (const [index, name] of images.entries()) {
    await store(peer, name, sourceOf(options, index), signal);
    await fetchFrom(node, options.peerName, name, signal);
  }
  const forever = async (who: string, everyMs: number, step: Step): Promise<void> => {
    for (let round = 0; !signal.aborted; round += 1) {
      await step(round).then(
        () => count(`${who}: done`),
        (error: unknown) => signal.aborted || count(`${who}: ${messageOf(error).slice(0, 100)}`),
      );
      await pause(everyMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const clients = options.tenants.map(({ address, token }) => connect(address, { token }));
  const all = [
    ...options.tenants.map((tenant, index) =>
      forever(tenant.name, 1000, actAs(tenant, clients[index] ?? node, options, signal)),
    ),
    forever("nightly", 4000, pullNightly(node, peer, options, signal)),
    forever("images", 1000, async (round) => {
      const image = images[round % images.length] ?? images[0];
      await readAll(node, image, signal);
    }),
  ];
  return {
    tally: () =>
      [...counts].map(([what, times]) => `${String(times).padStart(6)} ${what}`).join("\n"),
    async [Symbol.asyncDispose]() {
      ending.abort();
      await Promise.all(all);
      [node, peer, ...clients].forEach((client) => client.close());
    },
  };
}

type Step = (round: number) => Promise<void>;

function sourceOf({ sources }: LoadOptions, index: number): string {
  return sources[index % sources.length] ?? "";
}

/**
 * Returns a step that stores a snapshot of a tenant, reads one, and deletes the oldest if there are
 * too many.
 */
function actAs(
  { prefix }: Tenant,
  client: Client,
  options: LoadOptions,
  signal: AbortSignal,
): Step {
  const kept: string[] = [];
  return async (round) => {
    // The deletion comes first, so that a tenant frees space even if it cannot store anything.
    while (kept.length >= keptPerTenant) {
      await client.delete({ refs: [kept[0] ?? ""] }, { signal });
      kept.shift();
    }
    const name = `${prefix}vm-${round}`;
    await store(client, name, sourceOf(options, round), signal);
    kept.push(name);
    const some = kept[round % kept.length] ?? name;
    await client.inspect(some, { signal });
    await readAll(client, some, signal);
  };
}

/** Returns a step that pulls a new snapshot from the peer, and deletes an old one on both nodes. */
function pullNightly(node: Client, peer: Client, options: LoadOptions, signal: AbortSignal): Step {
  return async (round) => {
    const name = `nightly/${round}`;
    const source = await options.newSource(round);
    await store(peer, name, source, signal);
    await rm(source, { recursive: true });
    await fetchFrom(node, options.peerName, name, signal);
    if (round < keptNightly) return;
    const refs = [`nightly/${round - keptNightly}`];
    await node.delete({ refs }, { signal });
    await peer.delete({ refs }, { signal });
  };
}

async function store(
  client: Client,
  name: string,
  source: string,
  signal: AbortSignal,
): Promise<void> {
  await client.create({ config: { name } }, packDirectory(source), { signal });
}

async function fetchFrom(
  client: Client,
  source: string,
  ref: string,
  signal: AbortSignal,
): Promise<void> {
  for await (const message of client.pull({ source, ref }, { signal })) void message;
}

async function readAll(client: Client, ref: string, signal: AbortSignal): Promise<void> {
  await using download = await client.restore({ ref, verify: true }, { signal });
  for await (const chunk of download.bytes) void chunk;
}
