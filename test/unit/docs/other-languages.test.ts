// Tests two rules for comments in files that ESLint does not read, such as protobuf, style sheets,
// deployment files, and programs in other languages. Comments have at most 100 columns and no
// private term. The summaries of the alert rules, and the titles and descriptions of the dashboard,
// count as comments.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));
const maxColumns = 100;

interface Rules {
  plainWordFor(text: string): { readonly found: string; readonly use: string } | undefined;
}

const { plainWordFor } = (await import(join(repository, "eslint.comments.js"))) as Rules;

const folders = ["proto/stasis", "deploy", "examples", "scripts", "test", "web", ".ci"];
/** Builds and other tests change these folders while this test runs. */
const built = new Set(["target", "build", "node_modules", "__pycache__"]);

/** These expressions match the beginning of a comment line, by language. */
const slashes = /^\s*(?:\/\/[/!]?|\/?\*+)\s?/;
const hash = /^\s*#(?!!)\s?|^\s*(?:summary|description): /;
const startOf: Readonly<Record<string, RegExp>> = {
  ...{ ".proto": slashes, ".go": slashes, ".rs": slashes, ".java": slashes, ".css": slashes },
  ...{ ".py": hash, ".service": hash, ".yaml": hash, ".toml": hash, Dockerfile: hash, run: hash },
  ".json": /^\s*"(?:description|title)": /,
};

/** Returns the files below a folder of the repository, without the files of builds. */
function* filesBelow(folder: string): Generator<string, void, undefined> {
  for (const entry of readdirSync(join(repository, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isFile()) yield path;
    else if (entry.isDirectory() && !built.has(entry.name)) yield* filesBelow(path);
  }
}

interface Line {
  readonly number: number;
  /** The line as it is in the file, with its indentation. */
  readonly whole: string;
  /** The text without the characters that begin the comment. */
  readonly text: string;
}

/** Returns the comments of a file. Adjacent comment lines form one comment. */
function commentsIn(text: string, start: RegExp): Line[][] {
  const comments: Line[][] = [];
  let last = -2;
  for (const [index, whole] of text.split("\n").entries()) {
    if (!start.test(whole)) continue;
    const line = { number: index + 1, whole, text: whole.replace(start, "") };
    const isNew = last !== index - 1 || line.text === "";
    if (isNew) comments.push([line]);
    else comments.at(-1)?.push(line);
    last = index;
  }
  return comments;
}

function problemsIn(text: string, start: RegExp): string[] {
  return commentsIn(text, start).flatMap((lines) => {
    const wide = lines
      .filter(({ whole }) => whole.length > maxColumns && !/https?:|^\s*"|summary:/.test(whole))
      .map(({ number, whole }) => `${number}: ${whole.length} columns`);
    const word = plainWordFor(lines.map(({ text: own }) => own.trim()).join(" "));
    const first = lines[0]?.number;
    return word === undefined ? wide : [...wide, `${first}: “${word.found}”, write ${word.use}`];
  });
}

test("comments in other languages have at most 100 columns and no private term", () => {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const folder of folders) {
    for (const file of filesBelow(folder)) {
      const kind = extname(file) || basename(file);
      const start = startOf[kind];
      if (start === undefined || file.startsWith("test/fixtures/")) continue;
      if (kind === ".json" && !file.startsWith("deploy/")) continue;
      seen.add(kind);
      const found = problemsIn(readFileSync(join(repository, file), "utf8"), start);
      problems.push(...found.map((problem) => `${file}:${problem}`));
    }
  }
  assert.deepEqual(problems, []);
  const unseen = Object.keys(startOf).filter((kind) => !seen.has(kind));
  assert.deepEqual(unseen, [], "no file has this ending");
});

test("a private term over two lines and a wide comment are noticed", () => {
  const proto = "// The daemon lets go\n// of the lease.\nmessage A {}\n";
  assert.match(problemsIn(proto, slashes).join(), /^1: “lets go of”/);
  const wide = `# ${"word ".repeat(25)}\nkey = 1 # ${"word ".repeat(25)}\n`;
  assert.deepEqual(problemsIn(wide, hash), ["1: 127 columns"]);
  assert.deepEqual(problemsIn("// The lease is released.\n", slashes), []);
});
