// Tests that a name means one thing in src/. No two files export the same name, and no two files
// declare a type with the same name.
import assert from "node:assert/strict";
import { test } from "node:test";
import ts from "typescript";
import { sourcesIn } from "./sources.js";

/** Names that several files may declare, each with the reason. */
const shared: Readonly<Record<string, string>> = {
  Row: "the row that the queries of this file return; it is never exported",
};

interface Declared {
  readonly name: string;
  readonly exported: boolean;
  readonly isType: boolean;
}

/** Returns the declarations at the top level of a file. */
function declarationsOf(file: string, text: string): Declared[] {
  const { statements } = ts.createSourceFile(file, text, ts.ScriptTarget.Latest);
  return statements.flatMap((statement): Declared[] => {
    const exported =
      ts.canHaveModifiers(statement) &&
      (ts.getModifiers(statement) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (ts.isVariableStatement(statement)) {
      const { declarations } = statement.declarationList;
      return declarations.flatMap(({ name }) =>
        ts.isIdentifier(name) ? [{ name: name.text, exported, isType: false }] : [],
      );
    }
    if (ts.isFunctionDeclaration(statement) && statement.name !== undefined) {
      return [{ name: statement.name.text, exported, isType: false }];
    }
    if (
      ts.isInterfaceDeclaration(statement) ||
      ts.isTypeAliasDeclaration(statement) ||
      ts.isClassDeclaration(statement)
    ) {
      return [{ name: statement.name?.text ?? "default", exported, isType: true }];
    }
    return [];
  });
}

/** Returns the names with more than one meaning, each with the files that declare it. */
function homonymsIn(files: ReadonlyMap<string, string>): Map<string, string[]> {
  const exported = new Map<string, Set<string>>();
  const types = new Map<string, Set<string>>();
  const note = (found: Map<string, Set<string>>, name: string, file: string): void => {
    found.set(name, (found.get(name) ?? new Set<string>()).add(file));
  };
  for (const [file, text] of files) {
    for (const declared of declarationsOf(file, text)) {
      if (declared.exported) note(exported, declared.name, file);
      if (declared.isType) note(types, declared.name, file);
    }
  }
  const all = [...exported, ...types].filter(([, places]) => places.size > 1);
  return new Map(all.map(([name, places]) => [name, [...places].sort()]));
}

void test("no two files of src/ give the same name to different things", () => {
  const found = homonymsIn(sourcesIn("src"));
  const unknown = [...found].filter(([name]) => !Object.hasOwn(shared, name));
  assert.deepEqual(unknown, [], "choose one name per concept, or give a reason in `shared`");
  const stale = Object.keys(shared).filter((name) => !found.has(name));
  assert.deepEqual(stale, [], "these names are no longer shared");
});

void test("a second export and a second type with the same name are noticed, and a private function is not", () => {
  const found = homonymsIn(
    new Map([
      ["one.ts", "export function open() {}\ninterface Slot {}\nfunction close() {}\n"],
      ["other.ts", "export const open = 1;\nclass Slot {}\nfunction close() {}\n"],
    ]),
  );
  const files = ["one.ts", "other.ts"];
  assert.deepEqual(Object.fromEntries(found), { open: files, Slot: files });
});
