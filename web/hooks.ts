// Defines what the parts of the page share: data that is fetched again periodically, and the route.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { fetchJson } from "./api.js";

export interface Loaded<T> {
  readonly data: T | undefined;
  readonly error: Error | undefined;
  reload(): void;
}

/**
 * Fetches now, every `everyMs` unless that is 0, when an argument changes, and when `reload` is
 * called.
 */
export function useJson<T>(path: string, everyMs: number, revision = 0): Loaded<T> {
  const [state, setState] = useState<{ path: string; data?: T; error?: Error }>({ path });
  const [asked, setAsked] = useState(0);
  const reload = useCallback(() => setAsked((times) => times + 1), []);
  useEffect(() => {
    const controller = new AbortController();
    const load = async (): Promise<void> => {
      try {
        const data = await fetchJson<T>(path, controller.signal);
        setState({ path, data });
      } catch (error) {
        if (controller.signal.aborted) return;
        setState((before) => ({ ...before, path, error: error as Error }));
      }
    };
    void load();
    const timer = everyMs > 0 ? setInterval(() => void load(), everyMs) : undefined;
    return () => {
      controller.abort();
      clearInterval(timer);
    };
  }, [path, everyMs, revision, asked]);
  const isOwn = state.path === path;
  return { data: isOwn ? state.data : undefined, error: isOwn ? state.error : undefined, reload };
}

/** Returns the part of the address after `#/`, in pieces. */
export function useRoute(): readonly string[] {
  const read = (): readonly string[] =>
    location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const changed = (): void => setRoute(read());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export function go(...pieces: readonly string[]): void {
  location.hash = `/${pieces.map(encodeURIComponent).join("/")}`;
}

export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const changed = (): void => setMatches(media.matches);
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, [query]);
  return matches;
}

/**
 * Handles keys that are pressed outside of fields, and Escape everywhere. Only the newest `onKey`
 * is called.
 */
export function useKeys(onKey: (key: string, event: KeyboardEvent) => void): void {
  const latest = useRef(onKey);
  latest.current = onKey;
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const target = event.target as HTMLElement;
      const isField = target.matches("input, select, textarea");
      if (isField && event.key !== "Escape") return;
      latest.current(event.key, event);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}
