// The documents name files of src/ and test/. Each of them must exist.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const documents = [
  ...["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "test/README.md"],
  ...[
    "docs/life-of-a-snapshot.md",
    "docs/consistency.md",
    "docs/formats.md",
    "docs/replication.md",
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
