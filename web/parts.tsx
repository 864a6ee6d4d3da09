// Defines small parts that several views use.
import type { ComponentChildren } from "preact";
import { ApiError } from "./api.js";

export function Card(props: {
  readonly title: string;
  readonly note?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="card">
      <header>
        <h2>{props.title}</h2>
        {props.note !== undefined && <span class="muted">{props.note}</span>}
      </header>
      {props.children}
    </section>
  );
}

export function Figure(props: {
  readonly label: string;
  readonly value: ComponentChildren;
  readonly note?: ComponentChildren;
}) {
  return (
    <div class="figure">
      <span class="muted">{props.label}</span>
      <strong>{props.value}</strong>
      {props.note !== undefined && <span class="muted small">{props.note}</span>}
    </div>
  );
}

export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function Failure({ error }: { readonly error: Error | undefined }) {
  if (error === undefined) return null;
  const hint = error instanceof ApiError ? error.hint : "";
  return (
    <p class="failure" role="alert">
      <strong>{error.message}</strong>
      {hint !== "" && <span>{hint}</span>}
    </p>
  );
}

/** Shows parts of a whole, side by side. */
export function Bar(props: {
  readonly label: string;
  readonly parts: readonly { readonly kind: string; readonly share: number; title: string }[];
}) {
  return (
    <div class="bar" role="img" aria-label={props.label}>
      {props.parts.map(({ kind, share, title }) => (
        <span class={`part ${kind}`} style={{ flexGrow: share }} title={title} />
      ))}
    </div>
  );
}

export function SnapshotLink({ id, name }: { readonly id: string; readonly name: string }) {
  return <a href={`#/snapshots/${encodeURIComponent(id)}`}>{name || id}</a>;
}
