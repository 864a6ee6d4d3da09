// Tests that titles of tests are sentences, so that their list is a description of the program.
import assert from "node:assert/strict";
import { test } from "node:test";
import ts from "typescript";
import { sourcesIn } from "./sources.js";

const functions = new Set(["test", "it"]);
const minWords = 3;

/** Returns the problem of a title, if any. A title with a placeholder may be short. */
function problemOf(title: string, hasPlaceholder: boolean): string | undefined {
  if (title.endsWith(".")) return "ends with a full stop";
  if (hasPlaceholder) return undefined;
  return title.split(/\s+/).length < minWords ? `has fewer than ${minWords} words` : undefined;
}

function problemsIn(file: string, text: string): string[] {
  const problems: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && functions.has(node.expression.getText(parsed))) {
      const [title] = node.arguments;
      if (
        title !== undefined &&
        (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))
      ) {
        const content = title.getText(parsed).slice(1, -1);
        const problem = problemOf(content, ts.isTemplateExpression(title));
        if (problem !== undefined) problems.push(`${file}: “${content}” ${problem}`);
      }
    }
    ts.forEachChild(node, visit);
  };
  const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  visit(parsed);
  return problems;
}

void test("titles of tests say what happens", () => {
  const files = [...sourcesIn("test")].filter(([file]) => file.endsWith(".test.ts"));
  assert.ok(files.length > 100, `only ${files.length} files`);
  assert.deepEqual(
    files.flatMap(([file, text]) => problemsIn(file, text)),
    [],
    "write a sentence without a full stop, in the present tense",
  );
});

void test("a title of a single word and one with a full stop are noticed", () => {
  const text = 'void test("collections", () => {});\ntest("a lease ends at last.", () => {});\n';
  assert.deepEqual(problemsIn("a.test.ts", text), [
    "a.test.ts: “collections” has fewer than 3 words",
    "a.test.ts: “a lease ends at last.” ends with a full stop",
  ]);
  assert.deepEqual(problemsIn("a.test.ts", "test(`${what} works`, () => {});\n"), []);
});
