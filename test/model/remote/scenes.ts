// Defines the scenes. Each has a few actors, so that every possible run can be explored.
import { collector } from "./actors/collector.js";
import { network } from "./actors/network.js";
import { node } from "./actors/node.js";
import { abandons, releases } from "./actors/operator.js";
import { pusher } from "./actors/pusher.js";
import { deleter } from "./actors/remote-delete.js";
import { sweeper } from "./actors/sweeper.js";
import type { Process, System } from "./explorer.js";
import { wrongAfterLastCollection, wrongWith } from "./invariants.js";
import type { Mutation } from "./mutations.js";
import { processOf, type Actor, type Setting } from "./turn.js";
import { factsOf, has, isWhole, recordOf, worldOf, type World } from "./world.js";

export interface Scene {
  readonly name: string;
  readonly what: string;
  /** True if the scene is too large for `npm test`. */
  readonly long: boolean;
  readonly system: (variant?: Variant) => System<World>;
}

/** The differences between an exploration and the scene as it is defined here. */
export interface Variant {
  readonly mutation?: Mutation | undefined;
  readonly tornListings?: boolean | undefined;
  readonly faults?: number | undefined;
}

interface Plan {
  readonly what: string;
  /** The snapshots in the bucket at the start, each with its packs. */
  readonly snapshots?: Readonly<Record<string, readonly string[]>>;
  /** The number of requests that may receive no answer. The default is 0. */
  readonly faults?: number;
  readonly claimsExpire?: boolean;
  readonly tornListings?: boolean;
  /** Conditions that at least one run must reach. */
  readonly goals: readonly Goal[];
  /** True if the scene is too large for `npm test`. */
  readonly long?: boolean;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- actors have unlike local values
  readonly actors: readonly Actor<any>[];
}

type Goal = readonly [name: string, isReached: (world: World) => boolean];

/** The goal that a push is acknowledged and its snapshot names this pack. */
const acknowledged = (snapshot: string, pack: string): Goal => [
  `${snapshot} acknowledged with ${pack}`,
  (world) =>
    factsOf(world, "acknowledged").includes(snapshot) &&
    world.objects[snapshot]?.includes(pack) === true,
];
const rolledBack = (snapshot: string): Goal => [
  `${snapshot} rolled back`,
  (world) => factsOf(world, "rolled back").includes(snapshot) && !has(world, snapshot),
];
const deleted = (snapshot: string): Goal => [
  `${snapshot} deleted`,
  (world) => factsOf(world, "deleted").includes(snapshot) && !has(world, snapshot),
];
const collected = (pack: string): Goal => [`${pack} collected`, (world) => !has(world, pack)];
const cold = (node: string, hold: string): Goal => [
  `${node} cold with ${hold}`,
  (world) => recordOf(world, node).state === "cold" && recordOf(world, node).hold === hold,
];
const broken = (snapshot: string): Goal => [
  `${snapshot} broken`,
  (world) => has(world, snapshot) && !isWhole(world, snapshot),
];

const X = "packs/X-0";
const B = { "snapshots/B": [X] };

