// Composes the page: its frame, its views, and the keys that work everywhere.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ActivityView } from "./activity.js";
import { ApiError, follow, setToken } from "./api.js";
import { CollectionView } from "./collection.js";
import { EventsView } from "./events.js";
import { HealthView } from "./health.js";
import { useJson, useKeys, useRoute, go } from "./hooks.js";
import type { Info, WatchEvent } from "./model.js";
import { SnapshotsView } from "./snapshots.js";
import { SpaceView } from "./space.js";
import { useWarnings, type Warning } from "./warnings.js";

const tabs = [
  ["snapshots", "Snapshots"],
  ["activity", "Activity"],
  ["space", "Space"],
  ["health", "Health"],
  ["collection", "Collection"],
  ["events", "Events"],
] as const;

const keptEvents = 300;
/** A busy store changes many times a second, so lists are refreshed at this interval. */
const followMs = 1500;

function App() {
  const [signedIn, setSignedIn] = useState(0);
  const { data: info, error } = useJson<Info>("info", 5000, signedIn);
  const { events, revision, live } = useEvents(signedIn);
  const all = useWarnings(info?.identity.namePrefix === "");
  // While the disk is full, the problem itself says that uploads are refused.
  const isFull = info?.failed.includes("full") === true;
  const warnings = all.filter(({ entry }) => !isFull || entry !== "StasisDiskFull");
  const [route, detail] = useRoute();
  const tab = tabs.find(([key]) => key === route)?.[0] ?? "snapshots";
  const [help, setHelp] = useState(false);
  useKeys((key) => {
    if (key === "?") setHelp((shown) => !shown);
    else if (key === "Escape") setHelp(false);
    else if (/^[1-6]$/.test(key)) go(tabs[Number(key) - 1]?.[0] ?? "snapshots");
  });
  if (error instanceof ApiError && error.status === 401) {
    return <SignIn error={error} onToken={() => setSignedIn((times) => times + 1)} />;
  }
  return (
    <div class="frame">
      <Header {...{ info, error, warnings, tab, live }} onHelp={() => setHelp(true)} />
      <main class="main">
        {tab === "snapshots" && <SnapshotsView revision={revision} selected={detail ?? ""} />}
        {tab === "activity" && <ActivityView revision={revision} />}
        {tab === "space" && <SpaceView info={info} />}
        {tab === "health" && <HealthView {...{ info, warnings, revision }} />}
        {tab === "collection" && <CollectionView info={info} />}
        {tab === "events" && <EventsView events={events} live={live} />}
      </main>
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  );
}

/**
 * Returns the newest events, and a number that grows after new events, at most once per interval.
 */
function useEvents(signedIn: number) {
  const [events, setEvents] = useState<readonly WatchEvent[]>([]);
  const [revision, setRevision] = useState(0);
  const [live, setLive] = useState(false);
  const fresh = useRef<WatchEvent[]>([]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = (): void => {
      timer = undefined;
      const arrived = fresh.current.splice(0).reverse();
      setEvents((before) => [...arrived, ...before].slice(0, keptEvents));
      setRevision((number) => number + 1);
    };
    const end = follow((event) => {
      if (event.type === "EVENT_TYPE_POSITION") return;
      fresh.current.push(event);
      if (fresh.current.length > keptEvents) fresh.current.shift();
      timer ??= setTimeout(flush, fresh.current.length === 1 ? 100 : followMs);
    }, setLive);
    return () => {
      clearTimeout(timer);
      end();
    };
  }, [signedIn]);
  return { events, revision, live };
}

function Header(props: {
  readonly info: Info | undefined;
  readonly error: Error | undefined;
  readonly warnings: readonly Warning[];
  readonly tab: string;
  readonly live: boolean;
  readonly onHelp: () => void;
}) {
  const { info, error, warnings, tab, live, onHelp } = props;
  return (
    <header class="header">
      <a class="brand" href="#/snapshots" aria-label="stasis, to the snapshots">
        <span class="mark" aria-hidden="true" />
        stasis
      </a>
      <nav class="tabs" aria-label="Views">
        {tabs.map(([key, title]) => (
          <a href={`#/${key}`} class="tab" aria-current={tab === key ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <div class="state">
        <Condition {...{ info, error, warnings }} />
        <span class={live ? "live on" : "live"} role="status">
          {live ? "live" : "connecting"}
        </span>
        <button class="icon" type="button" aria-label="Keyboard shortcuts" onClick={onHelp}>
          ?
        </button>
      </div>
    </header>
  );
}

function Condition(props: {
  readonly info: Info | undefined;
  readonly error: Error | undefined;
  readonly warnings: readonly Warning[];
}) {
  const { info, error, warnings } = props;
  if (error !== undefined) {
    return (
      <a class="pill bad" href="#/health">
        unreachable
      </a>
    );
  }
  if (info === undefined) return <span class="pill">…</span>;
  const { failed } = info;
  const damaged = Number(info.info.usage?.corruptCount ?? 0);
  const ready = ["ready", damaged > 0 && `${damaged} damaged`, warningCount(warnings)];
  const isWarned = failed.length === 0 && (damaged > 0 || warnings.length > 0);
  return (
    <a class={`pill ${failed.length > 0 ? "bad" : isWarned ? "warn" : "good"}`} href="#/health">
      {failed.length > 0 ? failed.join(", ") : ready.filter(Boolean).join(", ")}
    </a>
  );
}

function warningCount({ length }: readonly Warning[]): string {
  return length === 0 ? "" : `${length} warning${length === 1 ? "" : "s"}`;
}

function SignIn({ error, onToken }: { error: ApiError; onToken: () => void }) {
  const [text, setText] = useState("");
  return (
    <main class="signin">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          setToken(text.trim());
          onToken();
        }}
      >
        <h1>stasis</h1>
        <p>{error.message}.</p>
        <label>
          Token
          <input
            type="password"
            autocomplete="off"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <button class="primary" type="submit">
          Continue
        </button>
        <p class="muted">It stays in the memory of this page. A reload asks again.</p>
      </form>
    </main>
  );
}

const shortcuts: readonly (readonly [string, string])[] = [
  ["/", "search"],
  ["j  k", "next, previous"],
  ["Enter", "open"],
  ["Esc", "close, leave a field"],
  ["1 – 6", "the views"],
  ["?", "this list"],
];

function Help({ onClose }: { onClose: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <div class="overlay" onClick={onClose}>
      <div class="dialog" role="dialog" aria-modal="true" aria-label="Keyboard shortcuts">
        <h2>Keyboard</h2>
        <dl class="keys">
          {shortcuts.map(([key, what]) => (
            <div>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <button ref={button} type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </div>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
