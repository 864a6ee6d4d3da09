// Compares the answers that callers received in one round with the answers that were possible.
import type { Call, Collected, Outcome, Seen } from "./history.js";
import { free, possibilities, type Possible, type RoundFacts } from "./possible.js";

export interface JudgedRound extends RoundFacts {
  /** The digest of each content, by its index. */
  readonly digests: readonly string[];
  /** The id for each tag of the snapshots that callers have seen. The judge adds new ids. */
  readonly ids: Map<string, string>;
}

/**
 * Returns the errors as texts that name the calls. The list is empty if every answer was possible.
 */
export function judgeRound(round: JudgedRound): string[] {
  const possible = possibilities(round);
  const problems: string[] = [];
  for (const call of round.calls) {
    const found = [...call.problems, ...judgeCall({ round, possible, call })];
    problems.push(...found.map((text) => `${describeCall(call)}: ${text}`));
  }
  return problems;
}

function describeCall({ tag, done, repeats, beginsAt, endsAt }: Call): string {
  const again = repeats === undefined ? "" : ` again ${repeats}`;
  return `${tag}${again} ${JSON.stringify(done)} [${beginsAt}, ${endsAt}]`;
}

interface Case {
  readonly round: JudgedRound;
  readonly possible: Possible;
  readonly call: Call;
}

function judgeCall(one: Case): string[] {
  const { outcome } = one.call;
  if (outcome.kind === "unknown") return [];
  if (outcome.kind === "refused") return judgeRefusal(one, outcome);
  return [
    ...outcome.seen.flatMap((seen) => judgeSeen(one, seen)),
    ...judgeAnswer(one, outcome),
    ...(outcome.collected ?? []).flatMap((row) => judgeRow(one, row)),
  ];
}

/** Checks a snapshot that a caller received. */
function judgeSeen({ round, possible, call }: Case, seen: Seen): string[] {
  const { tag, id, name, description, protected: isProtected, digest } = seen;
  const { beginsAt, seenAt } = call;
  const content = possible.contents.get(tag);
  if (content === undefined) return [`shows ${show(seen)}, which nobody has stored`];
  const known = round.ids.get(tag) ?? id;
  round.ids.set(tag, known);
  const problems: string[] = [];
  if (known !== id) problems.push(`shows ${show(seen)}, which has been stored as ${known}`);
  if (!possible.mayBeThere(tag, beginsAt, seenAt))
    problems.push(`shows ${show(seen)}, gone before`);
  if (possible.names.get(name)?.allows(tag, beginsAt, seenAt) !== true) {
    problems.push(`shows ${show(seen)} under a name that is not its`);
  }
  if (possible.descriptions.get(tag)?.allows(description, beginsAt, seenAt) !== true) {
    problems.push(`shows ${show(seen)} with the description ${description}`);
  }
  if (possible.protections.get(tag)?.allows(isProtected, beginsAt, seenAt) !== true) {
    problems.push(`shows ${show(seen)} with protected = ${isProtected}`);
  }
  if (digest !== round.digests[content]) problems.push(`shows ${show(seen)} with other data`);
  return problems;
}

function show({ tag, id, name }: Seen): string {
  return `${name} ${id} (made by ${tag})`;
}

/** Checks the facts in a successful answer, apart from its snapshots. */
function judgeAnswer(one: Case, outcome: Extract<Outcome, { kind: "ok" }>): string[] {
  const { call, possible } = one;
  const { done } = call;
  const [seen] = outcome.seen;
  switch (done.kind) {
    case "create":
    case "import":
      return judgeStored(one, seen);
    case "rename": {
      const problems = mayBe(one, done.name, seen?.tag ?? "");
      return done.to === done.name ? problems : [...problems, ...mayBe(one, done.to, free)];
    }
    case "describe":
    case "protect":
    case "restore":
    case "export":
      return mayBe(one, done.name, seen?.tag ?? "");
    case "inspect":
      if (call.askedId === undefined) return mayBe(one, done.name, seen?.tag ?? "");
      return seen?.id === call.askedId ? [] : [`asked for ${call.askedId}`];
    case "list":
      return judgeList(one, done, outcome.seen);
    case "delete":
      return judgeDeletion(one, done.names, outcome.removed ?? []);
    case "gc": {
      if (!done.evictAll) return [];
      const rows = new Set(outcome.collected?.map(({ id }) => possible.tags.get(id)));
      return [...possible.contents.keys()]
        .filter((tag) => !rows.has(tag))
        .filter((tag) => !possible.mayBeGone(tag, call.beginsAt, call.endsAt))
        .map((tag) => `skips the snapshot that ${tag} has made`);
    }
  }
}

