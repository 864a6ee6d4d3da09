// Collects the parts of a support bundle that only the daemon can provide, through its admin
// socket.
import { codeOfReason, StoreError, type ErrorReason } from "../../base/errors.js";
import { jsonWithoutSecrets, linesWithoutSecrets } from "../../base/hide-secrets.js";
import { askAdmin, type AdminAnswer, type AdminRequest } from "../admin-socket.js";
import { jsonText, type Part, type PartPlan } from "./part.js";
import { keepIds, withoutNames } from "./without-names.js";

interface DaemonPart extends PartPlan {
  /** The path to request from the admin listener. */
  readonly path: string;
  /** JSON is indented in the bundle. Other forms keep their layout, except under `--no-names`. */
  readonly form: "json" | "lines" | "text";
  /**
   * Returns the value that `--no-names` keeps. Default: everything, because the part contains no
   * names.
   */
  readonly nameless?: (value: unknown) => unknown;
}

const parts: readonly DaemonPart[] = [
  {
    file: "config.json",
    what: "effective configuration without credentials; names of relevant environment variables",
    path: "/api/support/config",
    form: "json",
    nameless: (value) => ({ ...(value as object), identities: "<hidden>", peers: "<hidden>" }),
  },
  {
    file: "log.jsonl",
    what: "newest lines of the log, at most 1 MiB",
    instead: "journalctl -u stasis -n 2000 -o cat",
    path: "/api/support/log",
    form: "lines",
    nameless: withoutNames,
  },
  {
    file: "ready.json",
    what: "conditions: what works, what does not, and why",
    path: "/readyz?format=json",
    form: "json",
  },
  {
    file: "info.json",
    what: "version, limits, usage, problems, scrub",
    path: "/api/info",
    form: "json",
  },
  {
    file: "activity.json",
    what: "running uploads and pulls, leases, number of calls",
    path: "/api/activity",
    form: "json",
    nameless: withoutNames,
  },
  {
    file: "damage.json",
    what: "damaged and lost snapshots, at most 200",
    path: "/api/damage",
    form: "json",
    nameless: keepIds,
  },
  {
    file: "check.json",
    what: "catalog, directories and manifests compared: counts, and at most 200 findings",
    instead: "stasis check --root DIR, while no daemon runs",
    path: "/api/support/check",
    form: "json",
    nameless: withoutNames,
  },
  {
    file: "gc.json",
    what: "what a collection by the configured policy would remove, in numbers; nothing was removed",
    path: "/api/support/gc",
    form: "json",
  },
  {
    file: "usage.json",
    what: "bytes over time, from the start of the daemon",
    path: "/api/usage",
    form: "json",
  },
  { file: "metrics.txt", what: "all metrics, for Prometheus", path: "/metrics", form: "text" },
];

export interface DaemonParts {
  readonly parts: readonly Part[];
  /** The root from info.json. Undefined if that part is missing. */
  readonly root: string | undefined;
}

/**
 * Requests all parts at once. Throws CREDENTIALS_INVALID or ROLE_INSUFFICIENT if the daemon refuses
 * the caller.
 */
export async function askDaemon(
  socket: string,
  request: AdminRequest,
  names: boolean,
): Promise<DaemonParts> {
  const answers = await Promise.all(
    parts.map((part) =>
      askAdmin(socket, part.path, request).catch((error: unknown) => {
        request.signal.throwIfAborted();
        return error as Error;
      }),
    ),
  );
  for (const answer of answers) refuseRefused(answer);
  const given = parts.map((part, index) => partOf(part, answers[index], names));
  return { parts: given, root: rootOf(given) };
}

/** Returns the parts of a bundle without a daemon: every part is missing for the same reason. */
export function withoutDaemon(missing: string): DaemonParts {
  return { parts: parts.map((part) => ({ ...planOf(part), missing })), root: undefined };
}

function planOf({ file, what, instead }: DaemonPart): PartPlan {
  return { file, what, ...(instead === undefined ? {} : { instead }) };
}

function partOf(part: DaemonPart, answer: AdminAnswer | Error | undefined, names: boolean): Part {
  const plan = planOf(part);
  if (answer === undefined || answer instanceof Error) {
    return { ...plan, missing: answer?.message ?? "no answer" };
  }
  // A daemon that is not ready answers with 503 and the same document.
  const isReady = part.path.startsWith("/readyz") && answer.status === 503;
  if (answer.status !== 200 && !isReady) return { ...plan, missing: reasonOf(answer) };
  const shorten = names ? undefined : part.nameless;
  if (part.form === "json") {
    const value = jsonWithoutSecrets(JSON.parse(answer.body));
    return { ...plan, text: jsonText(shorten === undefined ? value : shorten(value)) };
  }
  const text = linesWithoutSecrets(answer.body);
  return { ...plan, text: shorten === undefined ? text : eachLine(text, shorten) };
}

function eachLine(text: string, change: (value: unknown) => unknown): string {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => `${JSON.stringify(change(JSON.parse(line)))}\n`).join("");
}

interface Refusal {
  readonly error?: { readonly reason: string; readonly message: string; readonly hint?: string };
}

function refusalOf({ body }: AdminAnswer): Refusal["error"] {
  try {
    return (JSON.parse(body) as Refusal).error;
  } catch {
    return undefined;
  }
}

function reasonOf(answer: AdminAnswer): string {
  const refusal = refusalOf(answer);
  if (refusal === undefined) return `${answer.status}: ${answer.body.trim().slice(0, 200)}`;
  return `${refusal.reason}: ${refusal.message}`;
}

/**
 * Throws if the daemon refused the caller, who must not believe that the remaining parts are a
 * bundle.
 */
function refuseRefused(answer: AdminAnswer | Error): void {
  if (answer instanceof Error || (answer.status !== 401 && answer.status !== 403)) return;
  const refusal = refusalOf(answer);
  const { reason = "", message = reasonOf(answer) } = refusal ?? {};
  const known = reason in codeOfReason ? (reason as ErrorReason) : "ROLE_INSUFFICIENT";
  throw new StoreError(known, `a support bundle is for operators without a prefix: ${message}`, {
    hint: "Run it as the daemon's user or root, or with --token-file FILE of such an operator",
  });
}

function rootOf(given: readonly Part[]): string | undefined {
  const text = given.find(({ file }) => file === "info.json")?.text;
  if (text === undefined) return undefined;
  const { info } = JSON.parse(text) as { readonly info?: { readonly root?: string } };
  return info?.root || undefined;
}
