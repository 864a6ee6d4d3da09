// All kinds of crash states, and how a number of states is shared out among them.
import type { Kind } from "./state.js";
import { startKind } from "./start-kind.js";
import { syscallKind } from "./syscall-kind.js";

export interface SharedKind {
  readonly kind: Kind;
  /** Its part of all states. */
  readonly share: number;
}

export const kinds: readonly SharedKind[] = [
  { kind: syscallKind, share: 6 },
  { kind: startKind, share: 2 },
];
