// Runs a real Prometheus that scrapes daemons.
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { run } from "../support/child.js";
import { eventually } from "../support/eventually.js";
import { freePort } from "../support/free-port.js";

/** The reason why the test cannot run here, or false if it can. */
export const noPrometheus =
  spawnSync("promtool", ["--version"]).status === 0
    ? false
    : "prometheus is not installed (Debian: apt-get install prometheus)";

export interface Alert {
  readonly state: "pending" | "firing";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Prometheus {
  /** The URL `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Returns the value of an instant query, or undefined if there is no value yet. */
  query(expression: string): Promise<number | undefined>;
  get(path: string): Promise<unknown>;
  alerts(): Promise<readonly Alert[]>;
}

export interface PrometheusOptions {
  /** An existing directory. */
  readonly directory: string;
  /** The addresses of the daemons, by the names of the instances. */
  readonly targets: Readonly<Record<string, string>>;
  /** The path of the rule file. */
  readonly rules: string;
  /** The interval of scrapes and evaluations, in milliseconds. The default is 250. */
  readonly intervalMs?: number;
  /** The path of a file with the token for the daemons. By default Prometheus sends no token. */
  readonly tokenFile?: string;
}

/** Starts a Prometheus. Disposing the result kills it. */
export async function openPrometheus(
  options: PrometheusOptions,
): Promise<Prometheus & AsyncDisposable> {
  const { directory } = options;
  const url = `http://127.0.0.1:${await freePort()}`;
  const config = join(directory, "prometheus.yaml");
  await writeFile(config, JSON.stringify(configOf(options)));
  const child = run("prometheus", [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(directory, "data")}`,
    `--web.listen-address=${new URL(url).host}`,
    "--log.level=error",
  ]);
  let ended = false;
  void child.exited.then(() => (ended = true));
  const get = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
  await eventually("an answer of Prometheus", async () => {
    if (ended) throw new Error(`Prometheus ended: ${child.output()}`);
    return fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    url,
    get,
    async query(expression) {
      const answer = (await get(`/api/v1/query?query=${encodeURIComponent(expression)}`)) as {
        readonly data: { readonly result: readonly { readonly value: [number, string] }[] };
      };
      const [first] = answer.data.result;
      return first === undefined ? undefined : Number(first.value[1]);
    },
    async alerts() {
      const answer = (await get("/api/v1/alerts")) as { data: { alerts: Alert[] } };
      return answer.data.alerts;
    },
    [Symbol.asyncDispose]: () => child.kill(),
  };
}

function configOf({ targets, rules, intervalMs = 250, tokenFile }: PrometheusOptions): object {
  const interval = `${intervalMs}ms`;
  return {
    global: { scrape_interval: interval, evaluation_interval: interval, scrape_timeout: interval },
    rule_files: [rules],
    scrape_configs: [
      {
        job_name: "stasis",
        ...(tokenFile === undefined ? {} : { authorization: { credentials_file: tokenFile } }),
        static_configs: Object.entries(targets).map(([instance, target]) => ({
          targets: [target],
          labels: { instance },
        })),
      },
    ],
  };
}

/**
 * Starts a Prometheus that scrapes `target` and evaluates `rules` four times a second. It ends
 * after the test.
 */
export async function startPrometheus(
  t: TestContext,
  {
    directory,
    target,
    rules,
  }: { readonly directory: string; readonly target: string; readonly rules: string },
): Promise<Prometheus> {
  const prometheus = await openPrometheus({ directory, targets: { [target]: target }, rules });
  t.after(() => prometheus[Symbol.asyncDispose]());
  return prometheus;
}
