// Tests that the files that the documents name exist, that docs/life-of-a-snapshot.md names
// existing functions, and that ARCHITECTURE.md lists every folder of src/ and every room of the
// store.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root, sourcesIn } from "../lint/sources.js";

const documents = [
  ...["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "test/README.md"],
  ...[
    "docs/life-of-a-snapshot.md",
    "docs/consistency.md",
    "docs/formats.md",
    "docs/replication.md",
    "docs/remote-protocols.md",
  ],
];

for (const document of documents) {
  void test(`${document} names files that exist`, () => {
    const text = readFileSync(join(root, document), "utf8");
    const named = new Set([...text.matchAll(/[\w./-]+\/[\w.-]+\.ts\b/g)].map(([path]) => path));
    const missing = [...named].filter(
      (path) => !["", "src", "test"].some((folder) => existsSync(join(root, folder, path))),
    );
    assert.deepEqual(missing, []);
  });
}

const allSources = [...sourcesIn("src").values()];

/**
 * Returns the functions that a document names, but that no file in the same paragraph contains. If
 * a paragraph names no file, any file of src/ may contain its functions.
 */
function missingNames(text: string): string[] {
  return text.split(/\n(?=\n|[-|\d])/).flatMap((paragraph) => {
    const files = [...paragraph.matchAll(/[\w./-]+\/[\w.-]+\.ts\b/g)].map(([path]) => path);
    const sources = files.flatMap((file) => {
      const path = join(root, "src", file);
      return existsSync(path) ? [readFileSync(path, "utf8")] : [];
    });
    // This matches `commit()` and `insertPending`, but not `files/` or `pending`.
    const names = [...paragraph.matchAll(/`([a-z]\w*)\(\)`|`([a-z]+[A-Z]\w*)`/g)];
    const place = sources.length === 0 ? "src/" : files.join(", ");
    return names
      .map(([, called, camel]) => called ?? camel ?? "")
      .filter((name) => {
        const word = new RegExp(`\\b${name}\\b`);
        return !(sources.length === 0 ? allSources : sources).some((source) => word.test(source));
      })
      .map((name) => `${name}: not in ${place}`);
  });
}

void test("docs/life-of-a-snapshot.md names functions that its files contain", () => {
  const text = readFileSync(join(root, "docs/life-of-a-snapshot.md"), "utf8");
  assert.deepEqual(missingNames(text), []);
});

void test("the name of a renamed function is noticed", () => {
  const text =
    "`publishStaged()` in `files/publish.ts` syncs; `wasRenamed` in `files/staging.ts`.\n";
  assert.deepEqual(missingNames(text), ["wasRenamed: not in files/publish.ts, files/staging.ts"]);
  assert.deepEqual(missingNames("`wasRenamed` is new.\n"), ["wasRenamed: not in src/"]);
});

void test("the tables of ARCHITECTURE.md have each folder of src/ and each room of the store", () => {
  const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
  const rows = [...text.matchAll(/^\| `([\w./]+?)\/?` \|/gm)].map(([, row]) => row);
  const below = (folder: string) => readdirSync(join(root, folder), { withFileTypes: true });
  const rooms = below("src/store").filter((entry) => entry.isDirectory());
  const floors = [
    ...below("src").map(({ name }) => name),
    ...rooms.map(({ name }) => `store/${name}`),
  ];
  assert.deepEqual(rows.sort(), floors.sort());
});
