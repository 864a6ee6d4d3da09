// Sends requests to the daemon that served this page, and reads its events.
import type { WatchEvent } from "./model.js";

/** The token for a daemon on TCP that asks for one. It stays in memory, so a reload asks again. */
let token = "";

export function setToken(text: string): void {
  token = text;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}

export async function fetchJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`/api/${path}`, { headers, ...(signal ? { signal } : {}) });
  if (response.ok) return (await response.json()) as T;
  const text = await response.text();
  throw toError(response.status, text);
}

/** Fetches the page of metrics. The daemon refuses identities with a name prefix. */
export async function fetchMetrics(signal: AbortSignal): Promise<string> {
  const headers = token === "" ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch("/metrics", { headers, signal });
  const text = await response.text();
  if (!response.ok) throw toError(response.status, text);
  return text;
}

function toError(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: Record<string, string> };
    return new ApiError(status, error["reason"] ?? "", error["message"] ?? "", error["hint"] ?? "");
  } catch {
    return new ApiError(status, "", text.trim() || `HTTP ${status}`, "");
  }
}

/**
 * Reads the event stream with fetch, because EventSource cannot send a token. When the connection
 * breaks, this function connects again and continues after the last event. The returned function
 * ends the stream.
 */
export function follow(
  onEvent: (event: WatchEvent) => void,
  onState: (live: boolean) => void,
): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  let last = "";
  const once = async (): Promise<void> => {
    const headers: Record<string, string> = last === "" ? {} : { "last-event-id": last };
    if (token !== "") headers["authorization"] = `Bearer ${token}`;
    const response = await fetch("/api/events", { headers, signal });
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const messages = text.split("\n\n");
      text = messages.pop() ?? "";
      for (const message of messages) take(message);
    }
  };
  const take = (message: string): void => {
    const fields = message.split("\n").map((line) => line.split(/: (.*)/s));
    const of = (name: string): string => fields.find(([key]) => key === name)?.[1] ?? "";
    const [data, id] = [of("data"), of("id")];
    if (id !== "") last = id;
    if (data === "") return;
    // The daemon no longer accepts this resume token.
    if (of("event") === "refused") last = "";
    else {
      onState(true);
      onEvent(JSON.parse(data) as WatchEvent);
    }
  };
  void (async () => {
    while (!signal.aborted) {
      await once().catch(() => undefined);
      if (signal.aborted) return;
      onState(false);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  })();
  return () => controller.abort();
}
