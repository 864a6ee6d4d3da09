// Tests that the image gets neither the host's build output nor the git history.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const repository = new URL("../../../../", import.meta.url);

test("the COPY of the Dockerfile excludes the host's build output and the git history", () => {
  const dockerfile = readFileSync(new URL("deploy/Dockerfile", repository), "utf8");
  assert.match(dockerfile, /^COPY \. \.$/m);
  const leftOut = readFileSync(new URL(".dockerignore", repository), "utf8").split("\n");
  for (const path of [".git", "node_modules", "dist"]) assert.ok(leftOut.includes(path), path);
});
