// What ends soon: quotas that are nearly spent, and peers that expire. Nothing while there is neither.
import { useEffect } from "preact/hooks";

import { api } from "../api/client";
import type { Expiring, NearlySpent, Soon as SoonData } from "../api/types";
import { afterText, usedText } from "../format/limits";
import { Ago } from "../parts/ago";
import { Card } from "../parts/card";
import { QuotaBar } from "../parts/quota";
import { connectionHref, customerHref, peerHref } from "../router";
import { onDelta } from "../state/live";
import { pace } from "../state/pace";
import { useResource } from "../state/resource";
import { attended } from "../state/screen";

export function Soon() {
  const soon = useResource<SoonData>("soon", (signal) => api.soon(signal));
  useEffect(() => {
    const isDue = pace();
    return onDelta((delta) => {
      if (delta.reload || (attended() && isDue())) soon.reload();
    });
  }, []);
  const data = soon.value.value;
  if (data === undefined || data.quotas.length + data.expiring.length === 0) return null;
  return (
    <Card title="Ends soon">
      <ul class="soon">
        {data.quotas.map((one) => (
          <Spent key={`${one.customer}/${one.peer}/${one.connection}`} one={one} />
        ))}
        {data.expiring.map((one) => (
          <Expires key={`${one.customer}/${one.peer}/expires`} one={one} />
        ))}
      </ul>
      {data.has_more && <p class="soft small more">There is more: see vpnctl usage and vpnctl status.</p>}
    </Card>
  );
}

function Spent({ one }: { one: NearlySpent }) {
  return (
    <li>
      <p>
        <Subject {...one} />
        {" · "}
        {one.quota_spent ? `quota spent: ${afterText(one.after_quota)}` : "quota nearly spent"}
      </p>
      <p class="soft small">{usedText(one)} this month</p>
      <QuotaBar of={one} />
    </li>
  );
}

function Expires({ one }: { one: Expiring }) {
  return (
    <li>
      <Subject customer={one.customer} peer={one.peer} connection={null} />
      {" · expires "}
      <Ago at={one.expires} />
    </li>
  );
}

function Subject({ customer, peer, connection }: Pick<NearlySpent, "customer" | "peer" | "connection">) {
  return (
    <>
      <a href={customerHref(customer)}>{customer}</a>
      {peer !== null && (
        <>
          {" / "}
          <a href={peerHref(customer, peer)}>{peer}</a>
        </>
      )}
      {connection !== null && (
        <>
          {" / "}
          <a href={connectionHref(customer, connection)}>{connection}</a>
        </>
      )}
    </>
  );
}
