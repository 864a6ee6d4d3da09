// Lists one mistake for each rule of docs/remote-protocols.md, with the scene in which the model
// notices it. The document has the same table and says what each mistake loses.

export const mutations = {
  "resend-key": "push late",

  "no-claim": "push",
  "claim-late": "push",
  "borrow-doomed": "push",
  "borrow-unchecked": "push",
  "head-base": "borrow",
  "head-packs-early": "push",
  "ack-unchecked": "push",
  "head-before-list": "push",
  "reuse-ids": "push again",
  "resume-same-keys": "resume late",
  "resume-unchecked": "resume",
  "resume-unclaimed": "resume",
  "copy-same-numbers": "resume copy",

  "no-intent": "push",
  "mark-once": "push",
  "snapshots-first": "push",
  "packs-first": "push",
  "take-over": "push",
  "drop-intent": "push late",
  "ignore-errors": "push late",
  "broken-is-root": "late snapshot",
  "broken-stops": "late snapshot",
  "leftovers-early": "leftovers",

  "delete-unseen": "leftovers",
  "delete-without-intent": "offload",
  "list-holds-first": "offload",
  "ignore-holds": "offload",
  "drop-delete-intent": "offload late",
  "tidy-delete-intents": "offload",
  "roll-back-directly": "roll back",

  "no-hold": "offload",
  "hold-late": "offload",
  "ignore-deletions": "offload",
  "ignore-intents": "roll back",
  "list-intents-late": "roll back",
  "skip-head-snapshot": "offload",
  "head-snapshot-early": "offload",
  "skip-head-packs": "roll back",
  "skip-head-hold": "operator",
  "release-first": "offload again",
  "reuse-hold": "offload again",

  "sweep-unknown": "twins",
  "sweep-running": "twins",
  "copy-keeps-id": "copy",
  "abandon-running": "abandon",
  "abandon-early": "abandon",
} as const;

export type Mutation = keyof typeof mutations;
