// Opens the web page in a real Chromium, and checks what the page must never do.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { chromium, type BrowserContextOptions, type Page } from "playwright-core";
import { openWebProxy } from "../../src/cli/web-proxy.js";

const names = ["chromium", "chromium-browser", "google-chrome"];

function findChromium(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return paths.find((path) => existsSync(path));
}

/** The reason why there is no browser, or false. Tests pass it as their option `skip`. */
export const noBrowser: string | false =
  findChromium() === undefined ? "chromium is not installed" : false;

export interface OpenPage {
  readonly page: Page;
  readonly origin: string;
  /**
   * Fails if the page requested another origin, or if the browser refused or reported something.
   */
  assertQuiet(): void;
}

/**
 * The limit is generous, because a busy machine shows a long list slowly. Only a failing test
 * reaches it.
 */
const waitLimitMs = 120_000;

/** Opens the page of the daemon at `adminAddress` like `stasis web`. */
export async function openPage(
  t: TestContext,
  adminAddress: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const proxy = await openWebProxy(adminAddress.replace(/^unix:/, ""), 0);
  const opened = await openAt(t, proxy.link, options);
  t.after(() => proxy[Symbol.asyncDispose]());
  return opened;
}

export async function openAt(
  t: TestContext,
  link: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const browser = await chromium.launch({
    executablePath: findChromium() ?? "",
    // The sandbox of Chromium refuses to run as root, and a container may lack the rights for it.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  page.setDefaultTimeout(waitLimitMs);
  const { origin } = new URL(link);
  const findings: string[] = [];
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin) findings.push(`asked ${request.url()}`);
  });
  // The browser reports a violation of the content security policy here.
  page.on("console", (message) => {
    if (message.type() === "error") findings.push(message.text());
  });
  page.on("pageerror", (error) => findings.push(String(error)));
  await page.goto(link);
  return { page, origin, assertQuiet: () => assert.deepEqual(findings, []) };
}
