// Plans the calls of the clients in a model run. The calls depend only on a seed and never on the
// daemon's answers, so a run can be repeated, and parts of it can be left out.
import { createRandom, type Random } from "../support/random.js";

export type Operation =
  | {
      readonly kind: "create" | "import";
      readonly name: string;
      /** An index into the contents. */
      readonly content: number;
      readonly replace: boolean;
      readonly protect: boolean;
      /** True if the client interrupts the upload in the middle. */
      readonly cut: boolean;
    }
  /** Sends an earlier create or import of this client again, with its request id. */
  | { readonly kind: "repeat"; readonly back: number }
  | { readonly kind: "rename"; readonly name: string; readonly to: string }
  | { readonly kind: "describe"; readonly name: string }
  | { readonly kind: "protect"; readonly name: string; readonly value: boolean }
  | { readonly kind: "delete"; readonly names: readonly string[]; readonly allowMissing: boolean }
  | { readonly kind: "restore"; readonly name: string; readonly verify: boolean }
  | { readonly kind: "export"; readonly name: string; readonly gzip: boolean }
  | { readonly kind: "list"; readonly prefix: string; readonly pageSize: number }
  | { readonly kind: "inspect"; readonly name: string; readonly byId: boolean }
  | {
      readonly kind: "gc";
      readonly keepLast: number | undefined;
      readonly evictAll: boolean;
      readonly dryRun: boolean;
    };

export interface PlannedCall {
  /**
   * This text is unique in the run. It identifies the snapshot that the call makes, and the value
   * that the call writes.
   */
  readonly tag: string;
  readonly operation: Operation;
}

/**
 * Describes how a round ends. Either all calls end, or the daemon is stopped or killed after this
 * many calls have begun.
 */
export type RoundEnd =
  { readonly kind: "quiet" } | { readonly kind: "restart" | "kill"; readonly afterCalls: number };

export interface Round {
  /** Each client has one list of calls. */
  readonly clients: readonly (readonly PlannedCall[])[];
  readonly end: RoundEnd;
}

export interface PlanOptions {
  readonly seed: number;
  readonly clients: number;
  /** The number of calls in a round, of all clients together. */
  readonly operations: number;
  /** The number of contents. */
  readonly contents: number;
}

const ownNames = 4;
const sharedNames = 6;

/** Returns all calls of the round with the number `round`. */
export function planRound(round: number, options: PlanOptions): Round {
  const { seed, clients, operations } = options;
  const random = createRandom(seed, round, "round");
  const each = Math.max(1, Math.ceil(operations / clients));
  const lists = Array.from({ length: clients }, (_, client) => {
    const own = createRandom(seed, round, client);
    return Array.from({ length: each }, (_, index) => ({
      tag: `${round}.${client}.${index}`,
      operation: planOperation(own, client, options),
    }));
  });
  return { clients: lists, end: planEnd(random, each * clients) };
}

function planEnd(random: Random, calls: number): RoundEnd {
  const dice = random.below(10);
  if (dice < 3) return { kind: "quiet" };
  return { kind: dice < 5 ? "restart" : "kill", afterCalls: 1 + random.below(calls) };
}

/** Returns every name that a run with this many clients uses. */
export function allNames(clients: number): string[] {
  const names = Array.from({ length: sharedNames }, (_, index) => `s/n${index}`);
  for (let client = 0; client < clients; client += 1) {
    for (let index = 0; index < ownNames; index += 1) names.push(`c${client}/n${index}`);
  }
  return names;
}

function pickName(random: Random, client: number): string {
  return random.chance(0.5)
    ? `c${client}/n${random.below(ownNames)}`
    : `s/n${random.below(sharedNames)}`;
}

/** The relative frequency of each kind of call. */
const shares: readonly (readonly [Operation["kind"], number])[] = [
  ["create", 14],
  ["import", 5],
  ["repeat", 3],
  ["rename", 6],
  ["describe", 7],
  ["protect", 4],
  ["delete", 7],
  ["restore", 10],
  ["export", 5],
  ["list", 12],
  ["inspect", 26],
  ["gc", 1],
];
const shareSum = shares.reduce((sum, [, share]) => sum + share, 0);

function pickKind(random: Random): Operation["kind"] {
  let left = random.below(shareSum);
  for (const [kind, share] of shares) {
    left -= share;
    if (left < 0) return kind;
  }
  return "inspect";
}

function planOperation(random: Random, client: number, options: PlanOptions): Operation {
  const kind = pickKind(random);
  const name = pickName(random, client);
  switch (kind) {
    case "create":
    case "import":
      return {
        kind,
        name,
        content: random.below(options.contents),
        replace: random.chance(0.5),
        protect: random.chance(0.2),
        cut: random.chance(0.06),
      };
    case "repeat":
      return { kind, back: random.below(3) };
    case "rename":
      return { kind, name, to: pickName(random, client) };
    case "describe":
      return { kind, name };
    case "protect":
      return { kind, name, value: random.chance(0.4) };
    case "delete":
      return planDelete(random, client, name);
    case "restore":
      return { kind, name, verify: random.chance(0.4) };
    case "export":
      return { kind, name, gzip: random.chance(0.4) };
    case "list":
      return {
        kind,
        prefix: random.pick(["", "s/", `c${client}/`, `c${random.below(options.clients)}/`]),
        pageSize: random.pick([2, 7, 1000, 1000]),
      };
    case "inspect":
      return { kind, name, byId: random.chance(0.3) };
    case "gc": {
      const evictAll = random.chance(0.15);
      const keepLast = evictAll ? undefined : random.pick([undefined, 4, 8, 16]);
      return { kind, evictAll, keepLast, dryRun: random.chance(0.4) };
    }
  }
}

function planDelete(random: Random, client: number, name: string): Operation {
  const second = pickName(random, client);
  const two = second !== name && random.chance(0.2);
  return {
    kind: "delete",
    names: two ? [name, second] : [name],
    allowMissing: random.chance(0.3),
  };
}
