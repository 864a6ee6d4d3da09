// Defines the lint rule that refuses import cycles in src/, including cycles of types. A reader of
// one file in a cycle would have to read all of its files.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import ts from "typescript";

const { preProcessFile } = ts;

export const cycles = {
  meta: {
    type: "problem",
    docs: { description: "refuse import cycles" },
    schema: [],
    messages: { cycle: "Import cycle: {{ path }}." },
  },
  create(context) {
    const file = relative(context.cwd, context.filename).split(sep).join("/");
    return {
      Program(node) {
        const path = cycleThrough(file, importGraph(context.cwd));
        if (path === undefined) return;
        context.report({ node, messageId: "cycle", data: { path: path.join(" → ") } });
      },
    };
  },
};

const graphs = new Map();

/** Returns the imports of each file of src/. The files are read once per run. */
function importGraph(root) {
  const known = graphs.get(root);
  if (known !== undefined) return known;
  const graph = new Map();
  for (const name of readdirSync(join(root, "src"), { recursive: true })) {
    if (!name.endsWith(".ts")) continue;
    const file = `src/${name.split(sep).join("/")}`;
    const text = readFileSync(join(root, file), "utf8");
    const targets = preProcessFile(text, true, true)
      .importedFiles.map(({ fileName }) => fileName)
      .filter((name) => name.startsWith("."))
      .map((name) => relative(root, resolve(root, dirname(file), name.replace(/\.js$/, ".ts"))));
    graph.set(file, targets);
  }
  graphs.set(root, graph);
  return graph;
}

/** Returns the shortest cycle through the file, or undefined. */
function cycleThrough(file, graph) {
  const cameFrom = new Map();
  const queue = [file];
  for (const at of queue) {
    for (const next of graph.get(at) ?? []) {
      if (next === file) return wayTo(at, cameFrom, file);
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, at);
      queue.push(next);
    }
  }
  return undefined;
}

function wayTo(last, cameFrom, file) {
  const way = [file];
  for (let at = last; at !== file; at = cameFrom.get(at)) way.unshift(at);
  return [file, ...way];
}
