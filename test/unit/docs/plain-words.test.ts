// Tests that the documents use the terms of the field, with the word list of the lint rule.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));

interface Rules {
  plainWordFor(text: string): { readonly found: string; readonly use: string } | undefined;
}

const { plainWordFor } = (await import(join(repository, "eslint.comments.js"))) as Rules;

function documents(): string[] {
  const below = (folder: string) =>
    readdirSync(join(repository, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".md") && !file.includes("node_modules"))
      .map((file) => join(folder, file));
  const top = readdirSync(repository).filter((file) => file.endsWith(".md"));
  return [...top, ...["docs", "examples", "gen", "test"].flatMap(below)];
}

/**
 * Yields the paragraphs, list items and table cells of a document, each in one line. Leaves out
 * code blocks and measured results, and replaces inline code with CODE.
 */
function* sentences(text: string): Generator<string> {
  const own = text.replace(/<!-- results:[^]*<!-- \/results -->/, "");
  const prose = own.replace(/```[^]*?```/g, "").replace(/`[^`\n]*`/g, "CODE");
  for (const block of prose.split(/\n\n+|\n(?=[-|#] ?)|\|/))
    yield block.replace(/\s+/g, " ").trim();
}

test("the documents contain no private term", () => {
  const files = documents();
  assert.ok(files.length > 8, `only ${files.length} documents`);
  const problems = files.flatMap((file) =>
    [...sentences(readFileSync(join(repository, file), "utf8"))].flatMap((sentence) => {
      const problem = plainWordFor(sentence);
      return problem === undefined
        ? []
        : [`${file}: “${problem.found}”, write ${problem.use}: ${sentence.slice(0, 80)}`];
    }),
  );
  assert.deepEqual(problems, []);
});

test("the word list finds its terms, and accepts plain sentences", () => {
  /* eslint-disable house/plain-english -- the rule must find these */
  const hard = [
    "The pool lets go of the buffer.",
    "Throws if the address is none.",
    "What has closed is released.",
    "Each waits. Who gets the last byte frees it.",
    "Were all to send at once, none would end.",
    "It can't be read.",
  ];
  /* eslint-enable house/plain-english */
  for (const text of hard) assert.notEqual(plainWordFor(text), undefined, text);
  const plain = [
    "The caller that receives the last byte frees the buffer.",
    "There is none.",
    "The daemon decides what has to be deleted.",
    "The requests were all answered.",
  ];
  for (const text of plain) assert.equal(plainWordFor(text), undefined, text);
});