const plans: Readonly<Record<string, Plan>> = {
  push: {
    what: "a push borrows from a snapshot that is deleted, beside two collectors",
    snapshots: B,
    claimsExpire: true,
    goals: [
      acknowledged("snapshots/P1", X),
      rolledBack("snapshots/P1"),
      deleted("snapshots/B"),
      collected(X),
    ],
    actors: [
      pusher({ name: "P", borrows: [X] }),
      deleter("D", "snapshots/B"),
      collector({ name: "G" }),
      collector({ name: "H" }),
    ],
  },
  "push late": {
    what: "the same with one collector; one request gets no answer",
    snapshots: B,
    claimsExpire: true,
    faults: 1,
    goals: [
      acknowledged("snapshots/P1", X),
      acknowledged("snapshots/P1", "packs/P1-2"),
      acknowledged("snapshots/P2", X),
    ],
    actors: [
      pusher({ name: "P", borrows: [X] }),
      deleter("D", "snapshots/B"),
      collector({ name: "G" }),
    ],
  },
  "push again": {
    what: "a push that may start again, with a burnt key on the way",
    claimsExpire: true,
    faults: 1,
    goals: [
      rolledBack("snapshots/P1"),
      acknowledged("snapshots/P2", "packs/P2-0"),
      acknowledged("snapshots/P2", "packs/P1-0"),
    ],
    actors: [pusher({ name: "P", attempts: 2, maps: true }), collector({ name: "G" })],
  },
  "push torn": {
    what: "a push beside a collector, with listings that see some changes and not others",
    snapshots: B,
    claimsExpire: true,
    tornListings: true,
    goals: [acknowledged("snapshots/P1", X), rolledBack("snapshots/P1"), collected(X)],
    actors: [
      pusher({ name: "P", borrows: [X] }),
      deleter("D", "snapshots/B"),
      collector({ name: "G" }),
    ],
  },
  borrow: {
    what: "a push borrows from a snapshot whose push is rolled back",
    snapshots: B,
    claimsExpire: true,
    goals: [acknowledged("snapshots/Q1", "packs/P1-0"), rolledBack("snapshots/P1")],
    actors: [
      pusher({ name: "P", borrows: [X] }),
      pusher({ name: "Q", base: "snapshots/P1" }),
      deleter("D", "snapshots/B"),
      collector({ name: "G" }),
    ],
  },
  resume: {
    what: "a push crashes and continues, beside two collectors",
    claimsExpire: true,
    goals: [
      acknowledged("snapshots/P2", "packs/P1-0"),
      acknowledged("snapshots/P2", "packs/P1-1"),
      acknowledged("snapshots/P1", "packs/P1-0"),
    ],
    actors: [
      pusher({ name: "P", crashes: true }),
      collector({ name: "G" }),
      collector({ name: "H" }),
    ],
  },
  "resume late": {
    what: "the same with one collector; one request gets no answer",
    claimsExpire: true,
    faults: 1,
    goals: [acknowledged("snapshots/P2", "packs/P1-0"), acknowledged("snapshots/P2", "packs/P1-1")],
    actors: [pusher({ name: "P", crashes: true }), collector({ name: "G" })],
  },
  "resume copy": {
    what: "a node is copied in the middle of a push, and both continue it, beside a collector",
    claimsExpire: true,
    goals: [
      acknowledged("snapshots/P1", "packs/P1-0"),
      acknowledged("snapshots/Q1", "packs/P1-0"),
      acknowledged("snapshots/Q1", "packs/P1-Q0"),
      acknowledged("snapshots/P2", "packs/P1-0"),
    ],
    actors: [
      pusher({ name: "P", crashes: true }),
      pusher({ name: "Q", copyOf: "P" }),
      collector({ name: "G" }),
    ],
  },
  "late snapshot": {
    what: "a snapshot is written late, when its packs may be gone",
    snapshots: B,
    claimsExpire: true,
    faults: 1,
    goals: [
      broken("snapshots/P1"),
      acknowledged("snapshots/P1", X),
      acknowledged("snapshots/P2", X),
    ],
    actors: [
      pusher({ name: "P", borrows: [X], maps: true }),
      deleter("D", "snapshots/B"),
      collector({ name: "G" }),
    ],
  },
  "roll back": {
    what: "a node offloads a snapshot whose push is rolled back",
    snapshots: B,
    claimsExpire: true,
    goals: [rolledBack("snapshots/P1"), cold("N", "holds/P1/N.N1"), broken("snapshots/P1")],
    actors: [
      pusher({ name: "P", borrows: [X] }),
      node({ name: "N", snapshot: "snapshots/P1" }),
      deleter("D", "snapshots/B"),
      collector({ name: "G" }),
    ],
  },
  offload: {
    what: "a node offloads a snapshot that two users delete, beside a collector that tidies",
    snapshots: B,
    goals: [deleted("snapshots/B"), cold("N", "holds/B/N.N1"), collected(X)],
    actors: [
      node({ name: "N", snapshot: "snapshots/B", crashes: true }),
      deleter("D", "snapshots/B"),
      deleter("E", "snapshots/B"),
      collector({ name: "G", tidies: true }),
    ],
  },
  "offload late": {
    what: "the same with one user; two requests get no answer",
    snapshots: B,
    faults: 2,
    goals: [
      deleted("snapshots/B"),
      cold("N", "holds/B/N.N1"),
      cold("N", "holds/B/N.N2"),
      collected(X),
    ],
    actors: [
      node({ name: "N", snapshot: "snapshots/B" }),
      deleter("D", "snapshots/B"),
      collector({ name: "G", tidies: true }),
    ],
  },
  "offload again": {
    what: "a node offloads, rehydrates and offloads again; two requests get no answer",
    snapshots: B,
    faults: 2,
    goals: [deleted("snapshots/B"), cold("N", "holds/B/N.N1"), cold("N", "holds/B/N.N2")],
    actors: [
      node({ name: "N", snapshot: "snapshots/B", rounds: 2, crashes: true }),
      deleter("D", "snapshots/B"),
      sweeper({ node: "N" }),
    ],
  },
  leftovers: {
    what: "a collector removes the holds of snapshots that are gone, while one is pushed",
    claimsExpire: true,
    goals: [deleted("snapshots/P1"), cold("N", "holds/P1/N.N1")],
    actors: [
      pusher({ name: "P" }),
      node({ name: "N", snapshot: "snapshots/P1", rehydrates: true }),
      deleter("D", "snapshots/P1"),
      collector({ name: "G", tidies: true }),
    ],
  },
  twins: {
    what: "two nodes with one id offload one snapshot, and one sweeps its holds",
    snapshots: B,
    goals: [cold("N", "holds/B/N.N1"), cold("T", "holds/B/N.T1"), deleted("snapshots/B")],
    actors: [
      node({ name: "N", snapshot: "snapshots/B", crashes: true }),
      node({ name: "T", id: "N", snapshot: "snapshots/B" }),
      sweeper({ node: "N", rounds: 2 }),
      deleter("D", "snapshots/B"),
    ],
  },
  copy: {
    what: "a node is copied at any moment; both offload, and the original rehydrates",
    snapshots: B,
    goals: [cold("N", "holds/B/N.N1"), cold("T", "holds/B/T.T1"), deleted("snapshots/B")],
    actors: [
      node({ name: "N", snapshot: "snapshots/B", rehydrates: true, crashes: true }),
      node({ name: "T", copyOf: "N", snapshot: "snapshots/B" }),
      deleter("D", "snapshots/B"),
      collector({ name: "G", tidies: true }),
    ],
  },
  operator: {
    what: "an operator releases the holds of a node that comes back",
    snapshots: B,
    goals: [cold("N", "holds/B/N.N1"), deleted("snapshots/B"), collected(X)],
    actors: [
      node({ name: "N", snapshot: "snapshots/B" }),
      releases("N"),
      deleter("D", "snapshots/B"),
      collector({ name: "G" }),
    ],
  },
  abandon: {
    what: "an operator abandons the run of a collector that is dead",
    snapshots: B,
    claimsExpire: true,
    faults: 1,
    goals: [acknowledged("snapshots/P1", X), collected(X), rolledBack("snapshots/P1")],
    actors: [
      pusher({ name: "P", borrows: [X] }),
      deleter("D", "snapshots/B"),
      collector({ name: "G", dies: true }),
      abandons("gc/"),
    ],
  },
  "abandon delete": {
    what: "an operator abandons the deletion of a user whose daemon is dead",
    snapshots: B,
    faults: 1,
    goals: [cold("N", "holds/B/N.N1"), cold("N", "holds/B/N.N2"), deleted("snapshots/B")],
    actors: [
      node({ name: "N", snapshot: "snapshots/B", rounds: 2, crashes: true }),
      deleter("D", "snapshots/B", { dies: true }),
      abandons("deletes/"),
      sweeper({ node: "N" }),
    ],
  },
  everything: {
    what: "two pushes, an offload, two deletions and two collectors",
    snapshots: B,
    claimsExpire: true,
    long: true,
    goals: [
      acknowledged("snapshots/P1", X),
      acknowledged("snapshots/Q1", "packs/P1-0"),
      rolledBack("snapshots/P1"),
      cold("N", "holds/P1/N.N1"),
      collected(X),
    ],
    actors: [
      pusher({ name: "P", borrows: [X] }),
      pusher({ name: "Q", base: "snapshots/P1" }),
      node({ name: "N", snapshot: "snapshots/P1" }),
      deleter("D", "snapshots/B"),
      deleter("E", "snapshots/P1"),
      collector({ name: "G" }),
      collector({ name: "H", tidies: true }),
    ],
  },
};

export const scenes: readonly Scene[] = Object.entries(plans).map(([name, plan]) => ({
  name,
  what: plan.what,
  long: plan.long === true,
  system: (variant = {}) => systemOf(plan, variant),
}));

function systemOf(plan: Plan, variant: Variant): System<World> {
  const { mutation, tornListings = plan.tornListings, faults = plan.faults ?? 0 } = variant;
  const setting: Setting = { mutation, tornListings: tornListings === true };
  const actors = plan.actors as readonly Actor<object>[];
  const processes: Process<World>[] = actors.map((actor) => processOf(actor, setting));
  processes.push(network({ claimsExpire: plan.claimsExpire === true }));
  const packs = Object.values(plan.snapshots ?? {}).flat();
  const objects = { ...plan.snapshots, ...Object.fromEntries(packs.map((pack) => [pack, []])) };
  return {
    start: worldOf(objects, faults),
    processes,
    goals: new Map(plan.goals),
    wrong: (world) => wrongWith(world) ?? wrongAfterLastCollection(world, setting),
  };
}
