// Tests that the names of protobuf fields stay in the adapters. The domain names its own properties
// (`requestId`), and src/transport/field-names.ts translates them for the caller.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import { root, sourcesIn } from "./sources.js";

/** Folders and files whose strings may contain such names, each with the reason. */
const homes: Readonly<Record<string, string>> = {
  "transport/": "translates between messages and the domain",
  "client/": "speaks the API",
  "cli/": "speaks the API",
  "config/": "keys of the configuration file",
  "admin/gc-picture.ts": "query parameters of the admin page",
  "archive/envelope-config.ts": "keys of the envelope, which another program defines",
  "archive/file-claims.ts": "keys of the envelope, below our own key",
  "cocoon/cocoon-store.ts": "keys of the other program's records",
  "catalog/list-sql.ts": "columns of SQL",
  "catalog/migrations.ts": "columns of SQL",
  "catalog/read-only.ts": "columns of SQL",
  "catalog/sql.ts": "columns of SQL",
  "files/directory-source.ts": "a name of a limit, which errors and metrics carry",
  "store/write/import.ts": "a name of a limit, which errors and metrics carry",
  "observe/call-metrics.ts": "names of limits, which metrics carry as labels",
  "store/parts/watchers.ts": "a hint that names the daemon's option",
  "model/gc-plan.ts": "codes of reasons, which the adapter maps to those of the API",
};

/** Attributes of spans have their own notation: `stasis.snapshot_id`. */
const spanAttribute = /^stasis\.[a-z_]+$/;

/** Returns the names of the API's fields that consist of several words. */
function fieldNames(): Set<string> {
  const folder = join(root, "proto/stasis/v1");
  const field = /^\s*(?:optional |repeated )?[\w.<>, ]+ ([a-z0-9]+(?:_[a-z0-9]+)+) = \d+/gm;
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  return new Set(texts.flatMap((text) => [...text.matchAll(field)].map(([, name = ""]) => name)));
}

/** Returns the names of fields in the strings of a source file. */
function namesIn(text: string, names: ReadonlySet<string>): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || isTemplateRest(node)) {
      if (!spanAttribute.test(node.text)) {
        found.push(...(node.text.match(/[a-z0-9_]+/g) ?? []).filter((word) => names.has(word)));
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("file.ts", text, ts.ScriptTarget.Latest));
  return found;
}

function isTemplateRest(node: ts.Node): node is ts.TemplateMiddle | ts.TemplateTail {
  return ts.isTemplateMiddle(node) || ts.isTemplateTail(node);
}

function homeOf(file: string): string | undefined {
  return Object.keys(homes).find((home) => file === home || file.startsWith(home));
}

void test("no text of the domain contains the name of a protobuf field", () => {
  const names = fieldNames();
  const used = new Set<string>();
  const found: string[] = [];
  for (const [file, text] of sourcesIn("src")) {
    const here = namesIn(text, names);
    if (here.length === 0) continue;
    const home = homeOf(file.slice("src/".length));
    if (home === undefined) found.push(`${file}: ${here.join(", ")}`);
    else used.add(home);
  }
  assert.deepEqual(found, [], "name the property of the domain: transport/ translates it");
  const stale = Object.keys(homes).filter((home) => !home.endsWith("/") && !used.has(home));
  assert.deepEqual(stale, [], "these files contain no such name");
});

void test("names of fields are found in strings and templates, and not in code", () => {
  const names = fieldNames();
  assert.ok(names.has("request_id") && names.has("image_blob_ids"), [...names].join(" "));
  const text = 'const a = ["request_id: x", `${b}page_token`, `update_mask${c}`, row.size_bytes];';
  assert.deepEqual(namesIn(text, names), ["request_id", "page_token", "update_mask"]);
  assert.deepEqual(namesIn('span("stasis.snapshot_id");', names), []);
});
