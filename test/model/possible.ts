// Computes the possible states from the calls of a round. For each name, it computes which
// snapshots the name may have referred to, and when. For each snapshot, it computes the possible
// changes, and when the snapshot may have been removed. A call without an answer may or may not
// have taken effect. Snapshots are identified by the tags of the calls that made them.
import type { Call, Standing } from "./history.js";
import { createRegister, type Register } from "./register.js";

/** Takes the place of a tag if the name is free. */
export const free = "";

/** A reason why snapshots may be absent from a certain moment on. */
interface Removal {
  /** If this is undefined, the removal concerns every snapshot. */
  readonly tag?: string;
  /** If this is undefined, the removal concerns every name. */
  readonly name?: string;
  /** The snapshot that replaced the removed ones. */
  readonly except?: string;
  readonly beginsAt: number;
  /**
   * The value is Infinity if the removal may not have happened, or not to all matching snapshots.
   */
  readonly endsAt: number;
}

export interface Possible {
  readonly names: ReadonlyMap<string, Register<string>>;
  readonly descriptions: ReadonlyMap<string, Register<string>>;
  readonly protections: ReadonlyMap<string, Register<boolean>>;
  /** The index of the content of each snapshot that may have existed. */
  readonly contents: ReadonlyMap<string, number>;
  /** The tag for each id that callers have seen. */
  readonly tags: ReadonlyMap<string, string>;
  /** Returns whether a reader in this interval may find the snapshot. */
  mayBeThere(tag: string, beginsAt: number, endsAt: number): boolean;
  mayBeGone(tag: string, beginsAt: number, endsAt: number): boolean;
  /** Returns whether a call without an answer may have stored a snapshot under the name. */
  mayHoldUnseen(name: string): boolean;
}

export interface RoundFacts {
  readonly before: Standing;
  readonly names: readonly string[];
  readonly calls: readonly Call[];
  /** The tag for each id, from all rounds so far. */
  readonly tags: ReadonlyMap<string, string>;
}

interface Life {
  readonly beginsAt: number;
  readonly endsAt: number;
}

interface Draft {
  readonly names: Map<string, Register<string>>;
  readonly descriptions: Map<string, Register<string>>;
  readonly protections: Map<string, Register<boolean>>;
  readonly contents: Map<string, number>;
  readonly tags: Map<string, string>;
  readonly births: Map<string, Life>;
  readonly removals: Removal[];
  readonly unseenNames: Set<string>;
}

export function possibilities(facts: RoundFacts): Possible {
  const draft = startingFrom(facts);
  for (const call of facts.calls) noteIntake(draft, call, facts);
  for (const call of facts.calls) noteDone(draft, call);
  // A rename without an answer may have moved a snapshot that another such rename had moved before.
  for (let pass = 0; pass < 3; pass += 1) {
    for (const call of facts.calls) noteUnanswered(draft, call, pass);
  }
  for (const call of facts.calls) noteCollected(draft, call);
  return {
    ...draft,
    mayHoldUnseen: (name) => draft.unseenNames.has(name),
    mayBeThere: (tag, beginsAt, endsAt) => {
      const birth = draft.births.get(tag);
      if (birth === undefined || birth.beginsAt >= endsAt) return false;
      return !draft.removals.some((gone) => gone.tag === tag && gone.endsAt < beginsAt);
    },
    mayBeGone: (tag, beginsAt, endsAt) => {
      const birth = draft.births.get(tag);
      if (birth === undefined || birth.endsAt > beginsAt) return true;
      return draft.removals.some((gone) => gone.beginsAt < endsAt && fits(draft, gone, tag));
    },
  };
}

function fits(draft: Draft, { tag, name, except }: Removal, wanted: string): boolean {
  if (tag !== undefined) return tag === wanted;
  if (except === wanted) return false;
  return name === undefined || nameOf(draft, name).values().includes(wanted);
}

function startingFrom({ before, names, calls, tags }: RoundFacts): Draft {
  const draft: Draft = {
    names: new Map(names.map((name) => [name, createRegister(before.get(name)?.tag ?? free)])),
    descriptions: new Map(),
    protections: new Map(),
    contents: new Map(),
    tags: new Map(tags),
    births: new Map(),
    removals: [],
    unseenNames: new Set(),
  };
  for (const { tag, content, description, protected: isProtected } of before.values()) {
    draft.births.set(tag, { beginsAt: -1, endsAt: -1 });
    draft.contents.set(tag, content);
    draft.descriptions.set(tag, createRegister(description));
    draft.protections.set(tag, createRegister(isProtected));
  }
  for (const { outcome } of calls) {
    if (outcome.kind !== "ok") continue;
    for (const { id, tag } of outcome.seen) draft.tags.set(id, draft.tags.get(id) ?? tag);
  }
  return draft;
}

