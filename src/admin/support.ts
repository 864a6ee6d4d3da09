// Answers /api/support/ with the parts of a support bundle that the web page does not have:
// configuration, recent log, a check and a planned collection. Only operators of the whole node get
// these parts. docs/runbook.md says what a bundle contains.
import { isStoreError } from "../base/errors.js";
import type { LocalCaller, LocalCalls, LocalMessage } from "../transport/local-call.js";
import { checkRole } from "../transport/auth/role-table.js";
import { GcOutcome, GcReason } from "../../gen/ts/stasis/v1/gc_service_pb.js";
import { jsonAnswer, textAnswer, type Answer } from "./answer.js";
import { gcPlan } from "./gc-picture.js";
import { busy } from "./request.js";
import type { RouteRequest } from "./routes.js";

/** The information that the daemon has about itself, without credentials. */
export interface SupportParts {
  /** Returns the effective configuration, as JSON. */
  readonly config: () => object;
  /** Returns the recent log as lines of JSON, the oldest first. */
  readonly recentLog: () => string;
  /** The message GcPolicy of scheduled collections. */
  readonly gcPolicy: LocalMessage;
}

export interface Support {
  /**
   * Answers a request. Throws ROLE_INSUFFICIENT unless the caller is an operator without a name
   * prefix. Throws TOO_MANY_STREAMS for a check while another one is running.
   */
  answer(request: RouteRequest, caller: LocalCaller): Promise<Answer>;
}

/** The log contains names and callers of all tenants. */
const supportRule = { roles: ["operator"], changes: false, wholeNode: true } as const;

export function createSupport(parts: SupportParts, calls: LocalCalls): Support {
  let isChecking = false;
  const check = async (caller: LocalCaller): Promise<Answer> => {
    if (isChecking) throw busy("checks");
    isChecking = true;
    try {
      return jsonAnswer(await boundedCheck(calls, caller));
    } finally {
      isChecking = false;
    }
  };
  return {
    async answer({ path }, caller) {
      checkRole(supportRule, caller.identity, path);
      switch (path) {
        case "/api/support/config":
          return jsonAnswer(parts.config());
        case "/api/support/log":
          return {
            ...{ status: 200, contentType: "application/x-ndjson" },
            body: parts.recentLog(),
          };
        case "/api/support/check":
          return check(caller);
        case "/api/support/gc":
          return jsonAnswer(await plannedCollection(parts, calls, caller));
        default:
          return textAnswer(404, `the API has nothing at ${path.slice(0, 200)}`);
      }
    },
  };
}

/** Returns the sums of a planned collection, with the names of reasons and outcomes. */
async function plannedCollection(
  { gcPolicy }: SupportParts,
  calls: LocalCalls,
  caller: LocalCaller,
): Promise<object> {
  const { plan, total, byReason, byOutcome } = await gcPlan(calls, gcPolicy, caller, 0);
  const { freedBytes } = plan as { readonly freedBytes: string };
  return {
    ...{ total, freedBytes },
    byReason: byReason.map(({ key, ...sum }) => ({ reason: GcReason[key], ...sum })),
    byOutcome: byOutcome.map(({ key, ...sum }) => ({ outcome: GcOutcome[key], ...sum })),
  };
}

const checkMethod = "stasis.v1.SystemService/Check";
/** Time limit of the check, below the time after which an idle connection is closed. */
const checkMs = 20_000;
const maxFindings = 200;

interface CheckMessage {
  readonly finding?: { readonly kind: string; readonly problem: boolean };
  readonly progress?: object;
  readonly summary?: object;
}

/** Runs a check that ends early in a large store. The counts cover every finding until then. */
async function boundedCheck(calls: LocalCalls, caller: LocalCaller): Promise<object> {
  const limit = AbortSignal.timeout(checkMs);
  const signal = AbortSignal.any([caller.signal, limit]);
  const findings: object[] = [];
  const counts: Record<string, number> = {};
  let progress: object | undefined;
  let summary: object | undefined;
  let incomplete: string | undefined;
  try {
    for await (const message of calls.stream(checkMethod, {}, { ...caller, signal })) {
      const event = message as CheckMessage;
      progress = event.progress ?? progress;
      summary = event.summary ?? summary;
      if (event.finding === undefined) continue;
      const { kind, problem } = event.finding;
      const key = `${kind}${problem ? "" : " (note)"}`;
      counts[key] = (counts[key] ?? 0) + 1;
      if (findings.length < maxFindings) findings.push(event.finding);
    }
  } catch (error) {
    if (caller.signal.aborted || (!limit.aborted && !isStoreError(error))) throw error;
    incomplete = limit.aborted
      ? `stopped after ${checkMs / 1000} s: run stasis check for the rest`
      : (error as Error).message;
  }
  return { incomplete, summary, progress, counts, maxFindings, findings };
}
