// Tests that src/ exports nothing that no other file imports. An export is a promise to readers
// that somebody else depends on it.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { sourcesIn } from "./sources.js";

/** The files that users of the package import, and the file that the executable runs. */
const entries = ["src/client/index.ts", "src/main.ts"];
const importers = ["src", "test", "bench", "scripts", "web", "examples"];

type Names = readonly string[];

/** Returns the names that a statement exports. */
function exportsOf(statement: ts.Statement): Names {
  if (ts.isExportDeclaration(statement)) {
    const { exportClause } = statement;
    return exportClause !== undefined && ts.isNamedExports(exportClause)
      ? exportClause.elements.map(({ name }) => name.text)
      : [];
  }
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  if (modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) !== true) return [];
  if (ts.isVariableStatement(statement)) {
    const { declarations } = statement.declarationList;
    return declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
  }
  const { name } = statement as ts.DeclarationStatement;
  return name === undefined ? [] : [name.text];
}

/**
 * Calls `use` with each module from which a file imports or re-exports, and with each name, or `*`
 * for all names.
 */
function eachUse(file: ts.SourceFile, use: (specifier: string, name: string) => void): void {
  const clauseOf = (
    bindings: ts.NamedImportBindings | ts.NamedExportBindings | undefined,
  ): Names =>
    bindings !== undefined && (ts.isNamedImports(bindings) || ts.isNamedExports(bindings))
      ? bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
      : ["*"];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const { text } = node.moduleSpecifier;
      for (const name of clauseOf(node.importClause?.namedBindings)) use(text, name);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      const { text } = node.moduleSpecifier as ts.StringLiteral;
      for (const name of clauseOf(node.exportClause)) use(text, name);
    } else if (ts.isImportTypeNode(node) || isLazyImport(node)) {
      const text = /["']([^"']+)["']/.exec(node.getText(file))?.[1];
      if (text !== undefined) use(text, "*");
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
}

function isLazyImport(node: ts.Node): node is ts.CallExpression {
  return ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
}

/** Returns the exports of src/ in `files` that no other of these files imports. */
function unusedExports(files: ReadonlyMap<string, string>): string[] {
  const exported: (readonly [file: string, name: string])[] = [];
  const used = new Set<string>();
  for (const [file, text] of files) {
    const parsed = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
    eachUse(parsed, (specifier, name) => {
      if (!specifier.startsWith(".")) return;
      const target = join(dirname(file), specifier).replace(/\.js$/, ".ts");
      used.add(`${target}#${name}`);
    });
    if (!file.startsWith("src/") || entries.includes(file)) continue;
    for (const name of parsed.statements.flatMap(exportsOf)) exported.push([file, name]);
  }
  return exported
    .filter(([file, name]) => !used.has(`${file}#${name}`) && !used.has(`${file}#*`))
    .map(([file, name]) => `${file}: ${name}`);
}

void test("every export of src/ is imported by another file", () => {
  const files = new Map(importers.flatMap((folder) => [...sourcesIn(folder)]));
  assert.deepEqual(unusedExports(files), [], "delete these, or do not export them");
});

void test("an export that only its own file uses is noticed, in each form", () => {
  const files = new Map([
    ["src/a.ts", "export const used = 1, unused = used;\nexport interface Shape {}\n"],
    ["src/b.ts", 'import { used } from "./a.js";\nexport { used as again } from "./a.js";\n'],
    ["src/c.ts", "export function lazy() {}\n"],
    ["test/d.ts", 'const c = await import("../src/c.js");\n'],
  ]);
  assert.deepEqual(unusedExports(files), [
    "src/a.ts: unused",
    "src/a.ts: Shape",
    "src/b.ts: again",
  ]);
});
