// What happened in a round: each call with the moments of its begin and its end, and what its
// caller was told. Moments are numbers in the order in which the test process saw them.
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
  /** Not a snapshot, but something that should not be in the store. */
  readonly leftover: boolean;
}

export type Outcome =
  | {
      readonly kind: "ok";
      /** What was seen, at the latest at `seenAt`. */
      readonly seen: readonly Seen[];
      readonly removed?: readonly string[];
      readonly collected?: readonly Collected[];
    }
  | {
      readonly kind: "refused";
      readonly reason: string;
      /** Who has the name, as the error says. */
      readonly holder?: { readonly id: string; readonly pending: boolean };
    }
  /** Nobody told the caller. */
  | { readonly kind: "unknown"; readonly reason: string };

/** The operation that is carried out: a repetition stands for what it repeats. */
export type Done = Exclude<Operation, { kind: "repeat" }>;

export interface Call {
  readonly tag: string;
  readonly done: Done;
  /** Tag of the call whose request id it sends again. */
  readonly repeats?: string;
  /** For inspections by id: the id that was asked for. */
  readonly askedId?: string;
  readonly beginsAt: number;
  /** When the answer had begun; then for downloads the bytes still come. */
  readonly seenAt: number;
  readonly endsAt: number;
  readonly outcome: Outcome;
  /** What the player itself found wrong, for example in the bytes. */
  readonly problems: readonly string[];
}

/** What stood under each name when nobody was doing anything. */
export type Standing = ReadonlyMap<string, Seen & { readonly content: number }>;