/**
 * Checks that the name was free, unless the call may replace a snapshot or repeats an upload that
 * has already succeeded.
 */
function judgeStored(one: Case, seen: Seen | undefined): string[] {
  const { done, tag, repeats, beginsAt } = one.call;
  if (done.kind !== "create" && done.kind !== "import") return [];
  const own = repeats ?? tag;
  if (seen?.tag !== own) return [`was given the snapshot of ${seen?.tag}`];
  if (repeats !== undefined && one.possible.mayBeThere(own, beginsAt - 1, beginsAt)) return [];
  return done.replace ? [] : mayBe(one, done.name, free);
}

/** Checks each relevant name: the list contains the right snapshot, or rightly contains none. */
function judgeList(
  one: Case,
  { prefix, pageSize }: { readonly prefix: string; readonly pageSize: number },
  seen: readonly Seen[],
): string[] {
  const listed = new Map(seen.map(({ name, tag }) => [name, tag]));
  const problems = new Set(seen.map(({ id }) => id)).size === seen.length ? [] : ["has one twice"];
  for (const { name } of seen) {
    if (!name.startsWith(prefix)) problems.push(`lists ${name}`);
  }
  for (const name of one.possible.names.keys()) {
    const tag = listed.get(name);
    // A snapshot that was made after the first page was read sorts before that page. If it replaced
    // a snapshot on a later page, a reader of several pages sees neither of the two.
    const between = tag === undefined && seen.length >= pageSize && mayChange(one, name);
    if (name.startsWith(prefix) && !between) problems.push(...mayBe(one, name, tag ?? free));
  }
  return problems;
}

/** Returns whether the name may refer to different snapshots during the call. */
function mayChange({ possible, call }: Case, name: string): boolean {
  const register = possible.names.get(name);
  const { beginsAt, seenAt } = call;
  const tags = register?.values().filter((tag) => register.allows(tag, beginsAt, seenAt)) ?? [];
  return tags.length > 1;
}

function judgeDeletion(one: Case, names: readonly string[], removed: readonly string[]): string[] {
  const { possible, call } = one;
  const { beginsAt, endsAt } = call;
  if (removed.length > names.length) return [`removed ${removed.length} for ${names.length}`];
  const problems: string[] = [];
  for (const id of removed) {
    const tag = possible.tags.get(id);
    const fitting = names.filter((name) =>
      tag === undefined
        ? possible.mayHoldUnseen(name)
        : possible.names.get(name)?.allows(tag, beginsAt, endsAt),
    );
    if (fitting.length === 0) problems.push(`removed ${id} of ${tag}, which had another name`);
    if (tag !== undefined && !possible.mayBeThere(tag, beginsAt, endsAt)) {
      problems.push(`removed ${id} of ${tag} twice`);
    }
  }
  if (removed.length < names.length) {
    const mayMiss = names.filter((name) => mayBe(one, name, free).length === 0);
    if (mayMiss.length < names.length - removed.length) problems.push("missed what was there");
  }
  return problems;
}

