// Makes a copy of the build whose parsers count their executed branches, and report the literals
// with which they compare.
//
// Jazzer.js, the one maintained fuzzer for Node, ships a binary without source that needs a newer C
// library than Debian 12 has. Reading V8's own coverage takes longer than a parser runs. The
// remaining task is small, and the TypeScript compiler is already a dependency.
import { cp, mkdir, readFile, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const repository = fileURLToPath(new URL("../../../", import.meta.url));
const copied = ["src", "gen", "test/fuzz", "test/unit/archive", "test/support"];
/** The folders contain the parsers and the modules on which they depend. */
const counted = [
  ...["src/archive", "src/files", "src/model", "src/base", "src/wire", "src/remote/format"],
];
const counters = "__fuzzCounters";
/** The fuzzer finds shorter literals by itself. Longer literals are messages. */
const literalLength = { min: 2, max: 32 } as const;

/** Describes a change of the copied build, to test whether the fuzzer finds it. */
export interface Plant {
  /** Names the file below dist/. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Makes the copy in an empty directory. Returns its folder `dist`. */
export async function copyInstrumented(directory: string, plant?: Plant): Promise<string> {
  const dist = join(directory, "dist");
  for (const part of copied) {
    await mkdir(join(dist, part), { recursive: true });
    await cp(join(repository, "dist", part), join(dist, part), { recursive: true });
  }
  await cp(join(repository, "package.json"), join(directory, "package.json"));
  await symlink(join(repository, "node_modules"), join(directory, "node_modules"));
  if (plant !== undefined) {
    const path = join(dist, plant.file);
    const parts = (await readFile(path, "utf8")).split(plant.find);
    if (parts.length !== 2) throw new Error(`${plant.file} has ${plant.find} not once`);
    await writeFile(path, parts.join(plant.replace));
  }
  for (const part of counted) {
    const folder = join(dist, part);
    for (const name of (await readdir(folder)).filter((each) => each.endsWith(".js"))) {
      const path = join(folder, name);
      await writeFile(path, instrument(await readFile(path, "utf8")));
    }
  }
  return dist;
}

/**
 * Returns the code of the module with counters. The code registers its counters with
 * `globalThis.fuzzModule` (see coverage.ts).
 */
export function instrument(code: string): string {
  const source = ts.createSourceFile("module.js", code, ts.ScriptTarget.Latest, true);
  const literals = new Set<string>();
  let count = 0;
  const { factory } = ts;
  const hit = (): ts.Expression =>
    factory.createPostfixIncrement(
      factory.createElementAccessExpression(factory.createIdentifier(counters), count++),
    );
  const statement = (): ts.Statement => factory.createExpressionStatement(hit());
  const counting = (expression: ts.Expression): ts.Expression =>
    factory.createParenthesizedExpression(factory.createComma(hit(), expression));
  const block = (body: ts.Statement): ts.Statement =>
    ts.isBlock(body) ? body : factory.createBlock([statement(), body]);

  const transformed = ts.transform(source, [
    (context) => (file) => {
      const visit = (node: ts.Node): ts.Node => {
        noteLiteral(node, literals);
        const seen = ts.visitEachChild(node, visit, context);
        if (ts.isBlock(seen)) return factory.updateBlock(seen, [statement(), ...seen.statements]);
        if (ts.isCaseClause(seen)) {
          return factory.updateCaseClause(seen, seen.expression, [statement(), ...seen.statements]);
        }
        if (ts.isIfStatement(seen)) {
          const { expression, thenStatement: then, elseStatement: other } = seen;
          return factory.updateIfStatement(seen, expression, block(then), other && block(other));
        }
        if (ts.isConditionalExpression(seen)) {
          return factory.updateConditionalExpression(
            seen,
            ...([seen.condition, seen.questionToken, counting(seen.whenTrue)] as const),
            ...([seen.colonToken, counting(seen.whenFalse)] as const),
          );
        }
        if (ts.isBinaryExpression(seen) && isBranch(seen.operatorToken.kind)) {
          const { left, operatorToken, right } = seen;
          return factory.updateBinaryExpression(seen, left, operatorToken, counting(right));
        }
        return seen;
      };
      return ts.visitEachChild(file, visit, context);
    },
  ]);
  const body = ts.createPrinter().printFile(transformed.transformed[0] as ts.SourceFile);
  transformed.dispose();
  const told = JSON.stringify([...literals]);
  return `const ${counters} = globalThis.fuzzModule(${count}, ${told});\n${body}`;
}

function isBranch(kind: ts.SyntaxKind): boolean {
  const { AmpersandAmpersandToken, BarBarToken, QuestionQuestionToken } = ts.SyntaxKind;
  return [AmpersandAmpersandToken, BarBarToken, QuestionQuestionToken].includes(kind);
}

function noteLiteral(node: ts.Node, literals: Set<string>): void {
  if (!ts.isStringLiteral(node) && !ts.isNumericLiteral(node)) return;
  if (ts.isImportDeclaration(node.parent) || ts.isExportDeclaration(node.parent)) return;
  const { text } = node;
  if (text.length >= literalLength.min && text.length <= literalLength.max) literals.add(text);
}
