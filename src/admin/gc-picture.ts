// Plans a collection without running it. The answer says which snapshots would be evicted and why,
// in sums and as a list with a maximum length.
import { fieldInvalid } from "../base/errors.js";
import type { LocalCaller, LocalCalls, LocalMessage } from "../transport/local-call.js";
import { jsonAnswer, type Answer } from "./answer.js";

const method = "stasis.v1.GcService/CollectGarbage";

/** Maximum rows that are listed. The sums count all rows. */
const maxListed = 500;

/** The value of GC_OUTCOME_PLANNED. */
const planned = 1;

interface Row {
  readonly bytes: bigint;
  readonly reasons: readonly number[];
  readonly outcome: number;
}

interface Sum {
  count: number;
  bytes: number;
}

interface GcPlan {
  /** The response, with some of its rows. */
  readonly plan: unknown;
  /** Number of rows in the response. */
  readonly total: number;
  /** The sums by the number of the enum value, ascending. `byReason` counts only planned rows. */
  readonly byReason: readonly KeyedSum[];
  readonly byOutcome: readonly KeyedSum[];
}

type KeyedSum = Readonly<Sum> & { readonly key: number };

/**
 * Answers with a plan. Nothing is evicted, whatever the query says. Throws FIELD_INVALID for an
 * invalid query, and ROLE_INSUFFICIENT unless the caller is an operator.
 */
export async function gcAnswer(
  calls: LocalCalls,
  query: URLSearchParams,
  caller: LocalCaller,
): Promise<Answer> {
  return jsonAnswer(await gcPlan(calls, policyOf(query), caller, maxListed));
}

/**
 * Returns the plan for `policy`, a message GcPolicy. The plan lists only the first `listed` rows.
 */
export async function gcPlan(
  calls: LocalCalls,
  policy: LocalMessage,
  caller: LocalCaller,
  listed: number,
): Promise<GcPlan> {
  const byReason = new Map<number, Sum>();
  const byOutcome = new Map<number, Sum>();
  let total = 0;
  const answer = await calls.unary(method, { policy, dryRun: true }, caller, (whole) => {
    const rows = whole["candidates"] as readonly Row[];
    total = rows.length;
    for (const { bytes, reasons, outcome } of rows) {
      add(byOutcome, outcome, bytes);
      // Each row counts once, for its first reason, because that is why the snapshot would be
      // evicted.
      if (outcome === planned) add(byReason, reasons[0] ?? 0, bytes);
    }
    return { ...whole, candidates: rows.slice(0, listed) };
  });
  const sums = (of: ReadonlyMap<number, Sum>) =>
    [...of].map(([key, sum]) => ({ key, ...sum })).sort((a, b) => a.key - b.key);
  return { plan: answer, total, byReason: sums(byReason), byOutcome: sums(byOutcome) };
}

function add(sums: Map<number, Sum>, key: number, bytes: bigint): void {
  const sum = sums.get(key) ?? { count: 0, bytes: 0 };
  sums.set(key, { count: sum.count + 1, bytes: sum.bytes + Number(bytes) });
}

function policyOf(query: URLSearchParams): LocalMessage {
  const age = numberOf(query, "max_age_s");
  return {
    keepLast: numberOf(query, "keep_last"),
    maxTotalBytes: BigInt(numberOf(query, "max_bytes")),
    ...(age === 0 ? {} : { maxAge: { seconds: BigInt(age), nanos: 0 } }),
    groupByLabel: query.get("group_by_label") ?? "",
    evictAll: query.get("evict_all") === "1",
  };
}

/** Returns a number of the query. 0 means that the criterion is not used. */
function numberOf(query: URLSearchParams, key: string): number {
  const text = query.get(key) ?? "0";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw fieldInvalid(key, "a whole number", text);
}
