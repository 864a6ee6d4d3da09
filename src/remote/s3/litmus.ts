// Tests a remote: whether its object store behaves as stasis needs, and whether the credentials
// allow what stasis does. The test writes small objects below `check/`, and deletes them at the
// end.
//
// A step fails if snapshots could be lost, or not be stored, because of what it saw. A problem that
// costs only time or space is noted.
import { isStoreError, messageOf } from "../../base/errors.js";
import type { RemoteObserver } from "../../observe/ports.js";
import { engineSteps } from "./litmus-engine.js";
import { staleSteps } from "./litmus-stale.js";
import type { LitmusResult, LitmusScene, LitmusStep } from "./litmus-step.js";
import { checkPrefix, openRemoteBucket, randomKey, type OpenRemote } from "./remote-bucket.js";
import { createBucketRequests } from "./requests.js";

export interface LitmusVerdict {
  readonly usability: "usable" | "limited" | "unusable";
  readonly summary: string;
  readonly missingActions: readonly string[];
  /** Objects that could not be deleted. */
  readonly objectsLeft: number;
}

export type LitmusEvent =
  | { readonly kind: "step"; readonly step: LitmusStep }
  | { readonly kind: "verdict"; readonly verdict: LitmusVerdict };

export interface LitmusOptions {
  /** Number of tries of each step that looks for a stale answer. Default: 20. */
  readonly rounds?: number;
  readonly signal: AbortSignal;
}

const defaultRounds = 20;
export const maxRounds = 1000;

/** An action that a policy has to allow, and the request that shows whether it does. */
interface Permission {
  readonly name: string;
  readonly action: string;
  try(scene: LitmusScene): Promise<string>;
}

const content = Buffer.from("a small object of stasis remote check\n");

const permissions: readonly Permission[] = [
  {
    name: "list",
    action: "s3:ListBucket",
    async try({ one, signal }) {
      for await (const _ of one.list(`${checkPrefix}none-${randomKey()}/`, { signal }));
      return "lists are answered";
    },
  },
  {
    name: "put",
    action: "s3:PutObject",
    async try({ one, newKey, signal }) {
      await one.put(newKey(), content, signal);
      return "an object was stored";
    },
  },
  {
    name: "get",
    action: "s3:GetObject",
    async try({ one, newKey, signal }) {
      const key = newKey();
      // Without the permission to store, there is no object to read. The answer that it is missing
      // then proves the permission to read.
      const stored = await one.put(key, content, signal).then(
        () => true,
        () => false,
      );
      try {
        const read = await one.get(key, { maxBytes: 1024, signal });
        if (!read.equals(content)) throw new Error("the object has other bytes than were stored");
        return "the object has the bytes that were stored";
      } catch (error) {
        if (!stored && isStoreError(error, "REMOTE_COPY_MISSING")) return "reads are answered";
        throw error;
      }
    },
  },
  {
    name: "delete",
    action: "s3:DeleteObject",
    async try({ one, newKey, signal }) {
      await one.delete(newKey(), signal);
      return "deletions are answered";
    },
  },
];

/** Yields the steps, and then the verdict. Throws only the signal's reason. */
export async function* tryRemote(
  open: OpenRemote,
  observer: RemoteObserver,
  { rounds = defaultRounds, signal }: LitmusOptions,
): AsyncGenerator<LitmusEvent, void, undefined> {
  // Problems of an engine show at once, so long retries would only cost time.
  const quick = { ...open, timing: { ...open.timing, maxAttempts: 3 } };
  using one = openRemoteBucket(quick, observer);
  using other = openRemoteBucket(quick, observer);
  using requests = createBucketRequests(quick);
  const prefix = `${checkPrefix}${randomKey()}/`;
  const keys: string[] = [];
  const newKey = (name = String(keys.length).padStart(6, "0")): string => {
    const key = `${prefix}${name}`;
    keys.push(key);
    return key;
  };
  const scene = { open: quick, one, other, requests, rounds, signal, prefix, newKey };
  const steps: LitmusStep[] = [];
  const missingActions: string[] = [];
  for (const permission of permissions) {
    const step = await tryPermission(scene, permission, missingActions);
    steps.push(step);
    yield { kind: "step", step };
    // Nothing answers, or the credentials are not accepted: every step would say the same.
    if (step.outcome === "failed" && missingActions.length === 0) break;
  }
  const canContinue =
    steps.length === permissions.length && steps.every(({ outcome }) => outcome === "passed");
  for (const { name, run: work } of [...engineSteps, ...staleSteps]) {
    const step = canContinue
      ? await attempt(name, () => work(scene), signal)
      : ({ name, outcome: "skipped", detail: "an earlier step has failed" } as const);
    steps.push(step);
    yield { kind: "step", step };
  }
  const { step, left } = await cleanUp(scene, keys);
  steps.push(step);
  yield { kind: "step", step };
  yield { kind: "verdict", verdict: verdictOf(steps, missingActions, left) };
}

