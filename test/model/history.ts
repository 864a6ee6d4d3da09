// Describes the history of a round: each call with its start, its end and the caller's answer. A
// moment is a number. Numbers grow in the order in which the test process observed the moments.
import type { Operation } from "./plan.js";

/** Describes a snapshot as a caller saw it. */
export interface Seen {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly protected: boolean;
  readonly digest: string;
  /** The tag of the call that made the snapshot. The snapshot's labels contain it. */
  readonly tag: string;
}

export interface Collected {
  readonly id: string;
  readonly name: string;
  readonly outcome: "removed" | "planned" | "in use" | "protected" | "changed" | "failed" | "other";
  /** True if this is not a snapshot but an entry that should not be in the store. */
  readonly leftover: boolean;
}

export type Outcome =
  | {
      readonly kind: "ok";
      /** The observed snapshots. Each of them existed at `seenAt` or earlier. */
      readonly seen: readonly Seen[];
      readonly removed?: readonly string[];
      readonly collected?: readonly Collected[];
    }
  | {
      readonly kind: "refused";
      readonly reason: string;
      /** The holder of the name, as the error reports it. */
      readonly holder?: { readonly id: string; readonly pending: boolean };
    }
  /** The caller received no answer. */
  | { readonly kind: "unknown"; readonly reason: string };

/**
 * The operation that the daemon carries out. A repetition is replaced by the operation it repeats.
 */
export type Done = Exclude<Operation, { kind: "repeat" }>;

export interface Call {
  readonly tag: string;
  readonly done: Done;
  /** The tag of the earlier call whose request id this call sends again. */
  readonly repeats?: string;
  /** The requested id, if the call inspects a snapshot by id. */
  readonly askedId?: string;
  readonly beginsAt: number;
  /** The moment when the answer began. The bytes of a download arrive later. */
  readonly seenAt: number;
  readonly endsAt: number;
  readonly outcome: Outcome;
  /** Errors that the player found by itself, for example in the downloaded bytes. */
  readonly problems: readonly string[];
}

/** The snapshot under each name at a time when no call was running. */
export type Standing = ReadonlyMap<string, Seen & { readonly content: number }>;
