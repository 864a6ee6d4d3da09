// A collection that is only planned: what would go and why, in sums and as a list that is cut.
import { fieldInvalid } from "../base/errors.js";
import type { LocalCaller, LocalCalls, LocalMessage } from "../transport/local-call.js";
import { jsonAnswer, type Answer } from "./answer.js";

const method = "stasis.v1.GcService/CollectGarbage";

/** Rows that are listed; the sums count all. */
const maxListed = 500;

/** GC_OUTCOME_PLANNED. */
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
  /** Rows of the response. */
  readonly total: number;
  /** By the number of the enum, ascending. */
  readonly byReason: readonly KeyedSum[];
  readonly byOutcome: readonly KeyedSum[];
}

type KeyedSum = Readonly<Sum> & { readonly key: number };

/** Nothing is removed, whatever the query says. Throws FIELD_INVALID, ROLE_INSUFFICIENT. */
export async function gcAnswer(
  calls: LocalCalls,
  query: URLSearchParams,
  caller: LocalCaller,
): Promise<Answer> {
  return jsonAnswer(await gcPlan(calls, policyOf(query), caller, maxListed));
}

/** The message GcPolicy `policy` decides what would go; the first `listed` rows are listed. */
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
      // The first reason is why it would go; a row counts once.
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

/** 0 = not used. */
function numberOf(query: URLSearchParams, key: string): number {
  const text = query.get(key) ?? "0";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw fieldInvalid(key, "a whole number", text);
}
