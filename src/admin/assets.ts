// Serves the files of the web page, which scripts/build.mjs writes to dist/web/. They are read
// once, so a running daemon keeps the page with which it was started.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { extname } from "node:path";
import { textAnswer, type Answer } from "./answer.js";

const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".md": "text/plain; charset=utf-8",
};

export interface Assets {
  /**
   * Returns the answer for a file. Undefined if there is no such file; only a missing index.html is
   * answered with an explanation. `known` is the value of If-None-Match.
   */
  answer(name: string, known: string | undefined): Answer | undefined;
}

export function loadAssets(folder = new URL("../../web/", import.meta.url)): Assets {
  const files = new Map(
    namesIn(folder).map((name) => {
      const body = readFileSync(new URL(name, folder));
      const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
      return [name, { body, tag }];
    }),
  );
  return {
    answer(name, known) {
      const file = files.get(name);
      if (file === undefined) return name === "index.html" ? missingPage() : undefined;
      const { body, tag } = file;
      const contentType = contentTypes[extname(name)] ?? "application/octet-stream";
      const headers = { etag: tag, "cache-control": "no-cache" };
      if (known === tag) return { status: 304, contentType, body: "", headers };
      return { status: 200, contentType, body, headers };
    },
  };
}

function namesIn(folder: URL): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isFile() ? entry.name : []));
  } catch {
    return [];
  }
}

function missingPage(): Answer {
  return textAnswer(
    404,
    "This build has no web page: node scripts/build.mjs makes it in dist/web/",
  );
}
