// Prints comments at random, for a review of their language:
// `node scripts/random-comments.mjs [--seed N] [--count N] [--titles]`. Equal seeds print equal
// comments of one tree. With --titles it prints titles of tests instead.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import tseslint from "typescript-eslint";
import { paragraphs } from "../eslint.comments.js";
import { root } from "./run-tool.mjs";

const folders = ["src", "scripts", "examples", "bench", "test", "web"];
/** Matches the title of a test, up to the first quote in it. */
const title = /\b(?:test|it|describe|suite)\(\s*["`]([^"`\n]+)["`]/g;

function main() {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      count: { type: "string", default: "20" },
      titles: { type: "boolean", default: false },
    },
  });
  const all = sources().flatMap((file) => (values.titles ? titlesIn(file) : commentsIn(file)));
  const random = randomFrom(Number(values.seed));
  process.stdout.write(`seed ${values.seed}, of ${all.length}\n`);
  for (let left = Number(values.count); left > 0 && all.length > 0; left -= 1) {
    const [{ place, text }] = all.splice(Math.floor(random() * all.length), 1);
    process.stdout.write(`\n${place}\n  ${text}\n`);
  }
}

function sources() {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .filter((name) => /\.(ts|tsx|mjs)$/.test(name) && !name.includes("node_modules"))
      .map((name) => `${folder}/${name}`)
      .sort(),
  );
}

function commentsIn(file) {
  const { ast } = tseslint.parser.parseForESLint(textOf(file), {
    comment: true,
    loc: true,
    range: true,
    jsx: file.endsWith("x"),
  });
  return paragraphs(ast.comments).map(({ text, loc }) => ({
    place: `${file}:${loc.start.line}`,
    text,
  }));
}

function titlesIn(file) {
  return [...textOf(file).matchAll(title)].map(([, text]) => ({ place: file, text }));
}

function textOf(file) {
  return readFileSync(join(root, file), "utf8");
}

/** Returns a generator of numbers from 0 to below 1 (mulberry32). */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

main();