async function tryPermission(
  scene: LitmusScene,
  { name, action, try: work }: Permission,
  missingActions: string[],
): Promise<LitmusStep> {
  const passed = async () => ({ outcome: "passed", detail: await work(scene) }) as const;
  return attempt(name, passed, scene.signal, () => missingActions.push(action));
}

/** Runs a step. An error of the object store becomes the result of the step. */
async function attempt(
  name: string,
  work: () => Promise<LitmusResult>,
  signal: AbortSignal,
  onDenied: () => void = () => undefined,
): Promise<LitmusStep> {
  try {
    return { name, ...(await work()) };
  } catch (error) {
    signal.throwIfAborted();
    if (isDenied(error)) onDenied();
    const detail = isStoreError(error) ? error.text : messageOf(error);
    return { name, outcome: "failed", detail };
  }
}

/**
 * Returns whether a policy refuses the request. A refusal of the credentials themselves does not
 * count.
 */
function isDenied(error: unknown): boolean {
  if (!isStoreError(error, "REMOTE_REFUSED")) return false;
  const { status, code } = error.metadata;
  return status === "403" && (code === undefined || code === "AccessDenied");
}

async function cleanUp(
  { one, prefix, signal }: LitmusScene,
  keys: readonly string[],
): Promise<{ step: LitmusStep; left: number }> {
  const name = "cleanup";
  if (keys.length === 0) {
    return { step: { name, outcome: "skipped", detail: "nothing was stored" }, left: 0 };
  }
  let left = 0;
  let why = "";
  const found = new Set(keys);
  try {
    for await (const { key } of one.list(prefix, { signal })) found.add(key);
  } catch (error) {
    signal.throwIfAborted();
    why = messageOf(error);
  }
  for (const key of found) {
    await one.delete(key, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      left += 1;
      why = messageOf(error);
    });
    // Without the permission, or without a connection, the other deletions would fail too.
    if (left > 2) {
      left = found.size;
      break;
    }
  }
  if (left === 0) {
    const detail = `all ${found.size} objects of the check are deleted`;
    return { step: { name, outcome: "passed", detail }, left };
  }
  const detail = `up to ${left} objects below ${prefix} are left: ${why}`;
  return { step: { name, outcome: "noted", detail }, left };
}

function verdictOf(
  steps: readonly LitmusStep[],
  missingActions: readonly string[],
  objectsLeft: number,
): LitmusVerdict {
  const named = (outcome: LitmusStep["outcome"]): string =>
    steps
      .filter((step) => step.outcome === outcome)
      .map(({ name }) => name)
      .join(", ");
  const [failed, noted] = [named("failed"), named("noted")];
  if (failed !== "") {
    const allow =
      missingActions.length === 0 ? "" : ` Allow the credentials ${missingActions.join(", ")}.`;
    const summary = `Do not use this remote: these steps have failed: ${failed}.${allow}`;
    return { usability: "unusable", summary, missingActions, objectsLeft };
  }
  if (noted !== "") {
    const summary = `This remote can be used. Read what these steps have noted: ${noted}.`;
    return { usability: "limited", summary, missingActions, objectsLeft };
  }
  const summary = "This remote can be used: the object store keeps what stasis relies on.";
  return { usability: "usable", summary, missingActions, objectsLeft };
}
