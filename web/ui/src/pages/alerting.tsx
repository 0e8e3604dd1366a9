// Whom alertd tells, and how that goes.
import type { AlertTarget, Alerting as AlertingData } from "../api/types";
import { countText, plural } from "../format/amount";
import type { Look } from "../format/words";
import { Ago } from "../parts/ago";
import { Badge } from "../parts/badge";
import { Card } from "../parts/card";
import { Empty } from "../parts/notice";

const look = (word: string, is: "good" | "bad" | "quiet"): Look => ({
  word,
  shape: is === "good" ? "full" : is === "bad" ? "cross" : "dots",
  tone: is,
});

export function Alerting({ alerts }: { alerts: AlertingData }) {
  if (!alerts.configured)
    return (
      <Card title="Alerts">
        <Empty title="Nobody is told">There is no [alerts] in warren.toml.</Empty>
      </Card>
    );
  return (
    <Card
      title="Alerts"
      aside={<Badge look={alerts.running ? look("Running", "good") : look("alertd does not run", "bad")} />}
    >
      <p class="soft small">
        {alerts.open === 0 ? "Nothing is the matter now." : `${plural(alerts.open, "thing")} to tell of now.`}
      </p>
      <ul class="targets">
        {alerts.targets.map((target) => (
          <li key={target.name}>
            <Target target={target} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

function Target({ target }: { target: AlertTarget }) {
  const state =
    target.answer === null
      ? look("Nothing sent yet", "quiet")
      : target.works
        ? look("Delivered", "good")
        : look("Failed", "bad");
  return (
    <>
      <p>
        <strong>{target.name}</strong> <code>{target.where}</code> <Badge look={state} />
      </p>
      <p class="soft small">
        {countText(target.delivered)} delivered, {countText(target.waiting)} waiting, {countText(target.dropped)}{" "}
        dropped
      </p>
      {target.last_at !== null && (
        <p class="small">
          Last <Ago at={target.last_at} />: {target.last_text}
        </p>
      )}
      {target.answer !== null && !target.works && <p class="small">{target.answer}</p>}
    </>
  );
}