function nameOf(draft: Draft, name: string): Register<string> {
  const known = draft.names.get(name);
  if (known !== undefined) return known;
  const register = createRegister(free);
  draft.names.set(name, register);
  return register;
}

/**
 * Records an upload. All calls with the same request id are one upload. It began with the first
 * call that was not refused, and ended with the call that was answered.
 */
function noteIntake(draft: Draft, call: Call, { calls }: RoundFacts): void {
  const { done, outcome } = call;
  if (done.kind !== "create" && done.kind !== "import") return;
  const tag = call.repeats ?? call.tag;
  if (draft.births.has(tag) || outcome.kind === "refused") return;
  const answered = calls.find(
    (other) => (other.repeats ?? other.tag) === tag && other.outcome.kind === "ok",
  );
  const { beginsAt } = call;
  const { name } = done;
  const endsAt = answered?.endsAt ?? Infinity;
  draft.births.set(tag, { beginsAt, endsAt });
  draft.contents.set(tag, done.content);
  draft.descriptions.set(tag, createRegister(tag));
  draft.protections.set(tag, createRegister(done.protect));
  if (answered === undefined) {
    nameOf(draft, name).writeMaybe(tag, beginsAt);
    draft.unseenNames.add(name);
  } else nameOf(draft, name).write(tag, beginsAt, endsAt);
  if (done.replace) draft.removals.push({ name, except: tag, beginsAt, endsAt: Infinity });
}

function noteDone(draft: Draft, { tag: text, done, outcome, beginsAt, endsAt }: Call): void {
  if (outcome.kind !== "ok") return;
  const tag = outcome.seen[0]?.tag ?? "";
  if (done.kind === "rename" && done.name !== done.to) {
    nameOf(draft, done.name).write(free, beginsAt, endsAt);
    nameOf(draft, done.to).write(tag, beginsAt, endsAt);
  } else if (done.kind === "describe") {
    draft.descriptions.get(tag)?.write(text, beginsAt, endsAt);
  } else if (done.kind === "protect") {
    draft.protections.get(tag)?.write(done.value, beginsAt, endsAt);
  } else if (done.kind === "delete") {
    const removed = outcome.removed ?? [];
    const all = removed.length === done.names.length;
    for (const name of done.names) {
      // If only some of the names had a snapshot, it is unknown which of them were free before.
      if (all) nameOf(draft, name).write(free, beginsAt, endsAt);
      else nameOf(draft, name).writeMaybe(free, beginsAt);
    }
    for (const id of removed) noteGone(draft, id, beginsAt, endsAt);
  }
}

function noteGone(draft: Draft, id: string, beginsAt: number, endsAt: number): void {
  const tag = draft.tags.get(id);
  if (tag !== undefined) draft.removals.push({ tag, beginsAt, endsAt });
}

function noteUnanswered(draft: Draft, call: Call, pass: number): void {
  const { done, outcome, tag: text, beginsAt } = call;
  if (outcome.kind !== "unknown") return;
  if (done.kind === "rename") {
    for (const tag of nameOf(draft, done.name).values()) {
      if (tag !== free) nameOf(draft, done.to).writeMaybe(tag, beginsAt);
    }
    nameOf(draft, done.name).writeMaybe(free, beginsAt);
  } else if (done.kind === "describe") {
    for (const tag of nameOf(draft, done.name).values()) {
      draft.descriptions.get(tag)?.writeMaybe(text, beginsAt);
    }
  } else if (done.kind === "protect") {
    for (const tag of nameOf(draft, done.name).values()) {
      draft.protections.get(tag)?.writeMaybe(done.value, beginsAt);
    }
  } else if (done.kind === "delete" && pass === 0) {
    for (const name of done.names) {
      nameOf(draft, name).writeMaybe(free, beginsAt);
      draft.removals.push({ name, beginsAt, endsAt: Infinity });
    }
  } else if (done.kind === "gc" && !done.dryRun && pass === 0) {
    for (const register of draft.names.values()) register.writeMaybe(free, beginsAt);
    draft.removals.push({ beginsAt, endsAt: Infinity });
  }
}

/**
 * Records what a collection removed. A collection reports a snapshot under its name in the plan,
 * and the name may have changed since.
 */
function noteCollected(draft: Draft, { outcome, beginsAt, endsAt }: Call): void {
  if (outcome.kind !== "ok") return;
  for (const { id, outcome: fate } of outcome.collected ?? []) {
    if (fate !== "removed") continue;
    noteGone(draft, id, beginsAt, endsAt);
    const tag = draft.tags.get(id);
    for (const register of draft.names.values()) {
      if (tag === undefined || register.values().includes(tag)) {
        register.writeMaybe(free, beginsAt);
      }
    }
  }
}
