// When a customer, its peers and connections were down, of the last 30 days.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { Outage, OutageList } from "../api/types";
import { isoText, localText, spanText } from "../format/time";
import { Card } from "../parts/card";
import { Choice } from "../parts/choice";
import { Empty, Failed, Loading } from "../parts/notice";
import { connectionHref, peerHref } from "../router";
import { onDelta } from "../state/live";
import { useResource } from "../state/resource";

const spans = [
  { value: "1", text: "24 h" },
  { value: "7", text: "7 d" },
  { value: "30", text: "30 d" },
] as const;

const day = 86_400_000;
const most = 100;

export function Outages({ customer }: { customer: string }) {
  const days = useSignal<string>("7");
  const list = useResource<OutageList>(`${customer}/${days.value}`, (signal) =>
    api.outages(customer, { since: isoText(Date.now() - Number(days.value) * day), limit: most }, signal),
  );
  useEffect(
    () =>
      onDelta((delta) => {
        // An outage begins or ends with an event.
        if (delta.events.some((event) => event.customer === customer)) list.reload();
      }),
    [customer],
  );
  const shown = list.value.value;
  return (
    <Card
      title="Outages"
      aside={
        <Choice
          label="Outages shown"
          options={spans}
          value={days.value}
          onChange={(value: string) => (days.value = value)}
        />
      }
    >
      {shown === undefined ? (
        list.failure.value ? (
          <Failed what="The outages" failure={list.failure.value} retry={list.reload} />
        ) : (
          <Loading what="the outages" lines={3} />
        )
      ) : shown.items.length === 0 ? (
        <Empty title="No outages">Nothing of this customer went down in this time.</Empty>
      ) : (
        <Table outages={shown.items} />
      )}
      {shown?.has_more && (
        <p class="soft small more">
          The latest {most}. To see all: <code>vpnctl outages {customer}</code>
        </p>
      )}
    </Card>
  );
}

function Table({ outages }: { outages: readonly Outage[] }) {
  return (
    <table class="plain outages" role="table">
      <thead role="rowgroup">
        <tr role="row">
          {["Of", "Began", "Ended", "Lasted", "Cause"].map((title) => (
            <th role="columnheader" scope="col" key={title}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {outages.map((one) => (
          <tr role="row" key={`${one.peer}/${one.connection}/${one.began}`}>
            <td role="cell">
              <Subject outage={one} />
            </td>
            <td role="cell">
              <At time={one.began} />
            </td>
            <td role="cell">{one.ended === null ? <strong>goes on</strong> : <At time={one.ended} />}</td>
            <td role="cell">{spanText(one.seconds)}</td>
            <td role="cell">
              {one.cause.replaceAll("_", " ")}
              {one.removed && ", then removed"}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Subject({ outage }: { outage: Outage }) {
  if (outage.peer !== null) return <a href={peerHref(outage.customer, outage.peer)}>{outage.peer}</a>;
  if (outage.connection !== null)
    return <a href={connectionHref(outage.customer, outage.connection)}>{outage.connection}</a>;
  return <>the customer</>;
}

function At({ time }: { time: string }) {
  const at = Date.parse(time);
  return (
    <time dateTime={isoText(at)} title={isoText(at)}>
      {localText(at)}
    </time>
  );
}
