// Answers /livez and /readyz for Kubernetes. Anybody who can connect may request them. Reasons are
// given by name. Only callers that may see paths of the node also get the messages.
import type { ErrorReason } from "../base/errors.js";
import type { StoreProblem } from "../store/parts/condition.js";
import { jsonAnswer, textAnswer, type Answer } from "./answer.js";

export type Phase = "recovering" | "serving" | "draining";

/**
 * The result of one check of /readyz. `failed` is the reason for a failure in a word, and undefined
 * if the check passes.
 */
interface ReadinessCheck {
  readonly name: string;
  readonly failed?: string;
  readonly since?: Date;
  readonly message?: string;
}

/** The check to which a problem of the store belongs, and the problem's name there. */
const checkOf: Partial<Record<ErrorReason, readonly [check: string, failed: string]>> = {
  ROOT_UNAVAILABLE: ["root", "unavailable"],
  STORED_DATA_CORRUPT: ["catalog", "damaged"],
  STORE_READ_ONLY: ["writes", "read-only"],
  IO_FAILED: ["writes", "disk-failing"],
  STORAGE_FULL: ["space", "full"],
};

const storeChecks = ["root", "catalog", "writes", "space"] as const;

export function readinessChecks(
  phase: Phase,
  problems: readonly StoreProblem[],
): readonly ReadinessCheck[] {
  const failures = problems.map(({ error, since }) => {
    const [name, failed] = checkOf[error.reason] ?? ["store", error.reason];
    return { name, failed, since, message: error.text };
  });
  const others = failures.filter(({ name }) => !storeChecks.some((known) => known === name));
  return [
    { name: "recovery", ...(phase === "recovering" ? { failed: "recovering" } : {}) },
    { name: "serving", ...(phase === "draining" ? { failed: "draining" } : {}) },
    ...storeChecks.map((name) => failures.find((failure) => failure.name === name) ?? { name }),
    ...others,
  ];
}

export function livezAnswer(query: URLSearchParams): Answer {
  return textAnswer(200, query.has("verbose") ? "[+]event-loop ok\nlivez check passed" : "ok");
}

/**
 * Answers with 200 if all checks pass, and otherwise with 503 and the list of checks. With
 * `?verbose` the answer always has the list, `?exclude=NAME` leaves out a check, and `?format=json`
 * selects JSON.
 */
export function readyzAnswer(
  all: readonly ReadinessCheck[],
  query: URLSearchParams,
  tellsMessages: boolean,
): Answer {
  const excluded = query.getAll("exclude");
  const checks = all.filter(({ name }) => !excluded.includes(name));
  const failed = checks.filter((check) => check.failed !== undefined);
  const ready = failed.length === 0;
  const status = ready ? 200 : 503;
  if (query.get("format") === "json") {
    const shown = (check: ReadinessCheck) =>
      tellsMessages ? check : { ...check, message: undefined };
    return jsonAnswer({ ready, checks: checks.map(shown) }, status);
  }
  if (ready && !query.has("verbose")) return textAnswer(status, "ok");
  const lines = checks.map((check) => line(check, tellsMessages));
  return textAnswer(status, [...lines, `readyz check ${ready ? "passed" : "failed"}`].join("\n"));
}

function line({ name, failed, message }: ReadinessCheck, tellsMessages: boolean): string {
  if (failed === undefined) return `[+]${name} ok`;
  const words = tellsMessages && message !== undefined ? `: ${message}` : "";
  return `[-]${name} failed: ${failed}${words}`;
}
