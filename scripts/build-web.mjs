// Builds the web page from web/ into dist/web/: checks types, then esbuild makes one script and one
// style sheet. The page loads nothing from elsewhere.
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { passThrough, root } from "./run-tool.mjs";

const source = join(root, "web");
const target = join(root, "dist", "web");
/** The runbook is served beside the page, which links to it. */
const runbook = join(root, "docs", "runbook.md");
const copied = ["index.html", "icon.svg"];

export async function buildWeb() {
  const status = passThrough("tsc", ["-p", "web"]);
  if (status !== 0) return status;
  mkdirSync(target, { recursive: true });
  const made = new Set(["app.js", "app.css", ...copied, "runbook.md"]);
  for (const name of readdirSync(target)) {
    if (!made.has(name)) rmSync(join(target, name), { recursive: true });
  }
  await build({
    entryPoints: [
      { in: join(source, "main.tsx"), out: "app" },
      { in: join(source, "style.css"), out: "app" },
    ],
    outdir: target,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome111", "firefox113", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    logLevel: "warning",
  });
  for (const name of copied) copyFileSync(join(source, name), join(target, name));
  if (existsSync(runbook)) copyFileSync(runbook, join(target, "runbook.md"));
  return 0;
}