function judgeRow({ possible, call }: Case, row: Collected): string[] {
  const { beginsAt, endsAt } = call;
  const { id, name, outcome, leftover } = row;
  const what = `the row ${name} ${id} ${outcome}`;
  if (leftover) return [`${what} is of a leftover`];
  if (outcome === "failed" || outcome === "other") return [what];
  const tag = possible.tags.get(id);
  // The snapshot was made and removed, and no caller saw it.
  if (tag === undefined) return possible.mayHoldUnseen(name) ? [] : [`${what} is of nobody`];
  const problems: string[] = [];
  if (!possible.mayBeThere(tag, beginsAt, endsAt)) problems.push(`${what} had gone before`);
  const expected = outcome === "protected" ? true : outcome === "removed" ? false : undefined;
  const protection = possible.protections.get(tag);
  if (expected !== undefined && protection?.allows(expected, beginsAt, endsAt) !== true) {
    problems.push(`${what}, but protected was ${!expected}`);
  }
  return problems;
}

/** Checks that a reader may find `tag` under `name` during the call. */
function mayBe({ possible, call }: Case, name: string, tag: string): string[] {
  const { beginsAt, seenAt } = call;
  if (possible.names.get(name)?.allows(tag, beginsAt, seenAt) === true) return [];
  return [`found ${name} ${tag === free ? "free" : `as ${tag}`}, which it cannot have been`];
}

function judgeRefusal(one: Case, outcome: Extract<Outcome, { kind: "refused" }>): string[] {
  const { done, repeats } = one.call;
  switch (outcome.reason) {
    case "BROKEN_OFF":
      return [];
    case "SNAPSHOT_NOT_FOUND":
      return judgeNotFound(one);
    case "SNAPSHOT_NAME_TAKEN":
      return judgeNameTaken(one, outcome.holder);
    case "OPERATION_IN_PROGRESS":
      if ((done.kind === "create" || done.kind === "import") && (done.replace || repeats)) {
        return judgePending(one, done.name);
      }
      break;
    case "GC_LOCK_BUSY":
      if (done.kind === "gc" && overlaps(one, (other) => other.done.kind === "gc")) return [];
      break;
  }
  return [`was refused with ${outcome.reason}`];
}

function judgeNotFound(one: Case): string[] {
  const { possible, call } = one;
  const { done, repeats, askedId, beginsAt, endsAt } = call;
  if (done.kind === "create" || done.kind === "import") {
    const gone = repeats !== undefined && possible.mayBeGone(repeats, beginsAt, endsAt);
    return gone ? [] : ["says that what it made has gone"];
  }
  if (askedId !== undefined) {
    const tag = possible.tags.get(askedId) ?? "";
    return possible.mayBeGone(tag, beginsAt, endsAt) ? [] : [`does not find ${askedId} of ${tag}`];
  }
  if (done.kind === "delete") {
    const found = done.names.map((name) => mayBe(one, name, free));
    return found.some((problems) => problems.length === 0) ? [] : found.flat();
  }
  return "name" in done ? mayBe(one, done.name, free) : ["found nothing"];
}

function judgeNameTaken(one: Case, holder: { id: string; pending: boolean } | undefined): string[] {
  const { done } = one.call;
  const name = done.kind === "rename" ? done.to : "name" in done ? done.name : "";
  if (holder === undefined) return ["does not say who has the name"];
  if ("replace" in done && done.replace) return ["was refused a name that it may replace"];
  if (holder.pending) return judgePending(one, name);
  const tag = one.possible.tags.get(holder.id);
  if (tag !== undefined) return mayBe(one, name, tag);
  return one.possible.mayHoldUnseen(name) ? [] : [`names a holder ${holder.id} that nobody knows`];
}

/**
 * Checks that a running upload may hold the name. An interrupted upload holds its name until the
 * daemon notices the interruption.
 */
function judgePending(one: Case, name: string): string[] {
  const running = (other: Call): boolean =>
    (other.done.kind === "create" || other.done.kind === "import") && other.done.name === name;
  return overlaps(one, running) ? [] : [`says that an upload is taking ${name}`];
}

function overlaps({ round, call }: Case, wanted: (other: Call) => boolean): boolean {
  return round.calls.some((other) => {
    if (other === call || !wanted(other) || other.beginsAt >= call.endsAt) return false;
    const { outcome } = other;
    const lingers = outcome.kind === "refused" && outcome.reason === "BROKEN_OFF";
    return lingers || other.endsAt > call.beginsAt;
  });
}
