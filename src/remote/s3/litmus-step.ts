// Defines the types that the steps of `stasis remote check` share.
import type { Bucket } from "./bucket.js";
import type { OpenRemote } from "./remote-bucket.js";
import type { BucketRequests } from "./requests.js";

export interface LitmusStep {
  /** For example `list_after_put`. */
  readonly name: string;
  readonly outcome: "passed" | "failed" | "noted" | "skipped";
  /** What was seen, and what to do about it. */
  readonly detail: string;
}

/** A step without its name. */
export type LitmusResult = Omit<LitmusStep, "name">;

/** The objects and settings that the steps share. */
export interface LitmusScene {
  readonly open: OpenRemote;
  /** Two sets of connections, as two nodes would have. */
  readonly one: Bucket;
  readonly other: Bucket;
  readonly requests: BucketRequests;
  readonly rounds: number;
  readonly signal: AbortSignal;
  /** Every key of this check begins with this prefix. */
  readonly prefix: string;
  /**
   * Returns a new key of this check, by default with a number as its name. The object is deleted at
   * the end.
   */
  newKey(name?: string): string;
}

export interface TriedStep {
  readonly name: string;
  run(scene: LitmusScene): Promise<LitmusResult>;
}
