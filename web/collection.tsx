// Shows a garbage collection that is only planned: what it would evict, how much space that frees,
// and why.
import { useState } from "preact/hooks";
import { fetchJson } from "./api.js";
import { bytes, count, percent, word } from "./format.js";
import type { GcPlan, Info, Sum } from "./model.js";
import { Bar, Card, Empty, Failure, Figure, SnapshotLink } from "./parts.js";

/** The texts for the values of GcReason, by their numbers in the API. */
const reasons = [
  ...["", "leftover directory", "abandoned upload", "directory is missing", "beyond keep-last"],
  ...["too old", "beyond the total size", "all were asked for", "expired"],
];
const planned = 1;

interface Policy {
  readonly keepLast: string;
  readonly days: string;
  readonly gib: string;
  readonly label: string;
}

const gibBytes = 1024 ** 3;

function queryOf({ keepLast, days, gib, label }: Policy): string {
  const query = new URLSearchParams();
  if (keepLast !== "") query.set("keep_last", keepLast);
  if (days !== "") query.set("max_age_s", String(Math.round(Number(days) * 86_400)));
  if (gib !== "") query.set("max_bytes", String(Math.round(Number(gib) * gibBytes)));
  if (label !== "") query.set("group_by_label", label);
  return query.toString();
}

/** Returns the command that runs the collection. */
function commandOf({ keepLast, days, gib, label }: Policy): string {
  const flags = [
    keepLast === "" ? "" : ` --keep-last ${keepLast}`,
    days === "" ? "" : ` --max-age ${days}d`,
    gib === "" ? "" : ` --max-size ${gib}GiB`,
    label === "" ? "" : ` --group-by-label ${label}`,
  ];
  return `stasis gc${flags.join("")}`;
}

export function CollectionView({ info }: { readonly info: Info | undefined }) {
  const [policy, setPolicy] = useState<Policy>({ keepLast: "", days: "", gib: "", label: "" });
  const [result, setResult] = useState<{ plan?: GcPlan; error?: Error; busy?: boolean }>({});
  const plan = async (): Promise<void> => {
    setResult({ busy: true });
    try {
      setResult({ plan: await fetchJson<GcPlan>(`gc?${queryOf(policy)}`) });
    } catch (error) {
      setResult({ error: error as Error });
    }
  };
  const field = (key: keyof Policy, label: string, isNumber = true) => {
    const common = {
      placeholder: "not used",
      value: policy[key],
      onInput: (event: { readonly currentTarget: HTMLInputElement }) =>
        setPolicy({ ...policy, [key]: event.currentTarget.value }),
    };
    return (
      <label class="field">
        <span>{label}</span>
        {isNumber ? <input type="number" min="0" step="any" {...common} /> : <input {...common} />}
      </label>
    );
  };
  return (
    <div class="page">
      <Card title="Plan a collection" note="a dry run: nothing is removed">
        <form
          class="fields"
          onSubmit={(event) => {
            event.preventDefault();
            void plan();
          }}
        >
          {field("keepLast", "Keep the newest")}
          {field("days", "Not used for days")}
          {field("gib", "Keep at most GiB")}
          {field("label", "For each value of label", false)}
          <button class="primary" type="submit" disabled={result.busy === true}>
            {result.busy === true ? "Planning…" : "Plan"}
          </button>
        </form>
      </Card>
      <Failure error={result.error} />
      {result.plan !== undefined && (
        <Picture plan={result.plan} info={info} command={commandOf(policy)} />
      )}
    </div>
  );
}

function Picture(props: {
  readonly plan: GcPlan;
  readonly info: Info | undefined;
  readonly command: string;
}) {
  const { plan, info, command } = props;
  const goes = sumOf(plan.byOutcome, (key) => key === planned);
  const kept = sumOf(plan.byOutcome, (key) => key !== planned);
  const charged = Number(info?.info.usage?.chargedBytes ?? goes.bytes);
  const stays = Math.max(0, charged - goes.bytes);
  const total = Number(info?.info.usage?.snapshotCount ?? 0);
  return (
    <>
      <div class="figures">
        <Figure label="Would be freed" value={bytes(goes.bytes)} />
        <Figure label="Would go" value={count(goes.count)} note={`of ${count(total)}`} />
        <Figure label="Would stay" value={bytes(stays)} />
        <Figure label="Kept: protected or in use" value={count(kept.count)} />
      </div>
      <Bar
        label={`${bytes(goes.bytes)} would go, ${bytes(stays)} would stay`}
        parts={[
          { kind: "bad", share: goes.bytes, title: `${bytes(goes.bytes)} would go` },
          { kind: "accent", share: stays, title: `${bytes(stays)} would stay` },
        ]}
      />
      <p class="legend muted small">
        <span class="swatch gone" /> would go <span class="swatch data" /> would stay
      </p>
      <Reasons sums={plan.byReason} />
      <Card title="Candidates" note={shownNote(plan)}>
        {plan.total === 0 && <Empty>Nothing would go.</Empty>}
        <ul class="lines">
          {plan.plan.candidates.slice(0, 200).map(({ id, name, outcome, ...row }) => (
            <li>
              <span class="grow">
                <SnapshotLink id={id} name={name} />
              </span>
              <span class="muted">
                {row.reasons.map((each) => word(each, "GC_REASON_")).join(", ")}
              </span>
              {outcome !== "GC_OUTCOME_PLANNED" && (
                <span class="badge">{word(outcome, "GC_OUTCOME_")}</span>
              )}
              <span class="numbers">{bytes(row.bytes)}</span>
            </li>
          ))}
        </ul>
      </Card>
      {goes.count > 0 && (
        <p class="muted">
          To do it: <code>{command}</code>
        </p>
      )}
    </>
  );
}

function Reasons({ sums }: { readonly sums: readonly Sum[] }) {
  const most = Math.max(1, ...sums.map((sum) => sum.bytes));
  if (sums.length === 0) return null;
  return (
    <Card title="Why">
      <ul class="lines">
        {sums.map((sum) => (
          <li class="tall">
            <span class="grow">{reasons[sum.key] ?? `reason ${sum.key}`}</span>
            <span class="muted numbers">
              {count(sum.count)}, {bytes(sum.bytes)}
            </span>
            <div class="wide">
              <Bar
                label={`${bytes(sum.bytes)}`}
                parts={[
                  { kind: "bad", share: percent(sum.bytes, most), title: bytes(sum.bytes) },
                  { kind: "none", share: 100 - percent(sum.bytes, most), title: "" },
                ]}
              />
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function shownNote({ total }: GcPlan): string {
  return total > 200 ? `the first 200 of ${count(total)}` : "";
}

function sumOf(sums: readonly Sum[], wanted: (key: number) => boolean): Omit<Sum, "key"> {
  const chosen = sums.filter(({ key }) => wanted(key));
  return {
    count: chosen.reduce((sum, each) => sum + each.count, 0),
    bytes: chosen.reduce((sum, each) => sum + each.bytes, 0),
  };
}
