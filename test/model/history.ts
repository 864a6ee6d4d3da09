// The history of a round: each call with the moments of its start and its end, and the caller's
// answer. Moments are numbers in the order in which the test process observed them.
import type { Operation } from "./plan.js";

/** A snapshot as a caller saw it. */
export interface Seen {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly protected: boolean;
  readonly digest: string;
  /** Tag of the call that made it: in its labels. */
  readonly tag: string;
}

export interface Collected {
  readonly id: string;
  readonly name: string;
  readonly outcome: "removed" | "planned" | "in use" | "protected" | "changed" | "failed" | "other";
  /** Not a snapshot, but an entry that should not be in the store. */
  readonly leftover: boolean;
}

export type Outcome =
  | {
      readonly kind: "ok";
      /** The observed snapshots. Each existed at `seenAt` or earlier. */
      readonly seen: readonly Seen[];
      readonly removed?: readonly string[];
      readonly collected?: readonly Collected[];
    }
  | {
      readonly kind: "refused";
      readonly reason: string;
      /** The holder of the name, according to the error. */
      readonly holder?: { readonly id: string; readonly pending: boolean };
    }
  /** The caller got no answer. */
  | { readonly kind: "unknown"; readonly reason: string };

/** The operation that is carried out. A repetition stands for the repeated operation. */
export type Done = Exclude<Operation, { kind: "repeat" }>;

export interface Call {
  readonly tag: string;
  readonly done: Done;
  /** Tag of the call whose request id it sends again. */
  readonly repeats?: string;
  /** For inspections by id: the requested id. */
  readonly askedId?: string;
  readonly beginsAt: number;
  /** When the answer began. For downloads, the bytes follow later. */
  readonly seenAt: number;
  readonly endsAt: number;
  readonly outcome: Outcome;
  /** Errors that the player itself found, for example in the bytes. */
  readonly problems: readonly string[];
}

/** The snapshot under each name while no call was running. */
export type Standing = ReadonlyMap<string, Seen & { readonly content: number }>;
