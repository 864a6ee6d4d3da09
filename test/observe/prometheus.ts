// A real Prometheus that scrapes a daemon.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";

/** Why the test cannot run here, or false. */
export const noPrometheus =
  spawnSync("promtool", ["--version"]).status === 0
    ? false
    : "prometheus is not installed (Debian: apt-get install prometheus)";

export interface Prometheus {
  /** The value of an instant query; undefined while there is none. */
  query(expression: string): Promise<number | undefined>;
  get(path: string): Promise<unknown>;
}

/** Scrapes `target` four times a second, and evaluates `rules`. Ended after the test. */
export async function startPrometheus(
  t: TestContext,
  options: { readonly directory: string; readonly target: string; readonly rules: string },
): Promise<Prometheus> {
  const { directory, target, rules } = options;
  const port = await freePort();
  const config = join(directory, "prometheus.yaml");
  await writeFile(
    config,
    JSON.stringify({
      global: { scrape_interval: "250ms", evaluation_interval: "250ms", scrape_timeout: "250ms" },
      rule_files: [rules],
      scrape_configs: [{ job_name: "stasis", static_configs: [{ targets: [target] }] }],
    }),
  );
  const child = spawn(
    "prometheus",
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(directory, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=error",
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const get = async (path: string): Promise<unknown> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return answer.json();
  };
  await eventually("an answer of Prometheus", async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended with ${child.exitCode}`);
    return fetch(`http://127.0.0.1:${port}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    get,
    async query(expression) {
      const answer = (await get(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
        readonly data: { readonly result: readonly { readonly value: [number, string] }[] };
      };
      const [first] = answer.data.result;
      return first === undefined ? undefined : Number(first.value[1]);
    },
  };
}
