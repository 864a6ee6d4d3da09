// Runs the real check on a store that no daemon serves at the moment.
import assert from "node:assert/strict";
import type { CheckOptions, Finding, FindingKind } from "../../src/model/finding.js";
import { checkUnserved } from "../../src/store/offline.js";

const never = new AbortController().signal;
const thorough: CheckOptions = { deep: true, limitBytesPerSecond: 0 };

/** Returns all findings of a finished check, including notes. */
export async function findingsIn(
  root: string,
  options: CheckOptions = thorough,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  let finished = false;
  for await (const event of checkUnserved(root, options, never)) {
    if (event.kind === "finding") findings.push(event.finding);
    if (event.kind === "summary") finished = true;
  }
  assert.ok(finished, "the check did not finish");
  return findings;
}

/**
 * Fails if check finds a problem. By default check reads every byte. The kinds in `expected` must
 * be present.
 */
export async function assertClean(
  root: string,
  expected: readonly FindingKind[] = [],
  options: CheckOptions = thorough,
): Promise<void> {
  const problems = (await findingsIn(root, options)).filter(
    ({ severity }) => severity === "problem",
  );
  const unexpected = problems.filter(({ kind }) => !expected.includes(kind));
  assert.deepEqual(unexpected, [], "check finds problems");
  for (const kind of expected) {
    const found = problems.some((problem) => problem.kind === kind);
    assert.ok(found, `check does not find ${kind}`);
  }
}
